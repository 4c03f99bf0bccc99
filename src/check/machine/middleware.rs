//! Middleware of ROS, and the files and variables that configure it.

mod xml;

use std::fs;
use std::path::Path;

use super::System;
use crate::check::finding::Finding;
use xml::Element;

const MIDDLEWARE: &str = "middleware choice";
const PROFILE: &str = "dds profile";
const FAST_DDS: &str = "rmw_fastrtps_cpp";
const TRANSPORTS: &str = "FASTDDS_BUILTIN_TRANSPORTS";
const OLD_VARIABLE: &str = "FASTRTPS_DEFAULT_PROFILES_FILE";
const NEW_VARIABLE: &str = "FASTDDS_DEFAULT_PROFILES_FILE";
/// Distributions whose Fast DDS knows the old variable only.
const OLD_DISTRIBUTIONS: [&str; 3] = ["humble", "iron", "jazzy"];
/// Values of `FASTDDS_BUILTIN_TRANSPORTS`. Options follow after a question mark.
const KNOWN_TRANSPORTS: [&str; 9] = [
    "NONE",
    "DEFAULT",
    "DEFAULTv6",
    "SHM",
    "UDPv4",
    "UDPv6",
    "LARGE_DATA",
    "LARGE_DATAv6",
    "P2P",
];
/// Those of them without shared memory.
const NETWORK_TRANSPORTS: [&str; 3] = ["UDPv4", "UDPv6", "NONE"];
/// Types of transports in a profile that reach other machines.
const NETWORK_TYPES: [&str; 4] = ["UDPv4", "UDPv6", "TCPv4", "TCPv6"];
/// Largest configuration file that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Implementation of the middleware.
enum Middleware {
    FastDds,
    CycloneDds,
    Zenoh,
    Other,
}

impl Middleware {
    fn of(name: &str) -> Self {
        match name {
            FAST_DDS | "rmw_fastrtps_dynamic_cpp" => Self::FastDds,
            "rmw_cyclonedds_cpp" => Self::CycloneDds,
            "rmw_zenoh_cpp" => Self::Zenoh,
            _ => Self::Other,
        }
    }
}

fn middleware_name(system: &System) -> String {
    let name = system.text_variable("RMW_IMPLEMENTATION");
    name.unwrap_or_else(|| FAST_DDS.to_owned())
}

/// Returns whether nodes exchange messages through Fast DDS's shared memory.
pub(super) fn uses_shared_memory(system: &System) -> bool {
    if !matches!(
        Middleware::of(&middleware_name(system)),
        Middleware::FastDds
    ) {
        return false;
    }
    let profile = profile_variable(system).and_then(|(_, file)| read_profile(system, &file).ok());
    match profile {
        Some(profile) if profile.is_default && profile.transports != Transports::Builtin => {
            matches!(
                profile.transports,
                Transports::SharedMemory | Transports::Both
            )
        }
        _ => !system
            .text_variable(TRANSPORTS)
            .is_some_and(|value| NETWORK_TRANSPORTS.contains(&&*without_options(&value))),
    }
}

/// Examines the choice of the middleware and its configuration.
pub(super) fn check(system: &System) -> Vec<Finding> {
    let name = middleware_name(system);
    let is_chosen = system.variable("RMW_IMPLEMENTATION").is_some();
    let origin = if is_chosen {
        "RMW_IMPLEMENTATION"
    } else {
        "the default of ROS"
    };
    let chosen = Finding::pass(MIDDLEWARE, format!("{name} ({origin})"));
    match Middleware::of(&name) {
        Middleware::FastDds => vec![chosen, check_fast_dds(system)],
        Middleware::CycloneDds => vec![chosen, check_cyclone_dds(system)],
        Middleware::Zenoh => vec![Finding::pass(
            MIDDLEWARE,
            format!(
                "{name} ({origin}); nodes find each other while ros2 run rmw_zenoh_cpp rmw_zenohd runs"
            ),
        )],
        Middleware::Other => vec![Finding::warn(
            MIDDLEWARE,
            format!("{name} ({origin}) is not known to this check"),
            format!("export RMW_IMPLEMENTATION={FAST_DDS}"),
        )],
    }
}

/// Returns the variable that names the profile, and its value. `None` without one that has an effect.
fn profile_variable(system: &System) -> Option<(&'static str, String)> {
    let old = system.text_variable(OLD_VARIABLE);
    let new = system
        .text_variable(NEW_VARIABLE)
        .filter(|_| !knows_old_only(system));
    let new = new.map(|file| (NEW_VARIABLE, file));
    new.or_else(|| old.map(|file| (OLD_VARIABLE, file)))
}

fn knows_old_only(system: &System) -> bool {
    let distribution = system.text_variable("ROS_DISTRO");
    distribution.is_some_and(|name| OLD_DISTRIBUTIONS.contains(&&*name))
}

