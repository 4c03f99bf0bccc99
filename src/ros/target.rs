//! What the parameters lead to: where to connect, and as what.

use std::path::PathBuf;

use super::Error;
use crate::config::hosts::Hosts;
use crate::config::{Config, ParameterError};
use crate::sensr::client::LinkOptions;
use crate::sensr::link::Endpoint;

/// The links of a configuration, with what the hosts file says of the site in it.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) points: LinkOptions,
    pub(super) output: LinkOptions,
}

impl Target {
    /// Looks the host up. If it is another than before and no site, that is said: it may be a typing error.
    pub(super) fn of(config: &Config, before: Option<&Config>) -> Result<Self, Error> {
        let (path, hosts) = load_hosts(config)?;
        let host = &config.host;
        let is_new = before.is_none_or(|before| {
            (&before.host, &before.hosts_file) != (&config.host, &config.hosts_file)
        });
        let is_site = hosts.site(host).is_some();
        if is_new && !is_site && !host.contains(['.', ':']) && host != "localhost" {
            let known: Vec<_> = hosts.names().collect();
            log::warn!(
                "host {host} is no site of {} (it has: {}), so it is taken as a host name",
                path.display(),
                known.join(", ")
            );
        }
        Self::at_site(config.clone(), &hosts).map_err(Error::from)
    }

    fn at_site(config: Config, hosts: &Hosts) -> Result<Self, ParameterError> {
        let config = config.for_site(hosts)?;
        let link = |port| LinkOptions {
            endpoint: Endpoint {
                address: config.host.clone(),
                port,
            },
            max_message_bytes: config.max_message_bytes,
            backoff: config.reconnect,
        };
        Ok(Self {
            points: link(config.points_port),
            output: link(config.output_port),
            config,
        })
    }
}

fn load_hosts(config: &Config) -> Result<(PathBuf, Hosts), Error> {
    let shipped = || shipped_hosts_file().filter(|path| path.exists());
    match config.hosts_file.clone().or_else(shipped) {
        Some(path) => {
            let hosts = Hosts::load(&path)?;
            Ok((path, hosts))
        }
        // Run from the build tree there is none, and nobody asked for it.
        None => Ok((PathBuf::new(), Hosts::default())),
    }
}

/// `<prefix>/share/sensr_bridge/config/hosts.yaml` for `<prefix>/lib/sensr_bridge/sensr_bridge`.
fn shipped_hosts_file() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let prefix = executable.ancestors().nth(3)?;
    Some(prefix.join("share/sensr_bridge/config/hosts.yaml"))
}
