//! Memory that bridges and recorders find.

use std::path::{Path, PathBuf};

use super::figures::format_size;
use super::{MachineOptions, System};
use crate::check::finding::Finding;

const SUBJECT: &str = "memory";
/// Memory of a bridge in bytes: 125 MB at full rate with the profile of the package, and room for its queues.
const BRIDGE_BYTES: u64 = 200_000_000;
/// Memory of a recorder and the stock recorder without its two caches, bytes.
const RECORDER_BYTES: u64 = 150_000_000;
/// Caches of the stock recorder.
const CACHES: u64 = 2;
/// Multiple of what is needed that leaves room for other programs and the page cache.
const RESERVE: u64 = 2;

/// Examines the memory.
pub(super) fn check(options: &MachineOptions) -> Finding {
    let needed = needed_bytes(options);
    match available(&options.system) {
        Ok(available) => assess(&available, needed),
        Err(problem) => Finding::warn(
            SUBJECT,
            format!("cannot be determined: {problem}"),
            "free -h",
        ),
    }
}

fn needed_bytes(options: &MachineOptions) -> u64 {
    let recorders = options.recordings.iter().map(|plan| {
        let caches = plan.config.max_cache_bytes.saturating_mul(CACHES);
        caches.saturating_add(RECORDER_BYTES)
    });
    let bridges = BRIDGE_BYTES.saturating_mul(options.bridges as u64);
    recorders.fold(bridges, u64::saturating_add)
}

fn assess(available: &Available, needed: u64) -> Finding {
    let limit = match &available.limited_by {
        Some(group) => format!(" within the limit of the control group {group}"),
        None => String::new(),
    };
    let message = format!(
        "{} available{limit}, bridges and recorders need {}",
        format_size(available.bytes),
        format_size(needed)
    );
    let cure = if available.limited_by.is_some() {
        "raise the limit (MemoryMax= of the unit, docker run --memory), or set max_cache_bytes lower"
    } else {
        "ps -eo rss,args --sort=-rss | head, and end what is not needed; or set max_cache_bytes lower"
    };
    if available.bytes < needed {
        Finding::fail(SUBJECT, message, cure)
    } else if available.bytes < needed.saturating_mul(RESERVE) {
        Finding::warn(SUBJECT, format!("{message}: little is left"), cure)
    } else {
        Finding::pass(SUBJECT, message)
    }
}

/// Available memory.
#[derive(Debug, PartialEq, Eq)]
struct Available {
    bytes: u64,
    /// Control group whose limit is the tightest.
    limited_by: Option<String>,
}

