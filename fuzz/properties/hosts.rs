//! Hosts file and parameter file.

use std::path::Path;

use sensr_bridge::config::address::{check_address, check_host};
use sensr_bridge::config::overrides::Overrides;
use sensr_bridge::config::table::BRIDGE;
use sensr_bridge::config::{Config, Hosts, ResolvedConfig, Settings, Value, text_file};

/// Bytes of a hosts file, also parsed as a parameter file and as a `-p` argument.
///
/// The file is refused with one line that names it, or all its sites are usable: each has a name that is valid for `host`,
/// an address that can be connected to and ports other than 0, and yields a configuration or a one-line error. A site with
/// TLS has a CA file.
///
/// # Panics
///
/// If that does not hold.
pub fn hosts(data: &[u8]) {
    check_parameter_file(data);
    let text = match text_file::decode_text(data.to_vec()) {
        Ok(text) => text,
        Err(error) => {
            assert_one_line(&error.to_string());
            return;
        }
    };
    check_parameter_argument(&text);
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
        match ResolvedConfig::with_hosts(config, &hosts) {
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

/// Bytes of a parameter file: refused with one line that names the file, or values for every node.
fn check_parameter_file(data: &[u8]) {
    let mut overrides = Overrides::default();
    match overrides.add_file_contents("file.yaml", data) {
        Ok(()) => check_nodes(&overrides),
        Err(error) => {
            let line = error.to_string();
            assert_one_line(&line);
            assert!(line.starts_with("parameter file file.yaml: "), "{line:?}");
        }
    }
}

/// Argument of `-p`: refused with one line that shows it, or a value for every node. Plain text is a string.
fn check_parameter_argument(text: &str) {
    for argument in [text, &format!("host:={text}")] {
        let mut overrides = Overrides::default();
        match overrides.add_argument(argument) {
            Ok(()) => check_nodes(&overrides),
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
        let start = overrides
            .for_node("/sensr_bridge", &BRIDGE)
            .expect("a text");
        let expected = Value::String(text.to_owned());
        assert_eq!(start.settings.get("hosts_file"), Some(&expected));
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "null" | "Null" | "NULL")
}

/// Checks that values are within their range and all messages about them are one line.
fn check_nodes(overrides: &Overrides) {
    for node in ["/sensr_bridge", "/a/b/sensr_bridge"] {
        match overrides.for_node(node, &BRIDGE) {
            Ok(start) => {
                for line in start.warnings.iter().chain(&start.notes) {
                    assert_one_line(line);
                }
                for parameter in BRIDGE.parameters {
                    let value = start.settings.get(parameter.name).expect("each has one");
                    let mut again = Settings::of(&BRIDGE);
                    again.set(parameter.name, value.clone()).expect("in range");
                }
            }
            Err(error) => assert_one_line(&error.to_string()),
        }
    }
}

/// Requires a text that is one line in the log and on the terminal.
pub(super) fn assert_one_line(line: &str) {
    assert!(!line.contains(['\n', '\r', '\0']), "{line:?}");
}
