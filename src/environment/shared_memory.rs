//! Fast DDS's shared memory: nodes of two users on one machine discover each other over the network, but then exchange
//! messages through files under `/dev/shm` that only their owner can write. Topics are listed and nothing is received.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;

/// Folder of shared memory.
const FOLDER: &str = "/dev/shm";
/// Prefixes of Fast DDS's files, of versions 2 and 3.
const PREFIXES: [&str; 2] = ["fastrtps_", "fastdds_"];
/// Suffix of the file that a running node keeps locked for each of its ports.
const LOCK_SUFFIX: &str = "_el";
/// First port of domain 0, by the DDS specification.
const PORT_BASE: u32 = 7400;
/// Number of ports per domain.
const DOMAIN_GAIN: u32 = 250;

/// Interval between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Log period as long as there are such nodes.
const LOG_PERIOD: Duration = Duration::from_secs(300);

/// Monitor for nodes of other users, which logs a warning while there are any.
#[derive(Debug)]
pub struct SharedMemoryUsers {
    checks: RateLimiter,
    users: Vec<u32>,
    throttle: LogThrottle,
}

impl Default for SharedMemoryUsers {
    fn default() -> Self {
        Self {
            checks: RateLimiter::default(),
            users: Vec::new(),
            throttle: LogThrottle::new(LOG_PERIOD),
        }
    }
}

impl SharedMemoryUsers {
    /// Returns the uids of other users. Checks again when it is due.
    pub fn poll(&mut self, now: Instant) -> Vec<u32> {
        if self.checks.is_due(now, CHECK_INTERVAL) {
            self.users = find_other_users();
            if !self.users.is_empty()
                && let Some(suppressed) = self.throttle.try_acquire(now)
            {
                log::warn!("{}{suppressed}", describe_users(&self.users));
            }
        }
        self.users.clone()
    }
}

/// Returns the uids of other users whose nodes in the same domain use shared memory on this machine. Empty if this
/// process does not use it itself: then it communicates over the network.
fn find_other_users() -> Vec<u32> {
    let Ok(own) = fs::metadata("/proc/self") else {
        return Vec::new();
    };
    let Some(ports) = domain_ports(env::var("ROS_DOMAIN_ID").ok().as_deref()) else {
        return Vec::new();
    };
    if uses_shared_memory() {
        find_users_in(Path::new(FOLDER), &ports, own.uid()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// Returns the ports of a domain, 0 if none is given. `None` if it is not a number.
fn domain_ports(domain: Option<&str>) -> Option<Range<u32>> {
    let domain: u32 = match domain.map(str::trim) {
        None | Some("") => 0,
        Some(number) => number.parse().ok()?,
    };
    let first = domain.checked_mul(DOMAIN_GAIN)?.checked_add(PORT_BASE)?;
    Some(first..first.checked_add(DOMAIN_GAIN)?)
}

/// Describes consequence and cure, for the log and `/diagnostics`.
#[must_use]
pub fn describe_users(other_users: &[u32]) -> String {
    let numbers: Vec<_> = other_users.iter().map(u32::to_string).collect();
    format!(
        "nodes of other users (uid {}) use Fast DDS's shared memory on this machine and domain: they list these topics \
         but receive nothing. Run all as one user, or start this bridge with FASTDDS_BUILTIN_TRANSPORTS=UDPv4",
        numbers.join(", ")
    )
}

/// Returns whether this process uses shared memory, which is mapped into it.
fn uses_shared_memory() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = PREFIXES.map(|prefix| format!("{FOLDER}/{prefix}"));
    paths.iter().any(|path| maps.contains(path.as_str()))
}

/// Returns the owners, other than `own`, of locked `ports`.
fn find_users_in(folder: &Path, ports: &Range<u32>, own: u32) -> io::Result<Vec<u32>> {
    let mut users = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let port = parse_port(&entry.file_name().to_string_lossy());
        if !port.is_some_and(|port| ports.contains(&port)) {
            continue;
        }
        // Removed meanwhile, or not readable.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.uid() != own && File::open(entry.path()).is_ok_and(|file| is_locked(&file)) {
            users.insert(metadata.uid());
        }
    }
    Ok(users.into_iter().collect())
}

/// Returns the port whose lock file has this name.
fn parse_port(name: &str) -> Option<u32> {
    let name = PREFIXES
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    let port = name.strip_prefix("port")?.strip_suffix(LOCK_SUFFIX)?;
    port.parse().ok()
}

/// Returns whether a running node holds the file. Files left by a killed node are not locked.
fn is_locked(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_depend_on_the_domain() {
        assert_eq!(domain_ports(None), Some(7400..7650));
        assert_eq!(domain_ports(Some("")), Some(7400..7650));
        assert_eq!(domain_ports(Some("2")), Some(7900..8150));
        assert_eq!(domain_ports(Some("many")), None);
        assert_eq!(domain_ports(Some("4294967295")), None);
    }

    #[test]
    fn only_running_nodes_of_others_in_the_domain_count() {
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
        let domain = domain_ports(Some("1")).expect("a domain");
        let users = |own| find_users_in(&folder, &domain, own).expect("read");
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
