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
//!     tls:
//!       ca_file: sensr-ca.crt   # relative to the hosts file
//!       server_name: sensr.example
//!       verify_name: true
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::one_line;
use super::table::Rule;
use crate::sensr::tls;

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
    /// Whether and how it speaks TLS, if not as the parameters say.
    pub tls: Option<SiteTls>,
}

/// TLS of a site. What is not given is as the parameters say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteTls {
    /// A site that says something of TLS has it, unless it says that it has not.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The CA file. Once parsed, relative to where the program runs and no longer to the hosts file.
    pub ca_file: Option<PathBuf>,
    /// The name that the server's certificate must be for.
    pub server_name: Option<String>,
    /// Whether that is looked at.
    pub verify_name: Option<bool>,
}

fn yes() -> bool {
    true
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

impl Hosts {
    /// Reads a hosts file.
    pub fn load(path: &Path) -> Result<Self, HostsError> {
        let text = std::fs::read_to_string(path).map_err(|source| HostsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a hosts file. `path` is for the sake of the error, and relative paths in the text are from
    /// its folder.
    pub fn parse(path: &Path, text: &str) -> Result<Self, HostsError> {
        let mut hosts: Self = serde_yaml::from_str(text).map_err(|source| HostsError::Parse {
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
        let folder = path.parent().unwrap_or(Path::new(""));
        for tls in hosts
            .sites
            .values_mut()
            .filter_map(|site| site.tls.as_mut())
        {
            // An absolute path stays what it is.
            tls.ca_file = tls.ca_file.as_ref().map(|ca_file| folder.join(ca_file));
        }
        Ok(hosts)
    }

    /// The site of that name.
    #[must_use]
    pub fn site(&self, host: &str) -> Option<&Site> {
        self.sites.get(host)
    }

    /// Whether `host` can be anything but a site that is not in here: an address, a name with a dot, this machine. A
    /// single word is taken for a site, so that a typing error is told from a machine that is switched off.
    #[must_use]
    pub fn knows(&self, host: &str) -> bool {
        self.sites.contains_key(host) || host.contains(['.', ':']) || host == "localhost"
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
            self.tls.as_ref().and_then(SiteTls::problem)
        }
    }
}

impl SiteTls {
    fn problem(&self) -> Option<&'static str> {
        let is_empty = |path: &PathBuf| path.as_os_str().is_empty();
        let is_no_name = |name: &String| !tls::is_server_name(name);
        if self.ca_file.as_ref().is_some_and(is_empty) {
            Some("tls: ca_file must not be empty")
        } else if self.server_name.as_ref().is_some_and(is_no_name) {
            Some("tls: server_name must be a DNS name or an IP address")
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
        for known in [
            "harbour",
            "192.0.2.99",
            "2001:db8::9",
            "sensr.example",
            "localhost",
        ] {
            assert!(hosts.knows(known), "{known}");
        }
        assert!(!hosts.knows("harbor"));
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
        let name = error("sites: {a: {address: x, tls: {server_name: 'two words'}}}");
        assert!(name.contains("site a: tls: server_name"), "{name}");
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
