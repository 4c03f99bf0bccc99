//! Fast DDS's shared memory: nodes on one machine discover each other over the network, but then exchange messages
//! through files under `/dev/shm`. Only their owner can write these, and a container with its own `/dev/shm` has others.
//! Topics are listed and nothing is received.

mod abandoned;
mod announcement;
mod announcement_sockets;
mod byte_reader;
mod peers;

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::time::log_throttle::LogThrottle;
use crate::time::rate_limiter::RateLimiter;
pub use abandoned::abandoned_bytes;
use announcement_sockets::AnnouncementSockets;
use peers::Peers;

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

/// Nodes of this machine and domain that receive nothing from this process, although they list its topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnreachableNodes {
    /// Uids of other users that run nodes in the same `/dev/shm`.
    pub users: Vec<u32>,
    /// Number of processes with another `/dev/shm`.
    pub isolated_processes: usize,
}

impl UnreachableNodes {
    /// Describes consequence and cure, for the log and `/diagnostics`. `None` if there are no such nodes.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let mut who = Vec::new();
        if !self.users.is_empty() {
            let uids: Vec<_> = self.users.iter().map(u32::to_string).collect();
            who.push(format!(
                "nodes of other users (uid {}) use Fast DDS's shared memory on this machine and domain",
                uids.join(", ")
            ));
        }
        if self.isolated_processes > 0 {
            let plural = if self.isolated_processes == 1 {
                ""
            } else {
                "es"
            };
            who.push(format!(
                "the nodes of {} process{plural} of this machine and domain use Fast DDS's shared memory in another \
                 /dev/shm, as in a container",
                self.isolated_processes
            ));
        }
        (!who.is_empty()).then(|| {
            format!(
                "{}: they list these topics but receive nothing. Run all as one user and with one /dev/shm, or start \
                 this bridge with FASTDDS_BUILTIN_TRANSPORTS=UDPv4",
                who.join("; ")
            )
        })
    }
}

/// Monitor for nodes that cannot be reached through shared memory, which logs a warning while there are any.
#[derive(Debug)]
pub struct SharedMemoryMonitor {
    checks: RateLimiter,
    found: UnreachableNodes,
    peers: Peers,
    announcements: Option<AnnouncementSockets>,
    throttle: LogThrottle,
}

impl Default for SharedMemoryMonitor {
    fn default() -> Self {
        Self {
            checks: RateLimiter::default(),
            found: UnreachableNodes::default(),
            peers: Peers::default(),
            announcements: None,
            throttle: LogThrottle::new(LOG_PERIOD),
        }
    }
}

impl SharedMemoryMonitor {
    /// Returns the nodes that cannot be reached. To be called once a second. Checks again when it is due.
    pub fn poll(&mut self, now: Instant) -> UnreachableNodes {
        if let Some(announcements) = &mut self.announcements {
            announcements.receive_into(&mut self.peers, now);
        }
        if self.checks.is_due(now, CHECK_INTERVAL) {
            self.found = self.check(now).unwrap_or_default();
            if let Some(warning) = self.found.describe()
                && let Some(suppressed) = self.throttle.try_acquire(now)
            {
                log::warn!("{warning}{suppressed}");
            }
        }
        self.found.clone()
    }

    /// Looks for such nodes. `None` if this process does not use shared memory: then it communicates over the network.
    fn check(&mut self, now: Instant) -> Option<UnreachableNodes> {
        let own = fs::metadata("/proc/self").ok()?;
        let ports = domain_ports(env::var("ROS_DOMAIN_ID").ok().as_deref())?;
        if !uses_shared_memory() {
            return None;
        }
        let folder = Path::new(FOLDER);
        if self.announcements.is_none() {
            // Without it, as in a process without a network, nothing is said of other folders.
            let port = u16::try_from(ports.start).ok();
            self.announcements = port.and_then(|port| AnnouncementSockets::open(port).ok());
        }
        Some(UnreachableNodes {
            users: find_users_in(folder, &ports, own.uid()).unwrap_or_default(),
            isolated_processes: self
                .peers
                .count_isolated(now, process::id(), |port| is_port_alive(folder, port)),
        })
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

/// Returns whether this process uses shared memory, which is mapped into it.
fn uses_shared_memory() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = PREFIXES.map(|prefix| format!("{FOLDER}/{prefix}"));
    paths.iter().any(|path| maps.contains(path.as_str()))
}

/// Returns the uids, other than `own`, of the users that run nodes of a domain with files in a folder such as `/dev/shm`.
/// `domain` is the value of `ROS_DOMAIN_ID`.
pub fn other_users(folder: &Path, domain: Option<&str>, own: u32) -> io::Result<Vec<u32>> {
    match domain_ports(domain) {
        Some(ports) => find_users_in(folder, &ports, own),
        None => Ok(Vec::new()),
    }
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

/// Returns whether a running node receives data on a port in `folder`.
fn is_port_alive(folder: &Path, port: u32) -> bool {
    let paths = PREFIXES.map(|prefix| folder.join(format!("{prefix}port{port}{LOCK_SUFFIX}")));
    let mut files = paths.iter().filter_map(|path| File::open(path).ok());
    files.any(|file| is_locked(&file))
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
        let name = format!("sensr_bridge_shared_memory_{}", process::id());
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
        let alive = [7661, 7411, 7663].map(|port| is_port_alive(&folder, port));
        assert_eq!(alive, [false, true, true]);
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn both_kinds_of_unreachable_nodes_are_described_with_the_cure() {
        assert_eq!(UnreachableNodes::default().describe(), None);
        let found = UnreachableNodes {
            users: vec![1000, 1001],
            isolated_processes: 2,
        };
        let text = found.describe().expect("there are some");
        for part in ["uid 1000, 1001", "2 processes", "another /dev/shm", "UDPv4"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
