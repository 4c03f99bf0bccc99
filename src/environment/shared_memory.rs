//! Fast DDS in shared memory: nodes of two users of one machine discover each other over the network and then hand
//! messages over in files under `/dev/shm` that only their owner can write. Topics are listed, nothing arrives.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// The folder of all shared memory.
const FOLDER: &str = "/dev/shm";
/// Names of Fast DDS's files, of version 2 and 3.
const PREFIXES: [&str; 2] = ["fastrtps_", "fastdds_"];
/// Ending of the file that a living node holds locked for each of its ports.
const LOCK_SUFFIX: &str = "_el";
/// First port of domain 0, by the DDS specification.
const PORT_BASE: u32 = 7400;
/// Ports of a domain.
const DOMAIN_GAIN: u32 = 250;

/// Users other than this process's whose nodes of the same domain use shared memory on this machine now, by number.
/// Empty if this process does not use it itself: then everything goes over the network.
#[must_use]
pub fn other_users() -> Vec<u32> {
    let Ok(own) = fs::metadata("/proc/self") else {
        return Vec::new();
    };
    let Some(ports) = ports(env::var("ROS_DOMAIN_ID").ok().as_deref()) else {
        return Vec::new();
    };
    if uses_shared_memory() {
        users_in(Path::new(FOLDER), &ports, own.uid()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// The ports of a domain, 0 if none is given. None if it is no number.
fn ports(domain: Option<&str>) -> Option<Range<u32>> {
    let domain: u32 = match domain.map(str::trim) {
        None | Some("") => 0,
        Some(number) => number.parse().ok()?,
    };
    let first = domain.checked_mul(DOMAIN_GAIN)?.checked_add(PORT_BASE)?;
    Some(first..first.checked_add(DOMAIN_GAIN)?)
}

/// The consequence and the cure, for the log and `/diagnostics`.
#[must_use]
pub fn warning(other_users: &[u32]) -> String {
    let numbers: Vec<_> = other_users.iter().map(u32::to_string).collect();
    format!(
        "nodes of other users (uid {}) use Fast DDS's shared memory on this machine and domain: they list these topics \
         and get nothing. Run all as one user, or start this bridge with FASTDDS_BUILTIN_TRANSPORTS=UDPv4",
        numbers.join(", ")
    )
}

/// Segments of a process are mapped into it.
fn uses_shared_memory() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = PREFIXES.map(|prefix| format!("{FOLDER}/{prefix}"));
    paths.iter().any(|path| maps.contains(path.as_str()))
}

/// The owners, other than `own`, of `ports` that are in use.
fn users_in(folder: &Path, ports: &Range<u32>, own: u32) -> io::Result<Vec<u32>> {
    let mut users = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let port = port_of(&entry.file_name().to_string_lossy());
        if !port.is_some_and(|port| ports.contains(&port)) {
            continue;
        }
        // Gone meanwhile, or not to be read: nothing can be told of it.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.uid() != own && File::open(entry.path()).is_ok_and(|file| is_locked(&file)) {
            users.insert(metadata.uid());
        }
    }
    Ok(users.into_iter().collect())
}

/// The port whose lock has this name.
fn port_of(name: &str) -> Option<u32> {
    let name = PREFIXES
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    let port = name.strip_prefix("port")?.strip_suffix(LOCK_SUFFIX)?;
    port.parse().ok()
}

/// A file that a node left behind when it was killed is locked no more.
fn is_locked(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_its_ports() {
        assert_eq!(ports(None), Some(7400..7650));
        assert_eq!(ports(Some("")), Some(7400..7650));
        assert_eq!(ports(Some("2")), Some(7900..8150));
        assert_eq!(ports(Some("many")), None);
        assert_eq!(ports(Some("4294967295")), None);
    }

    #[test]
    fn only_living_nodes_of_others_in_the_domain_count() {
        let name = format!("sensr_bridge_shared_memory_{}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("made");
        let make = |name: &str, is_locked: bool| {
            let file = File::create(folder.join(name)).expect("made");
            if is_locked {
                flock(&file, FlockOperation::LockExclusive).expect("locked");
            }
            file
        };
        let me = fs::metadata(&folder).expect("there").uid();
        let domain = ports(Some("1")).expect("a domain");
        let users = |own| users_in(&folder, &domain, own).expect("read");
        let _files = [
            make("fastrtps_port7661_el", false),
            make("fastrtps_port7661", true),
            make("fastrtps_port7411_el", true),
            make("fastrtps_0123456789abcdef_el", true),
            make("other_port7661_el", true),
        ];
        assert!(
            users(me + 1).is_empty(),
            "left behind, or not of the domain"
        );
        let _alive = make("fastdds_port7663_el", true);
        assert_eq!(users(me + 1), [me]);
        assert!(users(me).is_empty());
        fs::remove_dir_all(folder).expect("removed");
    }
}
