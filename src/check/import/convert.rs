//! Recognition of the old file's values.

mod connection;
mod quantity;
mod recording;
mod tls;

use std::path::Path;

use super::host::site_name;
use super::source::OldValue;
use super::target::{NewSite, Target};
use super::{ImportReport, ImportedValue};
use crate::config::table::{BRIDGE, ParameterTable, RECORDER};
use crate::config::{Config, RecorderConfig, Value};

/// Keys of mappings and lists of named hosts.
const HOST_LISTS: [&str; 6] = ["hosts", "sites", "servers", "host_list", "targets", "host"];

/// Fate of an old value: its new place, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Carried(String),
    Changed(String),
    Lost(String),
}

/// Conversion in progress.
struct Converter<'a> {
    /// Folder of the old file.
    folder: &'a Path,
    target: Target,
    report: ImportReport,
    /// Sites with their keys in the old file.
    sites: Vec<(String, NewSite)>,
    /// Address, or name of a site, of the connection, with its old key.
    default_host: Option<(String, String)>,
}

/// Converts all values. Relative paths start at the folder of the old file if such a file is there.
pub(super) fn convert(values: &[OldValue], folder: &Path) -> (Target, ImportReport) {
    let mut converter = Converter {
        folder,
        target: Target::default(),
        report: ImportReport::default(),
        sites: Vec::new(),
        default_host: None,
    };
    // Hosts first, because other values name them.
    let (hosts, others): (Vec<_>, Vec<_>) = values.iter().partition(|value| is_host(value));
    for value in hosts.into_iter().chain(others) {
        let fate = converter.convert_value(value);
        converter.record(describe(value), fate);
    }
    converter.finish_sites();
    converter.drop_conflicts();
    (converter.target, converter.report)
}

/// Returns the place of a host's name among the keys of one of its values. `None` for other values.
fn host_position(keys: &[&str]) -> Option<usize> {
    // A list of hosts may be inside of a section, as in `sensr: hosts:`.
    let list = keys
        .iter()
        .take(2)
        .position(|key| HOST_LISTS.contains(key))?;
    let name = keys.get(list + 1)?;
    (keys[list] != "host" || !connection::is_host_field(name)).then_some(list + 1)
}

