//! From the text of a hosts file to its sites.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::{DeserializeSeed as _, Error, MapAccess};
use serde_yaml::Deserializer;

use super::value::{Keys, Read, Scalar, Wanted, one_of, refusal};
use super::{Site, SiteTls};
use crate::config::address::{check_address, check_host};
use crate::config::parameter::StringRule;
use crate::config::path;
use crate::connection::tls;

const FILE_KEYS: &[&str] = &["sites"];
const SITE_KEYS: &[&str] = &[
    "address",
    "output_port",
    "points_port",
    "frame_id",
    "parent_frame",
    "tls",
];
const TLS_KEYS: &[&str] = &["enabled", "ca_file", "server_name", "verify_name"];

/// Reads the sites. An error says where and what, and may have any characters in it.
pub(super) fn sites(text: &str) -> Result<BTreeMap<String, Site>, String> {
    let mut found = None;
    for document in Deserializer::from_str(text) {
        let sites = Read(File)
            .deserialize(document)
            .map_err(|error| in_words(&error, text))?;
        // A document may be empty, as between two lines `---`.
        if sites.is_some() && found.is_some() {
            return Err(
                "there are several YAML documents with sites in it (lines `---`): put them into one".to_owned(),
            );
        }
        found = found.or(sites);
    }
    found.ok_or_else(|| "it has no `sites:`, with the sites below it".to_owned())
}

/// The parser's message, in words for those who write YAML seldom.
fn in_words(error: &serde_yaml::Error, text: &str) -> String {
    let mut line = error.to_string();
    let location = error.location();
    // Of a key that is no text.
    if let Some((before, rest)) = line.split_once("invalid type: ")
        && let Some((_, wanted)) = rest.split_once(", expected ")
    {
        line = format!("{before}{wanted}");
    }
    // The parser leaves out the first line's.
    if let Some(location) = &location
        && !line.contains(" at line ")
    {
        line = format!(
            "{line} at line {} column {}",
            location.line(),
            location.column()
        );
    }
    let is_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    let tab = text.lines().position(is_tab);
    if let Some(tab) = tab
        && location.is_some_and(|location| location.line().abs_diff(tab + 1) <= 1)
    {
        line = format!(
            "{line}; line {} begins with a tab, YAML takes only blanks there",
            tab + 1
        );
    }
    line
}

/// A document: the sites in it, or nothing at all.
struct File;

impl<'de> Wanted<'de> for File {
    type Value = Option<BTreeMap<String, Site>>;
    const RULE: &'static str = "a hosts file has `sites:`, with the sites below it";

    fn scalar(self, value: Scalar<'_>) -> Result<Self::Value, String> {
        match value {
            Scalar::Nothing => Ok(None),
            other => Err(refusal::<Self>(other)),
        }
    }

    fn mapping<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let keys = Keys::new(one_of("a hosts file", FILE_KEYS));
        let mut sites = None;
        while keys.next(&mut entries)?.is_some() {
            sites = Some(entries.next_value_seed(Read(Sites))?);
        }
        match sites {
            Some(sites) => Ok(Some(sites)),
            None => Err(Error::custom(refusal::<Self>("an empty mapping"))),
        }
    }
}

struct Sites;

impl<'de> Wanted<'de> for Sites {
    type Value = BTreeMap<String, Site>;
    const RULE: &'static str =
        "sites are a mapping of names to addresses or settings, {} if there are none";

    fn scalar(self, value: Scalar<'_>) -> Result<Self::Value, String> {
        Err(refusal::<Self>(value))
    }

    fn mapping<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let keys = Keys::new(|name: &str| {
            check_host(name).map_err(|error| format!("the name of a site {error}"))
        });
        let mut sites = BTreeMap::new();
        while let Some(name) = keys.next(&mut entries)? {
            sites.insert(name, entries.next_value_seed(Read(SiteValue))?);
        }
        Ok(sites)
    }
}

/// A site: its address alone, or a mapping.
struct SiteValue;

impl<'de> Wanted<'de> for SiteValue {
    type Value = Site;
    const RULE: &'static str = "a site is an address, or a mapping with `address:`";

    fn scalar(self, value: Scalar<'_>) -> Result<Site, String> {
        let address = match value {
            Scalar::Text(_) => Address.scalar(value)?,
            other => return Err(refusal::<Self>(other)),
        };
        Ok(Site {
            address,
            ..Site::default()
        })
    }

    fn mapping<A: MapAccess<'de>>(self, mut entries: A) -> Result<Site, A::Error> {
        let keys = Keys::new(one_of("a site", SITE_KEYS));
        let mut site = Site::default();
        while let Some(key) = keys.next(&mut entries)? {
            match &*key {
                "address" => site.address = entries.next_value_seed(Read(Address))?,
                "output_port" => site.output_port = Some(entries.next_value_seed(Read(Port))?),
                "points_port" => site.points_port = Some(entries.next_value_seed(Read(Port))?),
                "frame_id" => site.frame_id = Some(entries.next_value_seed(Read(Frame))?),
                "parent_frame" => site.parent_frame = Some(entries.next_value_seed(Read(Frame))?),
                _ => site.tls = Some(entries.next_value_seed(Read(Tls))?),
            }
        }
        // No address is empty.
        if site.address.is_empty() {
            return Err(Error::custom("the site has no `address:`"));
        }
        Ok(site)
    }
}

