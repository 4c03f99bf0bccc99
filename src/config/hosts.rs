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
//!   harbour: 198.51.100.20      # nothing but the address
//! ```

mod parse;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::escape::escape_invisible;
use super::text_file::{self, TextFileError};

/// The sites of a hosts file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    sites: BTreeMap<String, Site>,
}

/// One site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteTls {
    /// A site that says something of TLS has it, unless it says that it has not.
    pub enabled: bool,
    /// The CA file. Once parsed, relative to where the program runs and no longer to the hosts file.
    pub ca_file: Option<PathBuf>,
    /// The name that the server's certificate must be for.
    pub server_name: Option<String>,
    /// Whether that is looked at.
    pub verify_name: Option<bool>,
}

impl Default for SiteTls {
    fn default() -> Self {
        Self {
            enabled: true,
            ca_file: None,
            server_name: None,
            verify_name: None,
        }
    }
}

/// A hosts file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// Cannot be read.
    #[error("cannot read hosts file {}: {source}", escape_invisible(path.display()))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: TextFileError,
    },
    /// Is not what a hosts file looks like.
    #[error("hosts file {}: {problem}", escape_invisible(path.display()))]
    Content {
        /// Which.
        path: PathBuf,
        /// The problem, with line and column.
        problem: String,
    },
}

impl HostsError {
    /// Returns whether trying again later can help without a hand on the file: it is on a share that is not mounted yet.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.is_transient())
    }
}

impl Hosts {
    /// Reads a hosts file.
    pub fn load(path: &Path) -> Result<Self, HostsError> {
        let text = text_file::read(path).map_err(|source| HostsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a hosts file. `path` is for the sake of the error, and relative paths in the text are from
    /// its folder.
    pub fn parse(path: &Path, text: &str) -> Result<Self, HostsError> {
        let mut sites = parse::sites(text).map_err(|problem| HostsError::Content {
            path: path.to_owned(),
            problem: escape_invisible(problem),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for tls in sites.values_mut().filter_map(|site| site.tls.as_mut()) {
            // An absolute path stays what it is.
            tls.ca_file = tls.ca_file.as_ref().map(|ca_file| folder.join(ca_file));
        }
        Ok(Self { sites })
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
        self.sites.contains_key(host)
            || host.contains(['.', ':'])
            || host.eq_ignore_ascii_case("localhost")
    }

    /// The names of the sites.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sites.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
