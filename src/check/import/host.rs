//! Addresses, ports, and names of sites, as the old file may have them.

use crate::config::address::check_address;
use sensr_protocol::wire;

/// Address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedAddress {
    pub(super) address: String,
    pub(super) port: Option<u16>,
    /// By the scheme of a URL.
    pub(super) tls: Option<bool>,
}

/// Link of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Output,
    Points,
}

/// Takes an address or URL apart. The error is the reason why it cannot be used.
pub(super) fn parse_address(text: &str) -> Result<ParsedAddress, String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let tls = match &*scheme.to_ascii_lowercase() {
        "" => None,
        "ws" | "http" | "tcp" => Some(false),
        "wss" | "https" => Some(true),
        other => return Err(format!("the scheme {other} is not that of a WebSocket")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let (address, port) = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, port)) => (address, port.strip_prefix(':')),
        None if authority.matches(':').count() == 1 => {
            let (address, port) = authority.split_once(':').unwrap_or((authority, ""));
            (address, Some(port))
        }
        None => (authority, None),
    };
    check_address(address).map_err(|error| error.to_string())?;
    let port = port.map(parse_port).transpose()?;
    Ok(ParsedAddress {
        address: address.to_owned(),
        port,
        tls,
    })
}

/// Parses a port.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("a port is a number from 1 to 65535".to_owned()),
    }
}

/// Returns the link whose port has that key. `None` for a key that does not tell, such as `port`.
pub(super) fn link_of_key(key: &str) -> Option<Link> {
    if ["point", "cloud", "lidar"]
        .iter()
        .any(|word| key.contains(word))
    {
        Some(Link::Points)
    } else if ["output", "result", "object", "data", "event"]
        .iter()
        .any(|word| key.contains(word))
    {
        Some(Link::Output)
    } else {
        None
    }
}

/// Returns the link that has that port by default. `None` for another port.
pub(super) fn link_of_port(port: u16) -> Option<Link> {
    match port {
        wire::OUTPUT_PORT => Some(Link::Output),
        wire::POINTS_PORT => Some(Link::Points),
        _ => None,
    }
}

/// Returns whether a key is that of a port.
pub(super) fn is_port_key(key: &str) -> bool {
    key == "port" || key.ends_with("_port") || key.starts_with("port_")
}

/// Returns a name that is a ROS namespace too, as sites.launch.py needs, and not among `taken`.
pub(super) fn site_name(old: &str, taken: &[&str]) -> String {
    let replace = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    let replaced: String = old.trim().chars().map(replace).collect();
    let word = replaced.trim_matches('_');
    let base = if word.is_empty() {
        "site".to_owned()
    } else if word.starts_with(|first: char| first.is_ascii_digit()) {
        format!("site_{word}")
    } else {
        word.to_owned()
    };
    // An exact name is kept as it is, with its own underscores.
    let base = if is_namespace(old) {
        old.to_owned()
    } else {
        base
    };
    if !taken.contains(&&*base) {
        return base;
    }
    // One of these is free.
    (2..=taken.len() + 2)
        .map(|number| format!("{base}_{number}"))
        .find(|name| !taken.contains(&&**name))
        .unwrap_or(base)
}

fn is_namespace(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !name.contains("__")
        && !name.ends_with('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let parsed = |text| {
            let parsed = parse_address(text).expect(text);
            (parsed.address, parsed.port, parsed.tls)
        };
        assert_eq!(parsed("192.0.2.1"), ("192.0.2.1".to_owned(), None, None));
        assert_eq!(
            parsed("192.0.2.1:5050"),
            ("192.0.2.1".to_owned(), Some(5050), None)
        );
        assert_eq!(
            parsed("wss://sensr.example:6050/path"),
            ("sensr.example".to_owned(), Some(6050), Some(true))
        );
        assert_eq!(
            parsed("ws://[2001:db8::1]:1/"),
            ("2001:db8::1".to_owned(), Some(1), Some(false))
        );
        assert_eq!(
            parsed("2001:db8::1"),
            ("2001:db8::1".to_owned(), None, None)
        );
        for text in ["", "a b", "ftp://x", "x:0", "x:70000", "300.1.1.1"] {
            parse_address(text).expect_err(text);
        }
    }

    #[test]
    fn names_of_sites_are_namespaces() {
        assert_eq!(site_name("harbour_1", &[]), "harbour_1");
        assert_eq!(site_name("North pier", &[]), "North_pier");
        assert_eq!(site_name("1", &[]), "site_1");
        assert_eq!(site_name("항구", &[]), "site");
        assert_eq!(site_name("부두", &["site"]), "site_2");
    }
}
