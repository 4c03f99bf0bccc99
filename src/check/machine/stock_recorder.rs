//! The stock recorder, `ros2 bag record`, with its plugin for MCAP.

use std::time::Duration;

use super::{RecordingPlan, System};
use crate::check::finding::Finding;
use crate::recorder::features::RecorderFeatures;

const SUBJECT: &str = "rosbag2";
/// Time in which `ros2` must answer, on a machine that is starting up.
const LIMIT: Duration = Duration::from_secs(30);

/// Examines whether the stock recorder can record as planned.
pub(super) fn check(system: &System, plans: &[RecordingPlan]) -> Finding {
    let path = system.variable("PATH").unwrap_or_default();
    let distribution = system.text_variable("ROS_DISTRO");
    let distribution = distribution.as_deref().unwrap_or("$ROS_DISTRO");
    let install = format!(
        "sudo apt install ros-{distribution}-ros2bag ros-{distribution}-rosbag2-storage-mcap"
    );
    let features = match RecorderFeatures::query(path, LIMIT) {
        Ok(features) => features,
        Err(error) => {
            let cure = format!("source /opt/ros/{distribution}/setup.bash, or {install}");
            return Finding::fail(SUBJECT, problem_of(&error), cure);
        }
    };
    if !features.mcap {
        let message = "the stock recorder has no storage plugin mcap";
        return Finding::fail(SUBJECT, message, install);
    }
    for plan in plans {
        if let Err(error) = features.check(&plan.config) {
            let (problem, cure) = error.split_once("; ").unwrap_or((&error, &install));
            return Finding::fail(SUBJECT, problem, cure);
        }
    }
    Finding::pass(
        SUBJECT,
        "ros2 bag record is installed, with storage plugin mcap",
    )
}

/// Returns an error without its cure.
fn problem_of(error: &str) -> &str {
    error
        .rsplit_once("; ")
        .map_or(error, |(problem, _)| problem)
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;
    use crate::config::RecorderConfig;

    fn check_with(script: Option<&str>, preset: Option<&str>) -> Finding {
        let machine = TestMachine::new();
        if let Some(script) = script {
            machine.write_program("/bin/ros2", script);
        }
        let path = machine.folder("/bin");
        let system = machine.system_with(&[("PATH", &path), ("ROS_DISTRO", "jazzy")]);
        let plan = RecordingPlan {
            namespace: "/".to_owned(),
            config: RecorderConfig {
                storage_preset: preset.map(str::to_owned),
                ..RecorderConfig::default()
            },
            bytes_per_second: None,
        };
        check(&system, &[plan])
    }

    const HELP: &str = "echo '  -s, --storage {mcap,sqlite3}  the storage'
        echo '  --storage-preset-profile {none,zstd_fast}  the preset'";

    #[test]
    fn an_installed_recorder_with_mcap_passes() {
        let finding = check_with(Some(HELP), Some("zstd_fast"));
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
    }

    #[test]
    fn missing_parts_are_named_with_the_command_that_installs_them() {
        let packages = "sudo apt install ros-jazzy-ros2bag ros-jazzy-rosbag2-storage-mcap";
        let cases = [
            (None, "cannot find ros2 in PATH"),
            (
                Some("echo \"invalid choice: 'bag'\" >&2; exit 2"),
                "invalid choice: 'bag'",
            ),
            (
                Some("echo '  --storage {sqlite3}  the storage'"),
                "no storage plugin mcap",
            ),
        ];
        for (script, problem) in cases {
            let finding = check_with(script, None);
            assert_eq!(finding.verdict, Verdict::Fail, "{problem}");
            assert!(finding.message.contains(problem), "{}", finding.message);
            assert!(!finding.message.contains("install"), "{}", finding.message);
            assert!(finding.cure.contains(packages), "{}", finding.cure);
        }
    }

    #[test]
    fn parameters_that_the_recorder_does_not_know_fail() {
        let finding = check_with(Some(HELP), Some("zstd_small"));
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(
            finding.message.contains("has no preset zstd_small"),
            "{}",
            finding.message
        );
        assert_eq!(finding.cure, "set one of none, zstd_fast");
    }
}