fn is_host(value: &OldValue) -> bool {
    let keys: Vec<String> = value.path.iter().map(|key| normalize(key)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    host_position(&keys).is_some()
}

/// Returns key, line and value, in one line.
fn describe(value: &OldValue) -> String {
    let text = value
        .text
        .as_deref()
        .map_or_else(String::new, |text| format!(": {}", text.escape_debug()));
    format!("{} (line {}){text}", key_of(value), value.line)
}

fn key_of(value: &OldValue) -> String {
    value
        .path
        .join(".")
        .replace(".[", "[")
        .escape_debug()
        .to_string()
}

/// Returns a key in lower case with underscores.
fn normalize(key: &str) -> String {
    key.trim().to_lowercase().replace(['-', ' '], "_")
}

impl Converter<'_> {
    fn record(&mut self, from: String, fate: Fate) {
        let (list, note) = match fate {
            Fate::Carried(note) => (&mut self.report.carried, note),
            Fate::Changed(note) => (&mut self.report.changed, note),
            Fate::Lost(note) => (&mut self.report.lost, note),
        };
        list.push(ImportedValue { from, note });
    }

    fn convert_value(&mut self, value: &OldValue) -> Fate {
        if let Some(line) = value.overridden_by {
            return Fate::Lost(format!("it had no effect: line {line} sets it again"));
        }
        let Some(text) = &value.text else {
            return Fate::Lost("it has no value".to_owned());
        };
        let keys: Vec<String> = value.path.iter().map(|key| normalize(key)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let from = format!("{}, line {}", key_of(value), value.line);
        if let Some(name) = host_position(&keys) {
            let key = value.path[name].clone();
            return self.convert_site(&key, &keys[name + 1..], text, &from);
        }
        self.convert_setting(&keys, text, &from)
    }

    fn convert_setting(&mut self, keys: &[&str], text: &str, from: &str) -> Fate {
        let [sections @ .., innermost] = keys else {
            return Fate::Lost("it has no key".to_owned());
        };
        // An item of a list is told by the key of the list.
        let (sections, key) = match (sections, *innermost) {
            ([outer @ .., list], item) if item.starts_with('[') => (outer, *list),
            (sections, key) => (sections, key),
        };
        let section = sections.last().copied().unwrap_or_default();
        self.convert_tls(section, key, text, from)
            .or_else(|| self.convert_connection(section, key, text, from))
            .or_else(|| self.convert_recording(section, key, text, from))
            .or_else(|| unneeded(sections, key))
            .unwrap_or_else(|| self.convert_by_name(sections, key, text, from))
    }

    /// Converts a value whose key is the name of a parameter.
    fn convert_by_name(&mut self, sections: &[&str], key: &str, text: &str, from: &str) -> Fate {
        let full = [sections, &[key]].concat().join(".");
        for table in [&BRIDGE, &RECORDER] {
            let Some(parameter) = table.find(&full).or_else(|| table.find(key)) else {
                continue;
            };
            let value = match parameter.default() {
                Value::Bool(_) => quantity::boolean(text).map(Value::Bool),
                Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
                Value::Double(_) => quantity::seconds(text).map(Value::Double),
                Value::String(_) => Some(Value::String(text.to_owned())),
            };
            return match value {
                Some(value) => self.set(table, parameter.name, value, from, None),
                None => Fate::Lost(format!("{} does not allow this value", parameter.name)),
            };
        }
        Fate::Lost(
            "the key is not known, and nothing in bridge and recorder has its name".to_owned(),
        )
    }

    /// Sets a parameter. `reason` tells why its meaning is another one.
    fn set(
        &mut self,
        table: &'static ParameterTable,
        name: &str,
        value: Value,
        from: &str,
        reason: Option<&str>,
    ) -> Fate {
        let (settings, set, file) = if std::ptr::eq(table, &raw const RECORDER) {
            (
                &mut self.target.recorder,
                &mut self.target.set_in_recorder,
                "sensr_recorder.yaml",
            )
        } else {
            (
                &mut self.target.bridge,
                &mut self.target.set_in_bridge,
                "sensr_bridge.yaml",
            )
        };
        if let Err(error) = settings.set(name, value) {
            return Fate::Lost(error.to_string());
        }
        let set_before = set.len();
        set.retain(|(known, _)| known != name);
        let is_replaced = set.len() < set_before;
        set.push((name.to_owned(), from.to_owned()));
        if is_replaced {
            self.lose_values_of(
                name,
                &format!("it is replaced by {from}, which sets {name} too"),
            );
        }
        match reason {
            Some(reason) => Fate::Changed(format!("{name} in {file}: {reason}")),
            None => Fate::Carried(format!("{name} in {file}")),
        }
    }

    /// Gives the sites their names, and chooses those to be launched.
    fn finish_sites(&mut self) {
        for (key, mut site) in std::mem::take(&mut self.sites) {
            if site.address.is_empty() {
                let reason =
                    "the host has no address, and its settings are left out with it".to_owned();
                self.record(format!("host {}", key.escape_debug()), Fate::Lost(reason));
                continue;
            }
            let taken: Vec<&str> = self.target.sites.iter().map(|site| &*site.name).collect();
            let old = if site.name.is_empty() {
                key.trim_matches(['[', ']'])
            } else {
                &site.name
            };
            let name = site_name(old, &taken);
            if name != old && (!site.name.is_empty() || !key.starts_with('[')) {
                let reason = format!(
                    "site {name}: the name is that of a ROS namespace too, which has letters, digits and _ only"
                );
                self.record(
                    format!("name of the host {}", old.escape_debug()),
                    Fate::Changed(reason),
                );
            }
            if let Some((wanted, _)) = &mut self.default_host
                && (*wanted == key || *wanted == site.name)
            {
                wanted.clone_from(&name);
            }
            site.name = name;
            if site.tls_enabled == Some(true) && site.ca_file.is_none() && !self.has_ca_file() {
                site.tls_enabled = None;
                let reason =
                    "TLS needs the CA file of the server: set tls in hosts.yaml, and ca_file in it"
                        .to_owned();
                self.record(format!("TLS of the site {}", site.name), Fate::Lost(reason));
            }
            self.target.sites.push(site);
        }
        self.target.launched = self
            .target
            .sites
            .iter()
            .map(|site| site.name.clone())
            .collect();
        if let Some((host, from)) = self.default_host.take() {
            self.choose_host(&host, &from);
        }
    }

    fn has_ca_file(&self) -> bool {
        self.target
            .set_in_bridge
            .iter()
            .any(|(name, _)| name == "tls.ca_file")
    }

    /// Launches the site that the old file names for its connection.
    fn choose_host(&mut self, host: &str, from: &str) {
        let known = |site: &&NewSite| site.name == host || site.address == host;
        let known = self.target.sites.iter().find(known);
        let known = known.map(|site| site.name.clone());
        let name = known.unwrap_or_else(|| self.add_site(host, from));
        self.target.launched = vec![name];
    }

    /// Adds a site for an address without a name. Returns its name.
    fn add_site(&mut self, address: &str, from: &str) -> String {
        let taken: Vec<&str> = self.target.sites.iter().map(|site| &*site.name).collect();
        let name = site_name("sensr", &taken);
        self.target.sites.push(NewSite {
            name: name.clone(),
            from: from.to_owned(),
            address: address.to_owned(),
            ..NewSite::default()
        });
        name
    }

    /// Takes parameters back that contradict others.
    fn drop_conflicts(&mut self) {
        if self
            .target
            .set_in_bridge
            .iter()
            .any(|(name, _)| name == "tls.enabled")
            && !self.has_ca_file()
        {
            let reason = "TLS needs the CA file of the server: set tls.enabled and tls.ca_file in sensr_bridge.yaml";
            self.take_back(&BRIDGE, "tls.enabled", reason);
        }
        while let Some(error) = Config::errors_of(&self.target.bridge).first()
            && let Some(name) = find_set(&self.target.set_in_bridge, &error.to_string())
        {
            self.take_back(&BRIDGE, &name, &error.to_string());
        }
        while let Some(error) = RecorderConfig::errors_of(&self.target.recorder).first()
            && let Some(name) = find_set(&self.target.set_in_recorder, &error.to_string())
        {
            self.take_back(&RECORDER, &name, &error.to_string());
        }
        let parent = self.target.bridge.get("parent_frame").cloned();
        for index in 0..self.target.sites.len() {
            let site = &mut self.target.sites[index];
            let frame = site
                .frame_id
                .take_if(|frame| Some(Value::String(frame.clone())) == parent);
            if let Some(frame) = frame {
                let from = format!(
                    "frame_id {} of the site {}",
                    frame.escape_debug(),
                    site.name
                );
                let reason = "it is parent_frame too, and a frame is not its own parent".to_owned();
                self.record(from, Fate::Lost(reason));
            }
        }
    }

    /// Gives a parameter its default again.
    fn take_back(&mut self, table: &'static ParameterTable, name: &str, reason: &str) {
        let Some(parameter) = table.find(name) else {
            return;
        };
        let (settings, set) = if std::ptr::eq(table, &raw const RECORDER) {
            (&mut self.target.recorder, &mut self.target.set_in_recorder)
        } else {
            (&mut self.target.bridge, &mut self.target.set_in_bridge)
        };
        set.retain(|(known, _)| known != name);
        // The default is in range, as a test of the table shows.
        let _ = settings.set(name, parameter.default());
        self.lose_values_of(name, reason);
    }

    /// Enters the values that were to become a parameter among the lost ones.
    fn lose_values_of(&mut self, name: &str, reason: &str) {
        let begin = format!("{name} in ");
        let is_of_value = |value: &mut ImportedValue| value.note.starts_with(&begin);
        let report = &mut self.report;
        let carried = report.carried.extract_if(.., is_of_value);
        let taken: Vec<_> = carried
            .chain(report.changed.extract_if(.., is_of_value))
            .collect();
        for value in taken {
            self.record(value.from, Fate::Lost(reason.to_owned()));
        }
    }
}

/// Returns the parameter that was set and that an error names first.
fn find_set(set: &[(String, String)], error: &str) -> Option<String> {
    let is_word_end = |rest: &str| {
        !rest.starts_with(|letter: char| letter.is_alphanumeric() || "_.".contains(letter))
    };
    let position = |name: &str| {
        let mut places = error.match_indices(name).map(|(place, _)| place);
        places.find(|place| is_word_end(&error[place + name.len()..]))
    };
    let named = set
        .iter()
        .filter_map(|(name, _)| Some((position(name)?, name)));
    named.min().map(|(_, name)| name.clone())
}

/// Returns the fate of settings that nothing needs any more.
fn unneeded(sections: &[&str], key: &str) -> Option<Fate> {
    let has = |words: &[&str]| {
        let mut keys = sections.iter().chain(std::iter::once(&key));
        keys.any(|key| words.iter().any(|word| key.contains(word)))
    };
    let reason = if has(&["memory", "mem_", "gc_", "garbage"]) {
        "not needed: the memory of the bridge is bounded by queue_max_bytes, and that of the recorder by \
         max_cache_bytes (docs/operation.md)"
    } else if has(&["restart", "watchdog"]) {
        "not needed: links reconnect by themselves, and a service manager starts a process that ends again \
         (docs/operation.md)"
    } else if has(&[
        "retries",
        "max_attempts",
        "reconnect_attempts",
        "max_reconnect",
    ]) {
        "not needed: the bridge never gives up reconnecting"
    } else if has(&["thread", "worker", "executor"]) {
        "not needed: the number of threads is fixed"
    } else if has(&["queue", "buffer"]) {
        "queues are bounded in bytes, not in messages: see queue_max_bytes and max_cache_bytes"
    } else if has(&["monitor", "profil", "report"]) {
        "see ros2 run sensr_bridge sensr_monitor --help, which has its settings on the command line"
    } else if has(&["logging", "log_"]) {
        "ROS has its own place and format of logs: ROS_LOG_DIR and RCUTILS_CONSOLE_OUTPUT_FORMAT"
    } else if has(&["qos"]) {
        "the quality of service is fixed, but for qos.reliability and qos.depth (docs/topics.md)"
    } else {
        return None;
    };
    Some(Fate::Lost(reason.to_owned()))
}
