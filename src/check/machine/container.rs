//! Containers, and the Linux of Windows (WSL).

use std::path::Path;

use super::System;
use super::mounts::Mounts;
use super::programs::run;
use crate::check::finding::Finding;

const CONTAINER: &str = "container";
const WSL: &str = "windows subsystem for linux";
/// Words in the names of control groups of containers.
const CONTAINER_GROUPS: [&str; 5] = ["docker", "kubepods", "libpod", "containerd", "lxc"];

/// Examines whether nodes outside of a container, or outside of Windows's virtual machine, are reached.
pub(super) fn check(system: &System) -> Vec<Finding> {
    let mut findings = vec![check_container(system)];
    if is_wsl(system) {
        findings.push(check_wsl(system));
    }
    findings
}

/// Returns whether this process runs in a container.
pub(super) fn is_container(system: &System) -> bool {
    let marks = ["/.dockerenv", "/run/.containerenv"];
    if marks.iter().any(|mark| system.path(mark).exists()) {
        return true;
    }
    let groups = system.read("/proc/1/cgroup").unwrap_or_default();
    let variable = system.text_variable("container");
    variable.is_some_and(|name| name != "wsl")
        || CONTAINER_GROUPS.iter().any(|name| groups.contains(name))
}

fn is_wsl(system: &System) -> bool {
    let release = system
        .read("/proc/sys/kernel/osrelease")
        .unwrap_or_default();
    release.to_lowercase().contains("microsoft")
}

fn check_container(system: &System) -> Finding {
    if !is_container(system) {
        return Finding::pass(CONTAINER, "no container");
    }
    let mounts = Mounts::read(system).unwrap_or_default();
    let shared_memory = mounts.of(Path::new("/dev/shm"));
    let is_mounted = shared_memory.is_some_and(|mount| mount.folder == Path::new("/dev/shm"));
    // Engines name the file system that they make for a container; that of the host is called tmpfs.
    let is_own = shared_memory.is_some_and(|mount| mount.source == "shm");
    if is_mounted && !is_own {
        return Finding::pass(CONTAINER, "a container that shares /dev/shm with the host");
    }
    Finding::warn(
        CONTAINER,
        "this container has a /dev/shm of its own: nodes outside of it list the topics but receive nothing through \
         Fast DDS's shared memory",
        "docker run --ipc host --network host …, or export FASTDDS_BUILTIN_TRANSPORTS=UDPv4",
    )
}

fn check_wsl(system: &System) -> Finding {
    match run(system, "wslinfo", &["--networking-mode"]) {
        Some(mode) if mode.trim() == "mirrored" => {
            Finding::pass(WSL, "WSL with the network of Windows (mirrored)")
        }
        _ => Finding::warn(
            WSL,
            "the network of WSL is behind that of Windows: nodes on other machines are not discovered",
            "networkingMode=mirrored below [wsl2] in %UserProfile%\\.wslconfig, then wsl --shutdown",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;

    fn with_shm(mount: &str) -> TestMachine {
        let machine = TestMachine::new();
        let text = format!("1 0 0:1 / / rw - overlay overlay rw\n{mount}\n");
        machine.write("/proc/self/mountinfo", &text);
        machine
    }

    fn verdict_of(machine: &TestMachine, variables: &[(&str, &str)]) -> Verdict {
        check_container(&machine.system_with(variables)).verdict
    }

    #[test]
    fn a_container_needs_the_shared_memory_of_the_host() {
        let own = with_shm("2 1 0:2 / /dev/shm rw - tmpfs shm rw,size=65536k");
        assert_eq!(verdict_of(&own, &[]), Verdict::Pass, "no container");
        assert_eq!(verdict_of(&own, &[("container", "podman")]), Verdict::Warn);
        own.write("/.dockerenv", "");
        assert_eq!(verdict_of(&own, &[]), Verdict::Warn);
        let shared = with_shm("2 1 0:2 / /dev/shm rw - tmpfs tmpfs rw");
        shared.write("/proc/1/cgroup", "0::/kubepods/pod1\n");
        assert_eq!(verdict_of(&shared, &[]), Verdict::Pass);
        let none = with_shm("");
        none.write("/run/.containerenv", "");
        assert_eq!(verdict_of(&none, &[]), Verdict::Warn);
    }

    #[test]
    fn wsl_without_the_network_of_windows_is_a_warning() {
        let machine = with_shm("");
        machine.write("/proc/sys/kernel/osrelease", "6.1.0-generic\n");
        assert_eq!(check(&machine.system()).len(), 1);
        machine.write(
            "/proc/sys/kernel/osrelease",
            "5.15.1-microsoft-standard-WSL2\n",
        );
        assert_eq!(check(&machine.system())[1].verdict, Verdict::Warn);
        machine.write_program("/bin/wslinfo", "echo mirrored");
        let findings = check(&machine.system_with(&[("PATH", &machine.folder("/bin"))]));
        assert_eq!(findings[1].verdict, Verdict::Pass);
    }
}
