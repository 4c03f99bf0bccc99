//! The hosts file, and the parameter file.

use std::path::Path;

use sensr_bridge::config::address::{check_address, check_host};
use sensr_bridge::config::params_file::ParamsFile;
use sensr_bridge::config::{Config, Hosts, text_file};

/// The text of a hosts file, taken for a parameter file too.
///
/// It is refused with one line that names the file, or all its sites can be used: each has a name that `host` can
/// have, an address that can be connected to and ports that are not 0, and gives a configuration or a line that says
/// why not. With TLS it has a CA file.
///
/// # Panics
///
/// If that does not hold.
pub fn hosts(data: &[u8]) {
    let text = match text_file::decode(data.to_vec()) {
        Ok(text) => text,
        Err(error) => {
            assert_one_line(&error.to_string());
            return;
        }
    };
    params_file(&text);
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
    for name in hosts.names() {
        let site = hosts.site(name).expect("a site of that name");
        let address = &site.address;
        assert_eq!(check_host(name), Ok(()));
        assert_eq!(check_address(address), Ok(()));
        assert!(site.output_port != Some(0) && site.points_port != Some(0));
        let config = Config {
            host: name.to_owned(),
            ..Config::default()
        };
        match config.for_site(&hosts) {
            Ok(config) => {
                assert_eq!(config.host, *address);
                assert_ne!(config.parent_frame.as_ref(), Some(&config.frame_id));
                let ca_file = config.wanted_tls().map(|tls| &tls.ca_file);
                assert!(ca_file.is_none_or(|path| !path.as_os_str().is_empty()));
            }
            Err(error) => assert_one_line(&error.to_string()),
        }
    }
}

/// The text of a parameter file: refused with one line, or it says for whom it is.
fn params_file(text: &str) {
    match ParamsFile::parse(text) {
        Ok(file) => {
            assert_one_line(&file.nodes());
            // Whatever patterns it holds, the answer comes.
            let _: bool = file.is_for("/a/b/sensr_bridge");
        }
        Err(line) => assert_one_line(&line),
    }
}

/// For the log and the terminal.
pub(super) fn assert_one_line(line: &str) {
    assert!(!line.contains(['\n', '\r', '\0']), "{line:?}");
}
