//! Hosts, ports and reconnection.

use super::{Converter, Fate, NewSite, quantity};
use crate::check::import::host::{
    Link, is_port_key, link_of_key, link_of_port, parse_address, parse_port,
};
use crate::config::table::BRIDGE;
use crate::config::{Settings, Value};

const ADDRESS_KEYS: [&str; 9] = [
    "host",
    "ip",
    "address",
    "addr",
    "hostname",
    "url",
    "uri",
    "server",
    "ip_address",
];
const CONNECTION_SECTIONS: [&str; 9] = [
    "",
    "websocket",
    "ws",
    "sensr",
    "connection",
    "server",
    "network",
    "client",
    "host",
];
const CHOICE_KEYS: [&str; 8] = [
    "default_host",
    "active_host",
    "selected_host",
    "current_host",
    "host_name",
    "site",
    "location",
    "target",
];
const TLS_WORDS: [&str; 3] = ["tls", "ssl", "secure"];

/// Returns whether a key is a field of a host instead of the name of one.
pub(super) fn is_host_field(key: &str) -> bool {
    ADDRESS_KEYS.contains(&key) || is_port_key(key) || key == "ports" || TLS_WORDS.contains(&key)
}

impl Converter<'_> {
    /// Converts a value of a named host. `key` is its name, or its place in a list.
    pub(super) fn convert_site(
        &mut self,
        key: &str,
        field: &[&str],
        text: &str,
        from: &str,
    ) -> Fate {
        let index = self
            .sites
            .iter()
            .position(|(known, _)| known == key)
            .unwrap_or_else(|| {
                // The name of a mapping; items of lists have it inside.
                let name = if key.starts_with('[') { "" } else { key };
                self.sites.push((
                    key.to_owned(),
                    NewSite {
                        name: name.to_owned(),
                        ..NewSite::default()
                    },
                ));
                self.sites.len() - 1
            });
        let folder = self.folder.to_owned();
        let site = &mut self.sites[index].1;
        match field {
            [] => set_address(site, text, from),
            [key] if ADDRESS_KEYS.contains(key) => set_address(site, text, from),
            ["name" | "id" | "label"] => {
                text.clone_into(&mut site.name);
                Fate::Carried("name of the site in hosts.yaml".to_owned())
            }
            ["frame_id" | "frame"] => {
                if let Err(error) =
                    Settings::of(&BRIDGE).set("frame_id", Value::String(text.to_owned()))
                {
                    return Fate::Lost(error.to_string());
                }
                site.frame_id = Some(text.to_owned());
                Fate::Carried("frame_id of the site in hosts.yaml".to_owned())
            }
            [key] if TLS_WORDS.contains(key) => match quantity::boolean(text) {
                Some(enabled) => {
                    site.tls_enabled = Some(enabled);
                    Fate::Carried("tls of the site in hosts.yaml".to_owned())
                }
                None => Fate::Lost("it is neither true nor false".to_owned()),
            },
            [section, key] if TLS_WORDS.contains(section) => {
                super::tls::set_in_site(site, key, text, &folder)
            }
            [key] if is_port_key(key) => set_port(site, key, text),
            ["ports", key] => set_port(site, key, text),
            _ => Fate::Lost("a site of hosts.yaml has no such setting".to_owned()),
        }
    }

    /// Converts settings of the connection. `None` for others.
    pub(super) fn convert_connection(
        &mut self,
        section: &str,
        key: &str,
        text: &str,
        from: &str,
    ) -> Option<Fate> {
        let is_connection = CONNECTION_SECTIONS.contains(&section);
        if is_connection && ADDRESS_KEYS.contains(&key) {
            return Some(self.set_default_host(text, from));
        }
        if CHOICE_KEYS.contains(&key) {
            return Some(if self.choose_known_host(text, from) {
                Fate::Carried("host:= in launch.sh".to_owned())
            } else {
                Fate::Lost("no host of the old file has this name".to_owned())
            });
        }
        if is_connection && is_port_key(key) || section == "ports" || key == "ports" {
            return Some(self.set_global_port(key, text, from));
        }
        let seconds = |reason: Option<&'static str>, name: &'static str| (name, reason);
        let (name, reason) = match key {
            "reconnect_delay" | "reconnect_interval" | "retry_interval" | "retry_delay" => seconds(
                Some("the delay doubles with each failure, up to reconnect.max_delay"),
                "reconnect.initial_delay",
            ),
            "max_reconnect_delay" | "reconnect_max_delay" | "max_retry_delay" => {
                seconds(None, "reconnect.max_delay")
            }
            "ping_interval" | "heartbeat_interval" | "keepalive" | "keep_alive" => {
                seconds(None, "ping_interval")
            }
            "timeout" | "receive_timeout" | "recv_timeout" | "connection_timeout"
            | "ping_timeout"
                if is_connection =>
            {
                seconds(
                    Some("no bytes for this long: the link reconnects"),
                    "stall_timeout",
                )
            }
            _ => return None,
        };
        let Some(value) = quantity::seconds(text) else {
            return Some(Fate::Lost("it is not a time in seconds".to_owned()));
        };
        let fate = self.set(&BRIDGE, name, Value::Double(value), from, reason);
        if name == "reconnect.initial_delay" && value > 30.0 && !matches!(fate, Fate::Lost(_)) {
            // Not above the longest delay.
            self.set(
                &BRIDGE,
                "reconnect.max_delay",
                Value::Double(value),
                from,
                None,
            );
        }
        Some(fate)
    }

    /// Chooses a host of the list by its name. Returns false if there is none.
    fn choose_known_host(&mut self, name: &str, from: &str) -> bool {
        let is_known = self
            .sites
            .iter()
            .any(|(key, site)| key == name || site.name == name);
        if is_known {
            self.default_host = Some((name.to_owned(), from.to_owned()));
        }
        is_known
    }

    fn set_default_host(&mut self, text: &str, from: &str) -> Fate {
        if self.choose_known_host(text, from) {
            return Fate::Carried("host:= in launch.sh".to_owned());
        }
        let parsed = match parse_address(text) {
            Ok(parsed) => parsed,
            Err(problem) => return Fate::Lost(problem),
        };
        self.default_host = Some((parsed.address, from.to_owned()));
        if parsed.tls == Some(true) {
            self.set(&BRIDGE, "tls.enabled", Value::Bool(true), from, None);
        }
        if let Some(port) = parsed.port {
            let ports = self.set_global_port("port", &port.to_string(), from);
            if let Fate::Lost(reason) = ports {
                return Fate::Changed(format!(
                    "address of the launched site in hosts.yaml; its port is left out: {reason}"
                ));
            }
        }
        Fate::Carried("address of the launched site in hosts.yaml".to_owned())
    }

    fn set_global_port(&mut self, key: &str, text: &str, from: &str) -> Fate {
        match find_link(key, text) {
            Ok((Link::Output, port)) => self.set(
                &BRIDGE,
                "output_port",
                Value::Integer(port.into()),
                from,
                None,
            ),
            Ok((Link::Points, port)) => self.set(
                &BRIDGE,
                "points_port",
                Value::Integer(port.into()),
                from,
                None,
            ),
            Err(problem) => Fate::Lost(problem),
        }
    }
}

