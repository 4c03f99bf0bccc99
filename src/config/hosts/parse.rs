//! Parser of the hosts file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::{DeserializeSeed as _, MapAccess};
use serde_yaml::Deserializer;

use super::keys::{FILE_KEYS, SITE_KEYS, TLS_KEYS};
use super::place::{OriginField, TransformField};
use super::value::{
    FieldSeed, Forgiveness, HostsField, TypedScalar, UniqueKeys, known_keys, mismatch,
};
use super::{Site, SiteTls};
use crate::config::address::{check_address, check_host};
use crate::config::parameter::StringRule;
use crate::config::path;
use crate::connection::tls;

/// Most problems that are searched for in one file.
const MAX_PROBLEMS: usize = 100;

/// Parses the sites. The error is the first problem; it names the place and may contain any characters.
pub(super) fn parse_sites(text: &str) -> Result<BTreeMap<String, Site>, String> {
    parse_forgiving(text, &Forgiveness::new(0))
}

/// Parses what is valid, and returns all problems in the order of the text, the first as [`parse_sites`] returns it.
pub(super) fn parse_with_problems(text: &str) -> (BTreeMap<String, Site>, Vec<String>) {
    let mut problems = Vec::new();
    while problems.len() < MAX_PROBLEMS {
        let forgiveness = Forgiveness::new(problems.len());
        match parse_forgiving(text, &forgiveness) {
            Ok(sites) => return (sites, problems),
            // One that cannot be passed over, such as invalid YAML, and is returned each time.
            Err(_) if forgiveness.is_left() => break,
            Err(problem) => problems.push(problem),
        }
    }
    (BTreeMap::new(), problems)
}

/// Parses the sites, and passes over as many problems as are forgiven.
fn parse_forgiving(
    text: &str,
    forgiveness: &Forgiveness,
) -> Result<BTreeMap<String, Site>, String> {
    let mut all_sites = None;
    for document in Deserializer::from_str(text) {
        let sites = FieldSeed(DocumentField, forgiveness)
            .deserialize(document)
            .map_err(|error| describe_error(&error, text))?
            // A problem in it has been passed over: it is not an empty document.
            .unwrap_or_else(|| Some(BTreeMap::new()));
        // Documents may be empty, as between two `---` lines.
        if sites.is_some() && all_sites.is_some() {
            return Err(
                "there are several YAML documents with sites in it (lines `---`): put them into one".to_owned(),
            );
        }
        all_sites = all_sites.or(sites);
    }
    all_sites.ok_or_else(|| "it has no `sites:`, with the sites below it".to_owned())
}

/// Returns the parser's message, reworded for people who rarely write YAML.
fn describe_error(error: &serde_yaml::Error, text: &str) -> String {
    let mut line = error.to_string();
    let location = error.location();
    // serde's message for a key that is not a string.
    if let Some((before, rest)) = line.split_once("invalid type: ")
        && let Some((_, expected)) = rest.split_once(", expected ")
    {
        line = format!("{before}{expected}");
    }
    // The parser omits the place if it is on the first line.
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

/// A document: its sites, or `None` if it is empty.
struct DocumentField;

impl<'de> HostsField<'de> for DocumentField {
    type Value = Option<BTreeMap<String, Site>>;
    const RULE: &'static str = "a hosts file has `sites:`, with the sites below it";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<Self::Value, String> {
        match value {
            TypedScalar::Missing => Ok(None),
            other => Err(mismatch::<Self>(other)),
        }
    }

    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<Self::Value>, A::Error> {
        let keys = UniqueKeys::new(known_keys("a hosts file", FILE_KEYS), forgiveness);
        let mut sites = None;
        while keys.next_key(&mut entries)?.is_some() {
            let read = entries.next_value_seed(FieldSeed(SitesField, forgiveness))?;
            sites = Some(read.unwrap_or_default());
        }
        if sites.is_none() {
            forgiveness.raise::<A::Error>(mismatch::<Self>("an empty mapping"))?;
        }
        Ok(sites.map(Some))
    }
}