struct Address;

impl Wanted<'_> for Address {
    type Value = String;
    const RULE: &'static str = "an address is a host name or an IP address";

    fn scalar(self, value: Scalar<'_>) -> Result<String, String> {
        match value {
            Scalar::Text(text) => {
                check_address(text).map_err(|error| format!("the address {error}"))?;
                Ok(text.to_owned())
            }
            other => Err(refusal::<Self>(other)),
        }
    }
}

struct Port;

impl Wanted<'_> for Port {
    type Value = u16;
    const RULE: &'static str = "a port is a number from 1 to 65535";

    fn scalar(self, value: Scalar<'_>) -> Result<u16, String> {
        // With quotes or without.
        let (Scalar::Number(text) | Scalar::Text(text)) = value else {
            return Err(refusal::<Self>(value));
        };
        match text.trim().parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(refusal::<Self>(value)),
        }
    }
}

/// Texts that YAML takes for something else need quotes, for what was written cannot be known any more.
fn text<'v, 'de, W: Wanted<'de>>(value: Scalar<'v>) -> Result<&'v str, String> {
    match value {
        Scalar::Text(text) => Ok(text),
        Scalar::Nothing => Err(refusal::<W>(value)),
        Scalar::Bool(_) | Scalar::Number(_) => Err(format!(
            "{}; if this is one, put it in quotes",
            refusal::<W>(value)
        )),
    }
}

struct Frame;

impl Wanted<'_> for Frame {
    type Value = String;
    const RULE: &'static str =
        "a frame is a name without blanks, invisible characters and leading slash";

    fn scalar(self, value: Scalar<'_>) -> Result<String, String> {
        let frame = text::<Self>(value)?;
        if StringRule::Frame.allows(frame) {
            Ok(frame.to_owned())
        } else {
            Err(refusal::<Self>(value))
        }
    }
}

/// TLS of a site: whether, or how.
struct Tls;

impl<'de> Wanted<'de> for Tls {
    type Value = SiteTls;
    const RULE: &'static str =
        "tls is true, false or a mapping of enabled, ca_file, server_name and verify_name";

    fn scalar(self, value: Scalar<'_>) -> Result<SiteTls, String> {
        match value {
            // All that was below it is a comment now: the site has TLS, as the parameters say.
            Scalar::Nothing => Ok(SiteTls::default()),
            other => Ok(SiteTls {
                enabled: yes_or_no(other).ok_or_else(|| refusal::<Self>(other))?,
                ..SiteTls::default()
            }),
        }
    }

    fn mapping<A: MapAccess<'de>>(self, mut entries: A) -> Result<SiteTls, A::Error> {
        let keys = Keys::new(one_of("tls", TLS_KEYS));
        let mut tls = SiteTls::default();
        while let Some(key) = keys.next(&mut entries)? {
            match &*key {
                "enabled" => tls.enabled = entries.next_value_seed(Read(Switch))?,
                "ca_file" => tls.ca_file = Some(entries.next_value_seed(Read(CaFile))?),
                "server_name" => tls.server_name = Some(entries.next_value_seed(Read(ServerName))?),
                _ => tls.verify_name = Some(entries.next_value_seed(Read(Switch))?),
            }
        }
        Ok(tls)
    }
}

struct Switch;

impl Wanted<'_> for Switch {
    type Value = bool;
    const RULE: &'static str = "this is true or false";

    fn scalar(self, value: Scalar<'_>) -> Result<bool, String> {
        yes_or_no(value).ok_or_else(|| refusal::<Self>(value))
    }
}

/// The words of YAML 1.1, which most people know, with quotes or without.
fn yes_or_no(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Bool(value) => Some(value),
        Scalar::Text(word) => match &*word.to_ascii_lowercase() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        },
        Scalar::Nothing | Scalar::Number(_) => None,
    }
}

struct CaFile;

impl Wanted<'_> for CaFile {
    type Value = PathBuf;
    const RULE: &'static str = "ca_file is the path of a file";

    fn scalar(self, value: Scalar<'_>) -> Result<PathBuf, String> {
        let path = text::<Self>(value)?;
        if path.is_empty() || path.contains('\0') {
            return Err(refusal::<Self>(value));
        }
        path::expand(path).map_err(|error| format!("{}: {error}", refusal::<Self>(value)))
    }
}

struct ServerName;

impl Wanted<'_> for ServerName {
    type Value = String;
    const RULE: &'static str = "server_name is a DNS name or an IP address";

    fn scalar(self, value: Scalar<'_>) -> Result<String, String> {
        let name = text::<Self>(value)?;
        check_address(name).map_err(|error| format!("server_name {error}"))?;
        if tls::is_server_name(name) {
            Ok(name.to_owned())
        } else {
            Err(refusal::<Self>(value))
        }
    }
}