fn available(system: &System) -> Result<Available, String> {
    let text = system
        .read("/proc/meminfo")
        .map_err(|error| format!("/proc/meminfo: {error}"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes: Option<u64> = kibibytes.and_then(|number| number.trim().parse().ok());
    let mut available = Available {
        bytes: kibibytes
            .ok_or("/proc/meminfo has no MemAvailable")?
            .saturating_mul(1024),
        limited_by: None,
    };
    for group in control_groups(system) {
        if let Some(bytes) = group.room(system)
            && bytes < available.bytes
        {
            available = Available {
                bytes,
                limited_by: Some(group.path.display().to_string()),
            };
        }
    }
    Ok(available)
}

/// Control group of this process, or one above it.
#[derive(Debug)]
struct ControlGroup {
    path: PathBuf,
    /// Folder of its files.
    folder: PathBuf,
    /// Files of the limit and of the usage.
    files: [&'static str; 2],
}

impl ControlGroup {
    /// Returns the memory in bytes that is left below the limit. `None` without a limit.
    fn room(&self, system: &System) -> Option<u64> {
        let read = |name: &str| system.read(self.folder.join(name)).ok();
        let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
        let [limit, usage] = self.files;
        let (limit, usage) = (number(limit)?, number(usage)?);
        // Pages of files that the kernel gives back at once.
        let statistics = read("memory.stat").unwrap_or_default();
        let inactive = statistics.lines().find_map(|line| {
            let (name, value) = line.split_once(' ')?;
            matches!(name, "inactive_file" | "total_inactive_file")
                .then(|| value.trim().parse::<u64>().ok())?
        });
        let usage = usage.saturating_sub(inactive.unwrap_or(0));
        Some(limit.saturating_sub(usage))
    }
}

/// Returns the control groups of this process and those above them, of both versions (cgroups(7)).
fn control_groups(system: &System) -> Vec<ControlGroup> {
    let text = system.read("/proc/self/cgroup").unwrap_or_default();
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (folder, files) = if controllers.is_empty() {
            ("/sys/fs/cgroup", ["memory.max", "memory.current"])
        } else if controllers.split(',').any(|name| name == "memory") {
            let files = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
            ("/sys/fs/cgroup/memory", files)
        } else {
            continue;
        };
        for path in Path::new(path).ancestors() {
            let below = path.strip_prefix("/").unwrap_or(path);
            groups.push(ControlGroup {
                path: path.to_owned(),
                folder: Path::new(folder).join(below),
                files,
            });
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;
    use crate::check::machine::RecordingPlan;
    use crate::config::RecorderConfig;

    fn machine(megabytes: u64) -> TestMachine {
        let machine = TestMachine::new();
        let kibibytes = megabytes * 1_000_000 / 1024;
        let text = format!("MemTotal: 99999999 kB\nMemAvailable:  {kibibytes} kB\nCached: 1 kB\n");
        machine.write("/proc/meminfo", &text);
        machine
    }

    fn check_with(machine: &TestMachine, bridges: usize, recorders: usize) -> Finding {
        let plan = RecordingPlan {
            namespace: "/".to_owned(),
            config: RecorderConfig {
                max_cache_bytes: 100_000_000,
                ..RecorderConfig::default()
            },
            bytes_per_second: None,
        };
        check(&MachineOptions {
            bridges,
            recordings: vec![plan; recorders],
            system: machine.system(),
        })
    }

    #[test]
    fn memory_is_held_against_what_bridges_and_recorders_need() {
        let machine = machine(1000);
        let finding = check_with(&machine, 1, 0);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert_eq!(
            finding.message,
            "1.00 GB available, bridges and recorders need 200 MB"
        );
        assert_eq!(check_with(&machine, 1, 1).verdict, Verdict::Warn);
        assert_eq!(check_with(&machine, 2, 2).verdict, Verdict::Fail);
    }

    #[test]
    fn the_tightest_limit_of_a_control_group_applies() {
        let machine = machine(8000);
        machine.write(
            "/proc/self/cgroup",
            "5:cpu:/x\n0::/system.slice/bridge.service\n",
        );
        let folder = "/sys/fs/cgroup/system.slice";
        machine.write(&format!("{folder}/memory.max"), "900000000\n");
        machine.write(&format!("{folder}/memory.current"), "600000000\n");
        machine.write(
            &format!("{folder}/memory.stat"),
            "anon 1\ninactive_file 100000000\n",
        );
        machine.write(&format!("{folder}/bridge.service/memory.max"), "max\n");
        machine.write(&format!("{folder}/bridge.service/memory.current"), "5\n");
        let finding = check_with(&machine, 1, 0);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert_eq!(
            finding.message,
            "400 MB available within the limit of the control group /system.slice, bridges and recorders need 200 MB"
        );
        assert!(check_with(&machine, 3, 0).cure.contains("MemoryMax"));
    }

    #[test]
    fn control_groups_of_version_1_are_understood() {
        let machine = machine(8000);
        machine.write("/proc/self/cgroup", "4:memory,x:/docker/1\n1:cpu:/\n0::/\n");
        let folder = "/sys/fs/cgroup/memory/docker/1";
        machine.write(&format!("{folder}/memory.limit_in_bytes"), "300000000\n");
        machine.write(&format!("{folder}/memory.usage_in_bytes"), "200000000\n");
        let no_limit = "9223372036854771712\n";
        machine.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", no_limit);
        machine.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
        let finding = check_with(&machine, 1, 0);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(
            finding.message.starts_with("100 MB available within"),
            "{}",
            finding.message
        );
    }

    #[test]
    fn memory_that_is_not_told_is_a_warning() {
        let finding = check_with(&TestMachine::new(), 1, 0);
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(
            finding.message.contains("/proc/meminfo"),
            "{}",
            finding.message
        );
    }
}
