//! Parser of `-p [NODE:]NAME:=VALUE`.

use super::node_pattern::is_word;
use super::untyped_value::UntypedValue;
use crate::config::yaml_tree::{self, YamlContent, YamlNode};

/// The section of a `-p` without a node's name.
const ANY_NODE: &str = "/**";

/// A parsed `-p` argument.
pub(super) struct ParamArgument {
    /// Section that rcl adds it to.
    pub(super) section: String,
    pub(super) name: String,
    pub(super) value: UntypedValue,
}

/// Parses the text after `-p`. The error is one sentence.
pub(super) fn parse_argument(argument: &str) -> Result<ParamArgument, String> {
    let Some((left, value)) = argument.split_once(":=") else {
        return Err("has no := in it: write -p NAME:=VALUE".to_owned());
    };
    let (section, name) = match left.split_once(':') {
        Some((node, name)) => (node, name),
        None => (ANY_NODE, left),
    };
    if section != ANY_NODE && !is_word(section) {
        return Err(format!("{section:?} before the colon is not a node name"));
    }
    if !name.split('.').all(|part| part.split('/').all(is_word)) {
        return Err(format!("{name:?} is not a parameter name"));
    }
    let (section, name) = (section.to_owned(), name.to_owned());
    let value = read_value(&name, value)?;
    Ok(ParamArgument {
        section,
        name,
        value,
    })
}

fn read_value(name: &str, value: &str) -> Result<UntypedValue, String> {
    let quote_hint =
        || format!("put a string in quotes for YAML and the shell: \"{name}:='TEXT'\"");
    let mut documents = yaml_tree::parse_documents(value)
        .map_err(|problem| format!("the value cannot be read ({problem}); {}", quote_hint()))?;
    match (documents.pop(), documents.is_empty()) {
        (Some(YamlNode { content, .. }), true) => match content {
            YamlContent::Scalar(scalar) if scalar.is_missing() => Err(no_value_error(name)),
            YamlContent::Scalar(scalar) => Ok(UntypedValue::Scalar(scalar)),
            YamlContent::List(items) => UntypedValue::from_list(&items),
            YamlContent::Map(_) => Err(format!(
                "the value is a mapping, and a parameter cannot hold one; {}",
                quote_hint()
            )),
        },
        (None, _) => Err(no_value_error(name)),
        (Some(_), false) => Err(format!("the value is more than one; {}", quote_hint())),
    }
}

fn no_value_error(name: &str) -> String {
    format!("has no value: write \"{name}:=''\" for an empty string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_keeps_its_text() {
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
            let read = parse_argument(argument).expect(argument);
            assert_eq!((&*read.section, &*read.name), (section, name));
            assert!(
                matches!(&read.value, UntypedValue::Scalar(scalar) if scalar.text == text),
                "{argument}"
            );
        }
    }

    #[test]
    fn malformed_arguments_are_refused_in_one_line() {
        for (argument, words) in [
            ("host", "no :="),
            ("host:=", "no value"),
            ("host:=#x", "no value"),
            ("host:=[", "cannot be read"),
            ("host:=*x", "cannot be read"),
            ("host:=[::1]", "cannot be read"),
            ("host:={a: b}", "mapping"),
            ("host:=[[1]]", "list"),
            (":=x", "not a parameter name"),
            ("a b:=x", "not a parameter name"),
            ("tls.:=x", "not a parameter name"),
            ("/site/bridge:host:=x", "not a node name"),
            ("host:=a\n---\nb", "more than one"),
            ("ho\nst:=x", "not a parameter name"),
        ] {
            let refusal = parse_argument(argument).map(|_| ()).expect_err(argument);
            assert!(refusal.contains(words), "{argument:?}: {refusal}");
            assert!(!refusal.contains('\n'), "{refusal}");
        }
    }
}