/// The sites by name.
struct SitesField;

impl<'de> HostsField<'de> for SitesField {
    type Value = BTreeMap<String, Site>;
    const RULE: &'static str =
        "sites are a mapping of names to addresses or settings, {} if there are none";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<Self::Value, String> {
        Err(mismatch::<Self>(value))
    }

    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<Self::Value>, A::Error> {
        let check =
            |name: &str| check_host(name).map_err(|error| format!("the name of a site {error}"));
        let keys = UniqueKeys::new(check, forgiveness);
        let mut sites = BTreeMap::new();
        while let Some(name) = keys.next_key(&mut entries)? {
            if let Some(site) = entries.next_value_seed(FieldSeed(SiteField, forgiveness))? {
                sites.insert(name, site);
            }
        }
        Ok(Some(sites))
    }
}

/// A site: its address, or a mapping.
struct SiteField;

impl<'de> HostsField<'de> for SiteField {
    type Value = Site;
    const RULE: &'static str = "a site is an address, or a mapping with `address:`";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<Site, String> {
        let address = match value {
            TypedScalar::Text(_) => AddressField.read_scalar(value)?,
            other => return Err(mismatch::<Self>(other)),
        };
        Ok(Site {
            address,
            ..Site::default()
        })
    }

    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<Site>, A::Error> {
        let keys = UniqueKeys::new(known_keys("a site", SITE_KEYS), forgiveness);
        let mut site = Site::default();
        let mut address = None;
        while let Some(key) = keys.next_key(&mut entries)? {
            match &*key {
                "address" => {
                    address = Some(entries.next_value_seed(FieldSeed(AddressField, forgiveness))?);
                }
                "output_port" => {
                    site.output_port =
                        entries.next_value_seed(FieldSeed(PortField, forgiveness))?;
                }
                "points_port" => {
                    site.points_port =
                        entries.next_value_seed(FieldSeed(PortField, forgiveness))?;
                }
                "frame_id" => {
                    site.frame_id = entries.next_value_seed(FieldSeed(FrameField, forgiveness))?;
                }
                "parent_frame" => {
                    site.parent_frame =
                        entries.next_value_seed(FieldSeed(FrameField, forgiveness))?;
                }
                "transform" => {
                    site.transform =
                        entries.next_value_seed(FieldSeed(TransformField, forgiveness))?;
                }
                "origin" => {
                    site.origin = entries.next_value_seed(FieldSeed(OriginField, forgiveness))?;
                }
                "earth_frame" => {
                    site.earth_frame =
                        entries.next_value_seed(FieldSeed(FrameField, forgiveness))?;
                }
                _ => site.tls = entries.next_value_seed(FieldSeed(TlsField, forgiveness))?,
            }
        }
        if address.is_none() {
            forgiveness.raise::<A::Error>("the site has no `address:`")?;
        }
        // Without an address there is no site.
        Ok(address.flatten().map(|address| Site { address, ..site }))
    }
}

struct AddressField;

impl HostsField<'_> for AddressField {
    type Value = String;
    const RULE: &'static str = "an address is a host name or an IP address";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<String, String> {
        match value {
            TypedScalar::Text(text) => {
                check_address(text).map_err(|error| format!("the address {error}"))?;
                Ok(text.to_owned())
            }
            other => Err(mismatch::<Self>(other)),
        }
    }
}

struct PortField;

impl HostsField<'_> for PortField {
    type Value = u16;
    const RULE: &'static str = "a port is a number from 1 to 65535";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<u16, String> {
        // Ports may be quoted.
        let (TypedScalar::Number(text) | TypedScalar::Text(text)) = value else {
            return Err(mismatch::<Self>(value));
        };
        match text.trim().parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(mismatch::<Self>(value)),
        }
    }
}