/// Returns the link that a port is for: by its key, or else by its number.
fn find_link(key: &str, text: &str) -> Result<(Link, u16), String> {
    let port = parse_port(text)?;
    let unclear = || {
        "it does not tell which stream it is the port of: see output_port and points_port"
            .to_owned()
    };
    let link = link_of_key(key)
        .or_else(|| link_of_port(port))
        .ok_or_else(unclear)?;
    Ok((link, port))
}

fn set_port(site: &mut NewSite, key: &str, text: &str) -> Fate {
    match find_link(key, text) {
        Ok((Link::Output, port)) => {
            site.output_port = Some(port);
            Fate::Carried("output_port of the site in hosts.yaml".to_owned())
        }
        Ok((Link::Points, port)) => {
            site.points_port = Some(port);
            Fate::Carried("points_port of the site in hosts.yaml".to_owned())
        }
        Err(problem) => Fate::Lost(problem),
    }
}

fn set_address(site: &mut NewSite, text: &str, from: &str) -> Fate {
    let parsed = match parse_address(text) {
        Ok(parsed) => parsed,
        Err(problem) => return Fate::Lost(problem),
    };
    site.address = parsed.address;
    from.clone_into(&mut site.from);
    if parsed.tls.is_some() {
        site.tls_enabled = parsed.tls;
    }
    if let Some(port) = parsed.port
        && let Fate::Lost(reason) = set_port(site, "port", &port.to_string())
    {
        return Fate::Changed(format!(
            "address of the site in hosts.yaml; its port is left out: {reason}"
        ));
    }
    Fate::Carried("address of the site in hosts.yaml".to_owned())
}
