//! One `-p [NODE:]NAME:=VALUE`.

use super::given::Given;
use super::node_pattern::is_word;
use crate::config::yaml_tree::{self, Content, Node};

/// The section of a `-p` without a node's name.
const ANY_NODE: &str = "/**";

/// A `-p`, read.
pub(super) struct ParamArgument {
    /// The section that rcl puts it in.
    pub(super) section: String,
    pub(super) name: String,
    pub(super) given: Given,
}

/// Reads what follows `-p`. An error is one sentence.
pub(super) fn parse(argument: &str) -> Result<ParamArgument, String> {
    let Some((left, value)) = argument.split_once(":=") else {
        return Err("has no := in it: write -p NAME:=VALUE".to_owned());
    };
    let (section, name) = match left.split_once(':') {
        Some((node, name)) => (node, name),
        None => (ANY_NODE, left),
    };
    if section != ANY_NODE && !is_word(section) {
        return Err(format!("{section:?} before the colon is no name of a node"));
    }
    if !name.split('.').all(|part| part.split('/').all(is_word)) {
        return Err(format!("{name:?} is no name of a parameter"));
    }
    let (section, name) = (section.to_owned(), name.to_owned());
    let given = read_value(&name, value)?;
    Ok(ParamArgument {
        section,
        name,
        given,
    })
}

fn read_value(name: &str, value: &str) -> Result<Given, String> {
    let in_quotes = || format!("put a text in quotes for YAML and the shell: \"{name}:='TEXT'\"");
    let mut documents = yaml_tree::parse(value)
        .map_err(|problem| format!("the value cannot be read ({problem}); {}", in_quotes()))?;
    match (documents.pop(), documents.is_empty()) {
        (Some(Node { content, .. }), true) => match content {
            Content::Scalar(scalar) if scalar.is_missing() => Err(no_value(name)),
            Content::Scalar(scalar) => Ok(Given::Scalar(scalar)),
            Content::List(items) => Given::list(&items),
            Content::Map(_) => Err(format!(
                "the value is a mapping, and a parameter cannot hold one; {}",
                in_quotes()
            )),
        },
        (None, _) => Err(no_value(name)),
        (Some(_), false) => Err(format!("the value is more than one; {}", in_quotes())),
    }
}

fn no_value(name: &str) -> String {
    format!("has no value: write \"{name}:=''\" for an empty text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_text() {
        for (argument, section, name, text) in [
            ("host:=08", "/**", "host", "08"),
            ("host:='101'", "/**", "host", "101"),
            (
                "sensr_bridge:tls.enabled:=yes",
                "sensr_bridge",
                "tls.enabled",
                "yes",
            ),
            ("host:=a:=b", "/**", "host", "a:=b"),
            ("host:=2001:db8::1", "/**", "host", "2001:db8::1"),
        ] {
            let read = parse(argument).expect(argument);
            assert_eq!((&*read.section, &*read.name), (section, name));
            assert!(
                matches!(&read.given, Given::Scalar(scalar) if scalar.text == text),
                "{argument}"
            );
        }
    }

    #[test]
    fn what_is_malformed_is_refused_in_one_line() {
        for (argument, words) in [
            ("host", "no :="),
            ("host:=", "no value"),
            ("host:=#x", "no value"),
            ("host:=[", "cannot be read"),
            ("host:=*x", "cannot be read"),
            ("host:=[::1]", "cannot be read"),
            ("host:={a: b}", "mapping"),
            ("host:=[[1]]", "list"),
            (":=x", "no name of a parameter"),
            ("a b:=x", "no name of a parameter"),
            ("tls.:=x", "no name of a parameter"),
            ("/site/bridge:host:=x", "no name of a node"),
            ("host:=a\n---\nb", "more than one"),
            ("ho\nst:=x", "no name of a parameter"),
        ] {
            let refusal = parse(argument).map(|_| ()).expect_err(argument);
            assert!(refusal.contains(words), "{argument:?}: {refusal}");
            assert!(!refusal.contains('\n'), "{refusal}");
        }
    }
}