fn check_fast_dds(system: &System) -> Finding {
    let Some((variable, file)) = profile_variable(system) else {
        if let Some(file) = system.text_variable(NEW_VARIABLE) {
            let distribution = system.text_variable("ROS_DISTRO").unwrap_or_default();
            let message = format!(
                "{NEW_VARIABLE} has no effect in {distribution}, which reads {OLD_VARIABLE}"
            );
            return Finding::warn(PROFILE, message, format!("export {OLD_VARIABLE}='{file}'"));
        }
        return check_transports(system);
    };
    match read_profile(system, &file) {
        Err(problem) => {
            let message = format!("{variable}={file}: {problem}");
            let cure = format!(
                "unset {variable}, or export {variable}=\"$(ros2 pkg prefix --share \
                 sensr_bridge)/config/fastdds_shm.xml\""
            );
            Finding::fail(PROFILE, message, cure)
        }
        Ok(profile) if !profile.is_default => {
            let message = format!(
                "{file} has no effect: no participant in it has is_default_profile=\"true\""
            );
            let cure = "add is_default_profile=\"true\" to the participant";
            Finding::warn(PROFILE, message, cure)
        }
        Ok(profile) => {
            let transports = profile.transports.describe();
            Finding::pass(PROFILE, format!("{file} ({variable}): {transports}"))
        }
    }
}

/// Examines the transports without a profile.
fn check_transports(system: &System) -> Finding {
    let Some(value) = system.text_variable(TRANSPORTS) else {
        let variable = if knows_old_only(system) {
            OLD_VARIABLE
        } else {
            NEW_VARIABLE
        };
        let message = format!(
            "none in this shell: the launch files set that of the package for their bridges (dds_profile:=network), and \
             a bridge started otherwise needs {variable}"
        );
        return Finding::pass(PROFILE, message);
    };
    if KNOWN_TRANSPORTS.contains(&&*without_options(&value)) {
        Finding::pass(PROFILE, format!("none, because of {TRANSPORTS}={value}"))
    } else {
        let message = format!(
            "{TRANSPORTS}={value} is none of {}",
            KNOWN_TRANSPORTS.join(", ")
        );
        Finding::warn(PROFILE, message, format!("unset {TRANSPORTS}"))
    }
}

fn without_options(transports: &str) -> String {
    let name = transports.split('?').next();
    name.unwrap_or_default().trim().to_owned()
}

/// Profile of Fast DDS.
struct Profile {
    is_default: bool,
    transports: Transports,
}

/// Transports in a profile.
#[derive(PartialEq, Eq)]
enum Transports {
    /// The profile leaves the choice to Fast DDS and its variable.
    Builtin,
    SharedMemory,
    Network,
    Both,
    Unknown,
}

impl Transports {
    fn describe(&self) -> &'static str {
        match self {
            Self::Builtin => "the default transports",
            Self::SharedMemory => {
                "shared memory only, so that nodes without such a profile do not discover those with it; see \
                 fastdds_machine_subscriber.xml"
            }
            Self::Network => "network only",
            Self::Both => "shared memory and network",
            Self::Unknown => "no transport that this check knows",
        }
    }
}

fn read_profile(system: &System, file: &str) -> Result<Profile, String> {
    let root = read_xml(system, Path::new(file))?;
    if root.name != "profiles" && root.name != "dds" {
        return Err(format!(
            "its first element is {}, not profiles or dds",
            root.name
        ));
    }
    let elements = root.descendants();
    let is_default = elements.iter().any(|element| {
        element.name == "participant" && element.attribute("is_default_profile") == Some("true")
    });
    let has = |name: &str, text: &str| {
        let mut elements = elements.iter();
        elements.any(|element| element.name == name && element.text.trim() == text)
    };
    let has_network = NETWORK_TYPES.iter().any(|name| has("type", name));
    let transports = match (has("type", "SHM"), has_network) {
        _ if !has("useBuiltinTransports", "false") => Transports::Builtin,
        (true, true) => Transports::Both,
        (true, false) => Transports::SharedMemory,
        (false, true) => Transports::Network,
        (false, false) => Transports::Unknown,
    };
    Ok(Profile {
        is_default,
        transports,
    })
}

fn read_xml(system: &System, file: &Path) -> Result<Element, String> {
    let path = if file.is_absolute() {
        system.path(file)
    } else {
        file.to_owned()
    };
    let metadata = fs::metadata(&path).map_err(|error| format!("cannot be read: {error}"))?;
    if metadata.len() > MAX_BYTES {
        return Err("is too large for a configuration file".to_owned());
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot be read: {error}"))?;
    xml::parse(&text)
}

fn check_cyclone_dds(system: &System) -> Finding {
    let Some(uri) = system.text_variable("CYCLONEDDS_URI") else {
        return Finding::pass(PROFILE, "none");
    };
    // A list of files and of configurations; the latter have commas of their own.
    let parts: Vec<&str> = if uri.trim_start().starts_with('<') {
        vec![&uri]
    } else {
        uri.split(',')
            .filter(|part| !part.trim().is_empty())
            .collect()
    };
    for part in parts.into_iter().map(str::trim) {
        let read = if part.starts_with('<') {
            xml::parse(part)
        } else {
            read_xml(
                system,
                Path::new(part.strip_prefix("file://").unwrap_or(part)),
            )
        };
        if let Err(problem) = read {
            let message = format!("CYCLONEDDS_URI={part}: {problem}");
            return Finding::fail(PROFILE, message, "unset CYCLONEDDS_URI, or correct it");
        }
    }
    Finding::pass(PROFILE, format!("{uri} (CYCLONEDDS_URI)"))
}

#[cfg(test)]
mod tests;
