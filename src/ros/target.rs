//! What the parameters lead to: where to connect, and as what.

use std::path::PathBuf;

use super::Error;
use crate::config::hosts::Hosts;
use crate::config::{self, Config};
use crate::sensr::link::Endpoint;
use crate::sensr::options::LinkOptions;

/// The links of a configuration, with what the hosts file says of the site in it.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) points: LinkOptions,
    pub(super) output: LinkOptions,
}

impl Target {
    /// Looks the host up, and sees that what TLS needs is there.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        let (path, hosts) = load_hosts(config)?;
        if !hosts.knows(&config.host) {
            return Err(unknown_site(&config.host, path, &hosts));
        }
        let config = config.clone().for_site(&hosts)?;
        let tls = config.wanted_tls();
        if let Some(tls) = tls {
            tls.check()?;
        }
        let link = |port| LinkOptions {
            endpoint: Endpoint {
                address: config.host.clone(),
                port,
                tls: tls.cloned(),
            },
            max_message_bytes: config.max_message_bytes,
            backoff: config.reconnect,
            patience: config.patience,
            is_wanted: true,
            requests: 0,
        };
        Ok(Self {
            points: link(config.points_port),
            output: link(config.output_port),
            config,
        })
    }
}

fn unknown_site(host: &str, hosts_file: PathBuf, hosts: &Hosts) -> Error {
    let near = config::near(host, hosts.names());
    Error::UnknownSite {
        host: host.to_owned(),
        hosts_file,
        known: hosts.names().collect::<Vec<_>>().join(", "),
        near: near.map_or_else(String::new, |near| format!(", did you mean {near}?")),
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
