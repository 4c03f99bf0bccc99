//! The hosts file: addresses and settings of named sites.
//!
//! ```yaml
//! sites:
//!   samyang:
//!     address: 192.0.2.10
//!     output_port: 5050   # this and the following override the parameters
//!     points_port: 5051
//!     frame_id: samyang_lidar
//!     parent_frame: map
//!     transform: {x_m: 12.5, yaw_deg: 90}   # of frame_id in parent_frame; also y_m, z_m, roll_deg, pitch_deg
//!     origin: {latitude_deg: 37.5, longitude_deg: 127.0}   # of parent_frame; also altitude_m, heading_deg
//!     earth_frame: earth
//!     tls:
//!       ca_file: sensr-ca.crt   # relative to the hosts file
//!       server_name: sensr.example
//!       verify_name: true
//!   harbour: 198.51.100.20      # only an address
//! ```

pub(super) mod keys;
mod parse;
mod place;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::escape::escape_invisible;
use super::text_file::{self, TextFileError};

/// The sites of a hosts file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hosts {
    sites: BTreeMap<String, Site>,
}

/// One site.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Site {
    /// Host name, IPv4 or IPv6 address of the SENSR machine.
    pub address: String,
    /// TCP port of the output stream. Overrides the parameter.
    pub output_port: Option<u16>,
    /// TCP port of the point stream. Overrides the parameter.
    pub points_port: Option<u16>,
    /// Frame of the site's coordinates. Overrides the parameter.
    pub frame_id: Option<String>,
    /// Parent of that frame. Overrides the parameter.
    pub parent_frame: Option<String>,
    /// Transform of the frame within its parent. Overrides the parameters.
    pub transform: Option<SiteTransform>,
    /// Origin on earth. Overrides the parameters.
    pub origin: Option<SiteOrigin>,
    /// Frame that is fixed to the earth. Overrides the parameter.
    pub earth_frame: Option<String>,
    /// TLS settings. Override the parameters.
    pub tls: Option<SiteTls>,
}

/// Transform of a site. Missing values are those of the parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SiteTransform {
    /// Translation along x, y and z, metres.
    pub translation_m: [Option<f64>; 3],
    /// Roll, pitch and yaw, degrees.
    pub rpy_deg: [Option<f64>; 3],
}

/// Origin of a site on earth. Missing values are those of the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteOrigin {
    /// The site has an origin. True if the file gives one, unless it is set to false.
    pub enabled: bool,
    /// Latitude, degrees north.
    pub latitude_deg: f64,
    /// Longitude, degrees east.
    pub longitude_deg: f64,
    /// Altitude above the WGS 84 ellipsoid, metres.
    pub altitude_m: Option<f64>,
    /// Heading of the x axis, degrees clockwise from true north.
    pub heading_deg: Option<f64>,
}

impl Default for SiteOrigin {
    fn default() -> Self {
        Self {
            enabled: true,
            latitude_deg: 0.0,
            longitude_deg: 0.0,
            altitude_m: None,
            heading_deg: None,
        }
    }
}

/// TLS settings of a site. Missing ones are those of the parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteTls {
    /// Use TLS. True if the site has TLS settings, unless it is set to false.
    pub enabled: bool,
    /// CA file. In the file relative to the hosts file's folder, after parsing to the working directory.
    pub ca_file: Option<PathBuf>,
    /// Name that the server's certificate must be issued for.
    pub server_name: Option<String>,
    /// Verify that name.
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

/// Unusable hosts file.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// The file cannot be read.
    #[error("cannot read hosts file {}: {source}", escape_invisible(path.display()))]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: TextFileError,
    },
    /// The content is invalid.
    #[error("hosts file {}: {problem}", escape_invisible(path.display()))]
    Content {
        /// Path of the file.
        path: PathBuf,
        /// The problem, with line and column.
        problem: String,
    },
}

impl HostsError {
    /// Returns whether the file may become readable without an edit, as on a share that is mounted later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.is_transient())
    }
}

impl Hosts {
    /// Reads and parses a hosts file.
    pub fn load(path: &Path) -> Result<Self, HostsError> {
        let text = text_file::read_text(path).map_err(|source| HostsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Parses the text of a hosts file. Relative paths in it start at the folder of `path`, which errors name.
    pub fn parse(path: &Path, text: &str) -> Result<Self, HostsError> {
        match parse::parse_sites(text) {
            Ok(sites) => Ok(Self::in_folder_of(path, sites)),
            Err(problem) => Err(content_error(path, &problem)),
        }
    }

    /// Reads a hosts file and returns its valid sites, and all of its problems, the first as [`load`](Self::load)
    /// returns it.
    #[must_use]
    pub fn examine(path: &Path) -> (Self, Vec<HostsError>) {
        match text_file::read_text(path) {
            Ok(text) => {
                let (sites, problems) = parse::parse_with_problems(&text);
                let problems = problems.iter();
                let problems = problems.map(|problem| content_error(path, problem));
                (Self::in_folder_of(path, sites), problems.collect())
            }
            Err(source) => {
                let path = path.to_owned();
                (Self::default(), vec![HostsError::Read { path, source }])
            }
        }
    }

    /// Resolves the relative paths of the sites against the folder of the hosts file.
    fn in_folder_of(path: &Path, mut sites: BTreeMap<String, Site>) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        for tls in sites.values_mut().filter_map(|site| site.tls.as_mut()) {
            // `join` keeps absolute paths.
            tls.ca_file = tls.ca_file.as_ref().map(|ca_file| folder.join(ca_file));
        }
        Self { sites }
    }

    /// Returns the site of that name.
    #[must_use]
    pub fn site(&self, host: &str) -> Option<&Site> {
        self.sites.get(host)
    }

    /// Returns whether `host` is a site of this file, or an address: an IP address, a name with a dot, or this machine.
    /// Any other single word must be a site, so that a typo is reported instead of retried.
    #[must_use]
    pub fn accepts_host(&self, host: &str) -> bool {
        self.sites.contains_key(host)
            || host.contains(['.', ':'])
            || host.eq_ignore_ascii_case("localhost")
    }

    /// Returns the sites with their names.
    pub fn sites(&self) -> impl Iterator<Item = (&str, &Site)> {
        self.sites.iter().map(|(name, site)| (&**name, site))
    }

    /// Returns the names of the sites.
    pub fn site_names(&self) -> impl Iterator<Item = &str> {
        self.sites.keys().map(String::as_str)
    }
}

fn content_error(path: &Path, problem: &str) -> HostsError {
    HostsError::Content {
        path: path.to_owned(),
        problem: escape_invisible(problem),
    }
}

/// Returns the path of the hosts file that is installed with the running executable, which need not exist:
/// `<prefix>/share/sensr_bridge/config/hosts.yaml` for `<prefix>/lib/sensr_bridge/sensr_bridge`.
#[must_use]
pub fn shipped_hosts_file() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let prefix = executable.ancestors().nth(3)?;
    Some(prefix.join("share/sensr_bridge/config/hosts.yaml"))
}

#[cfg(test)]
mod tests;
