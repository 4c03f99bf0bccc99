//! Limit of open files.

use super::System;
use super::figures::with_separators;
use crate::check::finding::Finding;

const SUBJECT: &str = "open file limit";
/// Open files that are certainly enough: a bridge has some fifty, and each ROS node of the domain adds some.
const ENOUGH: u64 = 1024;
/// Open files without which a node does not start.
const NEEDED: u64 = 128;

/// Examines the limit of this process, which a bridge started from the same shell has too.
pub(super) fn check(system: &System) -> Finding {
    let cure = "ulimit -n 4096 (LimitNOFILE=4096 in a unit of systemd)";
    let Some(limit) = soft_limit(system) else {
        let message = "cannot be read from /proc/self/limits";
        return Finding::warn(SUBJECT, message, "ulimit -n");
    };
    let message = match limit {
        Limit::Unlimited => return Finding::pass(SUBJECT, "unlimited"),
        Limit::Number(number) => format!("{} files", with_separators(number)),
    };
    match limit {
        Limit::Number(0..NEEDED) => {
            Finding::fail(SUBJECT, format!("{message}: a node does not start"), cure)
        }
        Limit::Number(NEEDED..ENOUGH) => {
            let message = format!("{message}, should be at least {}", with_separators(ENOUGH));
            Finding::warn(SUBJECT, message, cure)
        }
        _ => Finding::pass(SUBJECT, message),
    }
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    Number(u64),
    Unlimited,
}

fn soft_limit(system: &System) -> Option<Limit> {
    let text = system.read("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(Limit::Unlimited),
        number => number.parse().ok().map(Limit::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;

    #[test]
    fn the_limit_is_that_of_the_process() {
        let verdict = |limit: &str| {
            let machine = TestMachine::new();
            let text = format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max processes             1                    1                    processes\n\
                 Max open files            {limit}                 1048576              files\n"
            );
            machine.write("/proc/self/limits", &text);
            check(&machine.system()).verdict
        };
        assert_eq!(verdict("64"), Verdict::Fail);
        assert_eq!(verdict("256"), Verdict::Warn);
        assert_eq!(verdict("1024"), Verdict::Pass);
        assert_eq!(verdict("unlimited"), Verdict::Pass);
        assert_eq!(verdict("many"), Verdict::Warn);
        assert_eq!(check(&System::current()).subject, SUBJECT);
    }
}
