//! Parameters with the settings of a site applied.

use std::ops::Deref;

use super::hosts::Site;
use super::{Config, Hosts, ParameterError};
use crate::place::Transform;

/// Parameters as links and data flow use them: with the settings of the site applied. Read-only.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResolvedConfig(Config);

impl ResolvedConfig {
    /// Applies the settings of a site, which override the parameters. `None`: `host` is an address.
    pub fn for_site(given: Config, site: Option<Site>) -> Result<Self, ParameterError> {
        let (config, errors) = Self::examine_site(given, site);
        errors.into_iter().next().map_or(Ok(config), Err)
    }

    /// Applies the settings of a site, and returns all errors with which [`for_site`](Self::for_site) would fail one after
    /// the other.
    #[must_use]
    pub fn examine_site(mut given: Config, site: Option<Site>) -> (Self, Vec<ParameterError>) {
        let needed_by = if given.tls_enabled {
            "tls.enabled"
        } else {
            "tls of the site in the hosts file"
        };
        if let Some(site) = site {
            given.host = site.address;
            given.output_port = site.output_port.unwrap_or(given.output_port);
            given.points_port = site.points_port.unwrap_or(given.points_port);
            given.frame_id = site.frame_id.unwrap_or(given.frame_id);
            given.parent_frame = site.parent_frame.or(given.parent_frame);
            given.earth_frame = site.earth_frame.or(given.earth_frame);
            given.place.apply_site(site.transform, site.origin);
            if let Some(tls) = site.tls {
                given.tls_enabled = tls.enabled;
                given.tls.ca_file = tls.ca_file.unwrap_or(given.tls.ca_file);
                given.tls.server_name = tls.server_name.or(given.tls.server_name);
                given.tls.verify_name = tls.verify_name.unwrap_or(given.tls.verify_name);
            }
        }
        let mut errors = given.conflicts();
        if given.tls_enabled && given.tls.ca_file.as_os_str().is_empty() {
            errors.push(ParameterError::Missing {
                name: "tls.ca_file",
                needed_by,
            });
        }
        (Self(given), errors)
    }

    /// Applies the settings of the site that `host` names in a hosts file. A `host` that is not a site is an address.
    pub fn with_hosts(given: Config, hosts: &Hosts) -> Result<Self, ParameterError> {
        let site = hosts.site(&given.host).cloned();
        Self::for_site(given, site)
    }

    /// Takes the parameters as they are, for a site that is not known yet.
    #[must_use]
    pub fn unresolved(given: Config) -> Self {
        Self(given)
    }

    /// Returns a copy with changed parameters.
    #[must_use]
    pub fn with_changes(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.0);
        changed
    }

    /// Returns server, frames and reliability as JSON, for programs such as the launch file.
    #[must_use]
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "host": self.host,
            "output_port": self.output_port,
            "points_port": self.points_port,
            "tls.enabled": self.tls_enabled,
            "frame_id": self.frame_id,
            "parent_frame": self.parent_frame.as_deref().unwrap_or_default(),
            "frames_coincide": self.place.transform() == Transform::IDENTITY,
            "qos.reliability": if self.qos.reliable { "reliable" } else { "best_effort" },
        })
    }
}

impl Deref for ResolvedConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0
    }
}
