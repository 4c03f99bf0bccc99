//! The hosts file, and the parameter file.

use std::path::Path;

use sensr_bridge::config::address::{check_address, check_host};
use sensr_bridge::config::overrides::Overrides;
use sensr_bridge::config::table::PARAMETERS;
use sensr_bridge::config::{Config, Hosts, Settings, Value, text_file};

/// The bytes of a hosts file, taken for a parameter file and for a `-p` too.
///
/// It is refused with one line that names the file, or all its sites can be used: each has a name that `host` can
/// have, an address that can be connected to and ports that are not 0, and gives a configuration or a line that says
/// why not. With TLS it has a CA file.
///
/// # Panics
///
/// If that does not hold.
pub fn hosts(data: &[u8]) {
    params_file(data);
    let text = match text_file::decode_text(data.to_vec()) {
        Ok(text) => text,
        Err(error) => {
            assert_one_line(&error.to_string());
            return;
        }
    };
    param_argument(&text);
    let hosts = match Hosts::parse(Path::new("hosts.yaml"), &text) {
        Ok(hosts) => hosts,
        Err(error) => {
            let line = error.to_string();
            assert_one_line(&line);
            assert!(line.starts_with("hosts file hosts.yaml: "), "{line:?}");
            assert!(!line.contains("invalid type"), "{line:?}");
            return;
        }
    };
    for name in hosts.site_names() {
        let site = hosts.site(name).expect("a site of that name");
        let address = &site.address;
        assert_eq!(check_host(name), Ok(()));
        assert_eq!(check_address(address), Ok(()));
        assert!(site.output_port != Some(0) && site.points_port != Some(0));
        let config = Config {
            host: name.to_owned(),
            ..Config::default()
        };
        match config.with_hosts(&hosts) {
            Ok(config) => {
                assert_eq!(config.host, *address);
                assert_ne!(config.parent_frame.as_ref(), Some(&config.frame_id));
                let ca_file = config.enabled_tls().map(|tls| &tls.ca_file);
                assert!(ca_file.is_none_or(|path| !path.as_os_str().is_empty()));
            }
            Err(error) => assert_one_line(&error.to_string()),
        }
    }
}

/// The bytes of a parameter file: refused with one line that names the file, or values for every node.
fn params_file(data: &[u8]) {
    let mut overrides = Overrides::default();
    match overrides.add_file_contents("file.yaml", data) {
        Ok(()) => for_nodes(&overrides),
        Err(error) => {
            let line = error.to_string();
            assert_one_line(&line);
            assert!(line.starts_with("parameter file file.yaml: "), "{line:?}");
        }
    }
}

/// An argument of `-p`: refused with one line that shows it, or a value for every node. A text is taken as it is written.
fn param_argument(text: &str) {
    for argument in [text, &format!("host:={text}")] {
        let mut overrides = Overrides::default();
        match overrides.add_argument(argument) {
            Ok(()) => for_nodes(&overrides),
            Err(error) => {
                let line = error.to_string();
                assert_one_line(&line);
                assert!(line.starts_with("-p "), "{line:?}");
            }
        }
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
    if !text.is_empty() && text.chars().all(is_plain) && !is_null(text) {
        let mut overrides = Overrides::default();
        overrides
            .add_argument(&format!("hosts_file:={text}"))
            .expect("letters and digits");
        let start = overrides.for_node("/sensr_bridge").expect("a text");
        let expected = Value::String(text.to_owned());
        assert_eq!(start.settings.get("hosts_file"), Some(&expected));
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "null" | "Null" | "NULL")
}

/// Values are within their range, and everything that is said of them is one line.
fn for_nodes(overrides: &Overrides) {
    for node in ["/sensr_bridge", "/a/b/sensr_bridge"] {
        match overrides.for_node(node) {
            Ok(start) => {
                for line in start.warnings.iter().chain(&start.notes) {
                    assert_one_line(line);
                }
                for parameter in PARAMETERS {
                    let value = start.settings.get(parameter.name).expect("each has one");
                    let mut again = Settings::default();
                    again.set(parameter.name, value.clone()).expect("in range");
                }
            }
            Err(error) => assert_one_line(&error.to_string()),
        }
    }
}

/// For the log and the terminal.
pub(super) fn assert_one_line(line: &str) {
    assert!(!line.contains(['\n', '\r', '\0']), "{line:?}");
}
