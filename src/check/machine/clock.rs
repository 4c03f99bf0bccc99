//! Synchronization of the clock.

use super::System;
use super::programs::run;
use crate::check::finding::Finding;

const SUBJECT: &str = "clock synchronization";
/// File that systemd-timesyncd makes when it has set the clock.
const TIMESYNCD_MARK: &str = "/run/systemd/timesync/synchronized";
const CURE: &str = "sudo timedatectl set-ntp true (or: sudo apt install chrony)";

/// Examines whether a service keeps the clock. The bridge measures the offset to the server itself; times of other
/// machines, and names of recordings, depend on it.
pub(super) fn check(system: &System) -> Finding {
    let answers = [chrony, timedatectl, timesyncd];
    let answers: Vec<Answer> = answers
        .iter()
        .filter_map(|question| question(system))
        .collect();
    // Each of them may not know of the others.
    if let Some(answer) = answers.iter().find(|answer| answer.is_synchronized) {
        return Finding::pass(SUBJECT, &*answer.words);
    }
    match answers.first() {
        Some(answer) => Finding::warn(SUBJECT, &*answer.words, CURE),
        None => Finding::warn(
            SUBJECT,
            "cannot be determined: neither timedatectl nor chronyc answers",
            "timedatectl, on the host if this is a container",
        ),
    }
}

struct Answer {
    is_synchronized: bool,
    words: String,
}

fn timesyncd(system: &System) -> Option<Answer> {
    let is_marked = system.path(TIMESYNCD_MARK).exists();
    is_marked.then(|| Answer {
        is_synchronized: true,
        words: "synchronized by systemd-timesyncd".to_owned(),
    })
}

fn chrony(system: &System) -> Option<Answer> {
    let text = run(system, "chronyc", &["-n", "tracking"])?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let leap = value("Leap status")?;
    let is_synchronized = leap != "Not synchronised";
    let words = match value("System time") {
        Some(offset) if is_synchronized => {
            format!("synchronized by chrony ({offset})")
        }
        _ if is_synchronized => "synchronized by chrony".to_owned(),
        _ => "not synchronized, according to chrony".to_owned(),
    };
    Some(Answer {
        is_synchronized,
        words,
    })
}

fn timedatectl(system: &System) -> Option<Answer> {
    let arguments = ["show", "--property", "NTPSynchronized", "--value"];
    let text = run(system, "timedatectl", &arguments)?;
    let is_synchronized = match text.trim() {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    let state = if is_synchronized {
        "synchronized"
    } else {
        "not synchronized"
    };
    Some(Answer {
        is_synchronized,
        words: format!("{state}, according to timedatectl"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;

    fn check_machine(machine: &TestMachine) -> (Verdict, String) {
        let system = machine.system_with(&[("PATH", &machine.folder("/bin"))]);
        let finding = check(&system);
        (finding.verdict, finding.message)
    }

    #[test]
    fn one_service_that_keeps_the_clock_is_enough() {
        let machine = TestMachine::new();
        let (verdict, message) = check_machine(&machine);
        assert_eq!(verdict, Verdict::Warn);
        assert!(message.starts_with("cannot be determined"), "{message}");

        machine.write_program("/bin/timedatectl", "echo no");
        let (verdict, message) = check_machine(&machine);
        assert_eq!(verdict, Verdict::Warn);
        assert_eq!(message, "not synchronized, according to timedatectl");

        let tracking = "echo 'System time     : 0.000012 seconds slow of NTP time'; echo 'Leap status     : Normal'";
        machine.write_program("/bin/chronyc", tracking);
        let (verdict, message) = check_machine(&machine);
        assert_eq!(verdict, Verdict::Pass);
        assert_eq!(
            message,
            "synchronized by chrony (0.000012 seconds slow of NTP time)"
        );

        machine.write_program("/bin/chronyc", "echo 'Leap status     : Not synchronised'");
        let (verdict, message) = check_machine(&machine);
        assert_eq!(verdict, Verdict::Warn);
        assert_eq!(message, "not synchronized, according to chrony");

        machine.write(TIMESYNCD_MARK, "");
        assert_eq!(check_machine(&machine).0, Verdict::Pass);
        machine.write_program("/bin/timedatectl", "echo yes");
        assert_eq!(
            check_machine(&machine).1,
            "synchronized, according to timedatectl"
        );
    }

    #[test]
    fn a_service_that_cannot_answer_is_not_believed() {
        let machine = TestMachine::new();
        machine.write_program(
            "/bin/timedatectl",
            "echo 'Failed to connect to bus' >&2; exit 1",
        );
        machine.write_program("/bin/chronyc", "echo '506 Cannot talk to daemon'; exit 1");
        assert!(
            check_machine(&machine)
                .1
                .starts_with("cannot be determined")
        );
    }
}
