//! The hosts file: names for sites, so that nobody has to type addresses.
//!
//! ```yaml
//! sites:
//!   samyang:
//!     address: 192.0.2.10
//!     output_port: 5050   # the rest only where it is not what the parameters say
//!     points_port: 5051
//!     frame_id: samyang_lidar
//!     parent_frame: map
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::table::Rule;

/// The sites of a hosts file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    sites: BTreeMap<String, Site>,
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Host name, IPv4 or IPv6 address of the SENSR machine.
    pub address: String,
    /// TCP port of the output stream, if not the one of the parameter.
    pub output_port: Option<u16>,
    /// TCP port of the point stream, if not the one of the parameter.
    pub points_port: Option<u16>,
    /// Frame of its coordinates, if not the one of the parameter.
    pub frame_id: Option<String>,
    /// What that frame is tied to, if not what the parameter says.
    pub parent_frame: Option<String>,
}

/// A hosts file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// Cannot be read.
    #[error("cannot read hosts file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Is not what a hosts file looks like.
    #[error("hosts file {}: {}", path.display(), one_line(source))]
    Parse {
        /// Which.
        path: PathBuf,
        /// Why, with line and column.
        source: serde_yaml::Error,
    },
    /// Has a site that cannot be used.
    #[error("hosts file {}: site {}: {problem}", path.display(), one_line(site))]
    Site {
        /// Which.
        path: PathBuf,
        /// The site.
        site: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// For the log: what the file says may have line feeds in it, and escape sequences for the terminal.
fn one_line(text: impl fmt::Display) -> String {
    let escape = |letter: char| {
        let escaped = letter.is_control().then(|| letter.escape_debug());
        let plain = escaped.is_none().then_some(letter);
        escaped.into_iter().flatten().chain(plain)
    };
    text.to_string().chars().flat_map(escape).collect()
}

impl Hosts {
    /// Reads a hosts file.
    pub fn load(path: &Path) -> Result<Self, HostsError> {
        let text = std::fs::read_to_string(path).map_err(|source| HostsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a hosts file. `path` is for the sake of the error.
    pub fn parse(path: &Path, text: &str) -> Result<Self, HostsError> {
        let hosts: Self = serde_yaml::from_str(text).map_err(|source| HostsError::Parse {
            path: path.to_owned(),
            source,
        })?;
        for (name, site) in &hosts.sites {
            if let Some(problem) = site.problem() {
                return Err(HostsError::Site {
                    path: path.to_owned(),
                    site: name.clone(),
                    problem,
                });
            }
        }
        Ok(hosts)
    }

    /// The site of that name.
    #[must_use]
    pub fn site(&self, host: &str) -> Option<&Site> {
        self.sites.get(host)
    }

    /// The names of the sites.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sites.keys().map(String::as_str)
    }
}

impl Site {
    fn problem(&self) -> Option<&'static str> {
        let is_frame =
            |frame: &Option<String>| frame.as_ref().is_none_or(|frame| Rule::Frame.allows(frame));
        if !Rule::Word.allows(&self.address) {
            Some("address must be a host name or an address")
        } else if self.output_port == Some(0) {
            Some("output_port must be 1 to 65535")
        } else if self.points_port == Some(0) {
            Some("points_port must be 1 to 65535")
        } else if !is_frame(&self.frame_id) {
            Some("frame_id must not be empty, have blanks or a leading slash")
        } else if !is_frame(&self.parent_frame) {
            Some("parent_frame must not be empty, have blanks or a leading slash")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Hosts, HostsError> {
        Hosts::parse(Path::new("hosts.yaml"), text)
    }

    #[test]
    fn a_site_or_an_address() {
        let hosts = load(
            "sites:\n  harbour: {address: 192.0.2.7}\n  v6: {address: '2001:db8::7', points_port: 6051}\n",
        )
        .expect("valid");
        assert_eq!(hosts.site("v6").expect("there").points_port, Some(6051));
        assert_eq!(hosts.site("192.0.2.99"), None);
        assert_eq!(hosts.names().collect::<Vec<_>>(), ["harbour", "v6"]);
    }

    #[test]
    fn every_error_names_the_file_and_the_place() {
        let error = |text| load(text).expect_err("refused").to_string();
        let unknown = error("sites:\n  a: {address: x, port: 1}\n");
        assert!(
            unknown.contains("port") && unknown.contains("line 2"),
            "{unknown}"
        );
        assert!(error("sites: [").contains("line"));
        let empty = error("sites: {a: {address: ''}}");
        assert!(empty.contains("site a"), "{empty}");
        let frame = error("sites: {a: {address: x, frame_id: /lidar}}");
        assert!(frame.contains("frame_id"), "{frame}");
        let missing = Hosts::load(Path::new("/no/such/hosts.yaml"))
            .expect_err("missing")
            .to_string();
        assert!(missing.contains("/no/such/hosts.yaml"), "{missing}");
    }

    #[test]
    fn every_error_is_one_line() {
        for (text, shown) in [
            (r#"sites: {"a\nb": {address: ''}}"#, r"site a\nb: address"),
            (r#"sites: {a: {address: x, "p\nt": 1}}"#, r"`p\nt`"),
            ("sites: {\"a\\eb\": {address: ''}}", r"a\u{1b}b"),
        ] {
            let line = load(text).expect_err("refused").to_string();
            assert!(line.contains(shown), "{line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn the_shipped_file_has_two_example_sites_with_documentation_addresses() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/hosts.yaml");
        let hosts = Hosts::load(&path).expect("valid");
        assert_eq!(hosts.sites.len(), 2);
        for site in hosts.sites.values() {
            // RFC 5737
            assert!(
                ["192.0.2.", "198.51.100.", "203.0.113."]
                    .iter()
                    .any(|net| site.address.starts_with(net)),
                "{}",
                site.address
            );
        }
    }
}
