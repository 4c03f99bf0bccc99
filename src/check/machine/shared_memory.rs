//! Shared memory in which Fast DDS passes messages between the nodes of a machine.

use std::path::Path;

use super::System;
use super::container::is_container;
use super::disk::unnamed_file;
use super::figures::format_size;
use super::middleware;
use super::mounts::Mounts;
use crate::check::finding::Finding;
use crate::environment::shared_memory::{abandoned_bytes, other_users};
use crate::recorder::disk::DiskSpace;

const ROOM: &str = "shared memory";
const OWNER: &str = "shared memory owner";
const FOLDER: &str = "/dev/shm";
/// Memory of a bridge with the profile of the package, bytes: measured 67 MiB.
const SEGMENT_BYTES: u64 = 67 << 20;
/// Memory that a few other nodes, such as recorders, take, bytes.
const OTHER_NODES_BYTES: u64 = 16 << 20;
/// Abandoned memory that is worth a word, bytes.
const MUCH_ABANDONED: u64 = 64 << 20;

/// Examines shared memory for a number of bridges. `own` is the uid of this user. Without Fast DDS's shared memory
/// there is nothing to examine.
pub(super) fn check(system: &System, bridges: usize, own: u32) -> Vec<Finding> {
    if !middleware::uses_shared_memory(system) {
        return Vec::new();
    }
    vec![check_room(system, bridges), check_owner(system, own)]
}

fn check_room(system: &System, bridges: usize) -> Finding {
    let folder = system.path(FOLDER);
    let without =
        "Fast DDS sends clouds over the network stack instead, which costs more and loses some";
    if let Err(error) = unnamed_file(&folder)
        && !matches!(error.kind(), std::io::ErrorKind::StorageFull)
    {
        let mounts = Mounts::read(system).unwrap_or_default();
        let is_read_only = mounts
            .of(Path::new(FOLDER))
            .is_some_and(super::mounts::Mount::is_read_only);
        let cure = if is_read_only {
            "sudo mount -o remount,rw /dev/shm"
        } else {
            "sudo mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
        };
        let message = format!("cannot write to {FOLDER} ({error}): {without}");
        return Finding::warn(ROOM, message, cure);
    }
    let space = match DiskSpace::of(&folder) {
        Ok(space) => space,
        Err(error) => {
            let message = format!("{FOLDER} cannot be read: {error}");
            return Finding::warn(ROOM, message, "df /dev/shm");
        }
    };
    let needed = SEGMENT_BYTES.saturating_mul(bridges as u64) + OTHER_NODES_BYTES;
    let abandoned = abandoned_bytes(&folder).unwrap_or(0);
    assess_room(space, needed, abandoned, is_container(system), without)
}

fn assess_room(
    space: DiskSpace,
    needed: u64,
    abandoned: u64,
    is_container: bool,
    without: &str,
) -> Finding {
    let mut message = format!(
        "{} of {} are free in {FOLDER}, bridges and recorders need {}",
        format_size(space.free_bytes),
        format_size(space.size_bytes),
        format_size(needed)
    );
    if abandoned >= MUCH_ABANDONED {
        let size = format_size(abandoned);
        message =
            format!("{message}; killed nodes have left {size}, which fastdds shm clean removes");
    }
    if space.free_bytes >= needed {
        return Finding::pass(ROOM, message);
    }
    let message = format!("{message}: {without}");
    // Twice as much, in whole mebibytes.
    let size = (space.size_bytes - space.free_bytes + needed).div_ceil(1 << 20) * 2;
    let cure = if space.free_bytes + abandoned >= needed {
        "fastdds shm clean".to_owned()
    } else if is_container {
        format!("docker run --shm-size={size}m …, or --ipc host")
    } else {
        format!("sudo mount -o remount,size={size}m {FOLDER}")
    };
    Finding::warn(ROOM, message, cure)
}

fn check_owner(system: &System, own: u32) -> Finding {
    let domain = system.text_variable("ROS_DOMAIN_ID");
    match other_users(&system.path(FOLDER), domain.as_deref(), own) {
        Err(error) => {
            let message = format!("{FOLDER} cannot be read: {error}");
            Finding::warn(OWNER, message, "ls -l /dev/shm")
        }
        Ok(users) if users.is_empty() => {
            Finding::pass(OWNER, "no other user runs nodes in this domain")
        }
        Ok(users) => {
            let users: Vec<String> = users.iter().map(u32::to_string).collect();
            let users = users.join(", ");
            let message = format!(
                "nodes of other users (uid {users}) use Fast DDS's shared memory in this domain: they list the topics \
                 but receive nothing"
            );
            let cure = "run all nodes as one user, or export FASTDDS_BUILTIN_TRANSPORTS=UDPv4";
            Finding::warn(OWNER, message, cure)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{FlockOperation, flock};

    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;

    const MB: u64 = 1_000_000;

    fn room(free: u64, abandoned: u64, is_container: bool) -> Finding {
        let space = DiskSpace {
            size_bytes: 100 * MB,
            free_bytes: free * MB,
        };
        assess_room(space, 80 * MB, abandoned * MB, is_container, "slow")
    }

    #[test]
    fn too_little_room_is_a_warning_with_the_cure_for_its_cause() {
        assert_eq!(room(80, 0, false).verdict, Verdict::Pass);
        let small = room(60, 0, false);
        assert_eq!(small.verdict, Verdict::Warn);
        assert_eq!(
            small.message,
            "60.0 MB of 100 MB are free in /dev/shm, bridges and recorders need 80.0 MB: slow"
        );
        assert_eq!(small.cure, "sudo mount -o remount,size=230m /dev/shm");
        assert!(
            room(60, 0, true)
                .cure
                .starts_with("docker run --shm-size=230m")
        );
        let abandoned = room(10, 70, false);
        assert_eq!(abandoned.cure, "fastdds shm clean");
        assert!(abandoned.message.contains("killed nodes have left 70.0 MB"));
    }

    #[test]
    fn running_nodes_of_another_user_are_a_warning() {
        let machine = TestMachine::new();
        machine.write("/dev/shm/fastrtps_port7411_el", "");
        let lock = File::open(machine.folder("/dev/shm/fastrtps_port7411_el")).unwrap();
        let own = lock.metadata().unwrap().uid();
        let verdict = |domain: &str, own: u32| {
            let system = machine.system_with(&[("ROS_DOMAIN_ID", domain)]);
            let findings = check(&system, 1, own);
            assert_eq!(findings.len(), 2);
            assert_eq!(findings[1].subject, "shared memory owner");
            findings[1].verdict
        };
        assert_eq!(verdict("0", own + 1), Verdict::Pass, "not running");
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        assert_eq!(verdict("0", own + 1), Verdict::Warn);
        assert_eq!(verdict("0", own), Verdict::Pass);
        assert_eq!(verdict("7", own + 1), Verdict::Pass);
    }

    #[test]
    fn shared_memory_that_is_missing_is_a_warning() {
        let findings = check(&TestMachine::new().system(), 1, 0);
        assert_eq!(findings[0].verdict, Verdict::Warn);
        assert!(findings[0].message.starts_with("cannot write to /dev/shm"));
    }

    #[test]
    fn nothing_is_examined_without_shared_memory_of_fast_dds() {
        let machine = TestMachine::new();
        for variable in [
            ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp"),
            ("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4"),
        ] {
            assert!(check(&machine.system_with(&[variable]), 1, 0).is_empty());
        }
    }
}