/// Returns a string. Strings that YAML takes for another type need quotes, because their original text is lost.
fn read_string<'v, 'de, F: HostsField<'de>>(value: TypedScalar<'v>) -> Result<&'v str, String> {
    match value {
        TypedScalar::Text(text) => Ok(text),
        TypedScalar::Missing => Err(mismatch::<F>(value)),
        TypedScalar::Bool(_) | TypedScalar::Number(_) => Err(format!(
            "{}; if this is one, put it in quotes",
            mismatch::<F>(value)
        )),
    }
}

struct FrameField;

impl HostsField<'_> for FrameField {
    type Value = String;
    const RULE: &'static str =
        "a frame is a name without blanks, invisible characters and leading slash";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<String, String> {
        let frame = read_string::<Self>(value)?;
        if StringRule::Frame.allows(frame) {
            Ok(frame.to_owned())
        } else {
            Err(mismatch::<Self>(value))
        }
    }
}

/// TLS of a site: on or off, or its settings.
struct TlsField;

impl<'de> HostsField<'de> for TlsField {
    type Value = SiteTls;
    const RULE: &'static str =
        "tls is true, false or a mapping of enabled, ca_file, server_name and verify_name";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<SiteTls, String> {
        match value {
            // All settings below are commented out: TLS is on, with the settings of the parameters.
            TypedScalar::Missing => Ok(SiteTls::default()),
            other => Ok(SiteTls {
                enabled: parse_bool(other).ok_or_else(|| mismatch::<Self>(other))?,
                ..SiteTls::default()
            }),
        }
    }

    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<SiteTls>, A::Error> {
        let keys = UniqueKeys::new(known_keys("tls", TLS_KEYS), forgiveness);
        let mut tls = SiteTls::default();
        while let Some(key) = keys.next_key(&mut entries)? {
            match &*key {
                "enabled" => {
                    let enabled = entries.next_value_seed(FieldSeed(BoolField, forgiveness))?;
                    tls.enabled = enabled.unwrap_or(tls.enabled);
                }
                "ca_file" => {
                    tls.ca_file = entries.next_value_seed(FieldSeed(CaFileField, forgiveness))?;
                }
                "server_name" => {
                    tls.server_name =
                        entries.next_value_seed(FieldSeed(ServerNameField, forgiveness))?;
                }
                _ => {
                    tls.verify_name = entries.next_value_seed(FieldSeed(BoolField, forgiveness))?;
                }
            }
        }
        Ok(Some(tls))
    }
}

pub(super) struct BoolField;

impl HostsField<'_> for BoolField {
    type Value = bool;
    const RULE: &'static str = "this is true or false";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<bool, String> {
        parse_bool(value).ok_or_else(|| mismatch::<Self>(value))
    }
}

/// Parses the boolean words of YAML 1.1, the most widely known ones, quoted or not.
fn parse_bool(value: TypedScalar<'_>) -> Option<bool> {
    match value {
        TypedScalar::Bool(value) => Some(value),
        TypedScalar::Text(word) => match &*word.to_ascii_lowercase() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        },
        TypedScalar::Missing | TypedScalar::Number(_) => None,
    }
}

struct CaFileField;

impl HostsField<'_> for CaFileField {
    type Value = PathBuf;
    const RULE: &'static str = "ca_file is the path of a file";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<PathBuf, String> {
        let path = read_string::<Self>(value)?;
        if path.is_empty() || path.contains('\0') {
            return Err(mismatch::<Self>(value));
        }
        path::expand_home(path).map_err(|error| format!("{}: {error}", mismatch::<Self>(value)))
    }
}

struct ServerNameField;

impl HostsField<'_> for ServerNameField {
    type Value = String;
    const RULE: &'static str = "server_name is a DNS name or an IP address";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<String, String> {
        let name = read_string::<Self>(value)?;
        check_address(name).map_err(|error| format!("server_name {error}"))?;
        if tls::is_server_name(name) {
            Ok(name.to_owned())
        } else {
            Err(mismatch::<Self>(value))
        }
    }
}
