//! Kernel settings of the network, and the sysctl file that sets them.

use std::fmt::Write as _;

use super::System;
use super::figures::with_separators;
use crate::check::finding::Finding;

/// Order of a kernel setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
}

/// Kernel setting, and the value that it should have.
#[derive(Debug)]
struct KernelSetting {
    name: &'static str,
    /// Place of the number among those of the setting.
    field: usize,
    better: Better,
    /// Value from which on nothing is lost.
    enough: u64,
    /// Value in the sysctl file.
    recommended: u64,
    unit: &'static str,
    /// Consequence of a value that is not enough.
    consequence: &'static str,
}

impl KernelSetting {
    fn is_enough(&self, value: u64) -> bool {
        match self.better {
            Better::Higher => value >= self.enough,
            Better::Lower => value <= self.enough,
        }
    }

    /// Returns the value for the sysctl file: never a worse one than now.
    fn target(&self, value: u64) -> u64 {
        match self.better {
            Better::Higher => value.max(self.recommended),
            Better::Lower => value.min(self.recommended),
        }
    }

    /// Returns all numbers of the setting.
    fn read(&self, system: &System) -> Result<Vec<u64>, String> {
        let path = format!("/proc/sys/{}", self.name.replace('.', "/"));
        let text = system.read(path).map_err(|error| error.to_string())?;
        let numbers: Result<Vec<u64>, _> = text.split_ascii_whitespace().map(str::parse).collect();
        match numbers {
            Ok(numbers) if numbers.len() > self.field => Ok(numbers),
            _ => Err(format!("{:?} is not understood", text.trim())),
        }
    }

    /// Returns the value to set, all numbers of the setting. `numbers` are those that it has.
    fn assignment(&self, mut numbers: Vec<u64>) -> String {
        numbers[self.field] = self.target(numbers[self.field]);
        let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
        words.join(" ")
    }

    fn check(&self, system: &System) -> Finding {
        let numbers = match self.read(system) {
            Ok(numbers) => numbers,
            Err(problem) => {
                let message = format!("cannot be read ({problem}), as in a container");
                let cure = format!("on the host: sysctl {}", self.name);
                return Finding::warn(self.name, message, cure);
            }
        };
        let value = numbers[self.field];
        let shown = format!("{} {}", with_separators(value), self.unit);
        if self.is_enough(value) {
            return Finding::pass(self.name, shown);
        }
        let wanted = match self.better {
            Better::Higher => "at least",
            Better::Lower => "at most",
        };
        let enough = with_separators(self.enough);
        let message = format!("{shown}, should be {wanted} {enough}: {}", self.consequence);
        let value = self.assignment(numbers);
        let quote = if value.contains(' ') { "'" } else { "" };
        let cure = format!(
            "sudo sysctl -w {quote}{}={value}{quote}   # for good: sensr_check --fix-print",
            self.name
        );
        Finding::warn(self.name, message, cure)
    }
}

/// Settings. A cloud of 131,072 points has 2 MiB, which DDS sends to other machines in datagrams of 64 KiB, and IP in
/// fragments of those.
const SETTINGS: [KernelSetting; 6] = [
    KernelSetting {
        name: "net.core.rmem_max",
        field: 0,
        better: Better::Higher,
        enough: 16 << 20,
        recommended: 32 << 20,
        unit: "bytes",
        consequence: "the middleware cannot make its receive buffers large enough for clouds of other machines",
    },
    KernelSetting {
        name: "net.core.rmem_default",
        field: 0,
        better: Better::Higher,
        enough: 4 << 20,
        recommended: 8 << 20,
        unit: "bytes",
        consequence: "the receive buffer that Fast DDS uses holds less than two clouds, and what does not fit is lost",
    },
    KernelSetting {
        name: "net.core.wmem_max",
        field: 0,
        better: Better::Higher,
        enough: 4 << 20,
        recommended: 16 << 20,
        unit: "bytes",
        consequence: "the middleware cannot make its send buffers large enough for clouds",
    },
    KernelSetting {
        name: "net.ipv4.ipfrag_high_thresh",
        field: 0,
        better: Better::Higher,
        enough: 64 << 20,
        recommended: 128 << 20,
        unit: "bytes",
        consequence: "while the fragments of incomplete datagrams fill this memory, new ones are dropped",
    },
    KernelSetting {
        name: "net.ipv4.ipfrag_time",
        field: 0,
        better: Better::Lower,
        enough: 5,
        recommended: 3,
        unit: "s",
        consequence: "the fragments of an incomplete datagram keep their memory for this time",
    },
    KernelSetting {
        name: "net.ipv4.tcp_rmem",
        field: 2,
        better: Better::Higher,
        enough: 4 << 20,
        recommended: 16 << 20,
        unit: "bytes at most",
        consequence: "SENSR discards data when a short pause of this machine fills the receive buffer of its connection",
    },
];

/// Examines all settings.
pub(super) fn check(system: &System) -> Vec<Finding> {
    SETTINGS
        .iter()
        .map(|setting| setting.check(system))
        .collect()
}

/// Returns a file for `/etc/sysctl.d` with the settings that clouds need. Settings of the machine that are better than
/// these are kept.
#[must_use]
pub fn sysctl_file(system: &System) -> String {
    let mut text = String::from(
        "# Network settings for clouds over DDS and for the connections to SENSR, printed by sensr_check --fix-print.\n\
         # Save it as /etc/sysctl.d/60-sensr-bridge.conf and run: sudo sysctl --system\n",
    );
    for setting in &SETTINGS {
        let value = match setting.read(system) {
            Ok(numbers) => setting.assignment(numbers),
            // The defaults of the kernel, with the number of the setting.
            Err(_) if setting.field == 2 => format!("4096 131072 {}", setting.recommended),
            Err(_) => setting.recommended.to_string(),
        };
        // Writing to a string does not fail.
        writeln!(text, "{} = {value}", setting.name).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;
    use crate::check::finding::Verdict;

    fn ubuntu() -> TestMachine {
        let machine = TestMachine::new();
        for (name, value) in [
            ("core/rmem_max", "212992\n"),
            ("core/rmem_default", "212992\n"),
            ("core/wmem_max", "212992\n"),
            ("ipv4/ipfrag_high_thresh", "4194304\n"),
            ("ipv4/ipfrag_time", "30\n"),
            ("ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
        ] {
            machine.write(&format!("/proc/sys/net/{name}"), value);
        }
        machine
    }

    #[test]
    fn small_buffers_are_a_warning_with_the_command_that_enlarges_them() {
        let findings = check(&ubuntu().system());
        let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
        let warn = Verdict::Warn;
        assert_eq!(verdicts, [warn, warn, warn, warn, warn, Verdict::Pass]);
        let first = &findings[0];
        assert_eq!(first.subject, "net.core.rmem_max");
        assert!(
            first
                .message
                .starts_with("212,992 bytes, should be at least 16,777,216")
        );
        assert!(
            first
                .cure
                .starts_with("sudo sysctl -w net.core.rmem_max=33554432")
        );
        assert!(findings[4].message.starts_with("30 s, should be at most 5"));
    }

    #[test]
    fn the_settings_of_the_file_pass() {
        let machine = ubuntu();
        let file = sysctl_file(&machine.system());
        let mut count = 0;
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(" = ").unwrap();
            machine.write(&format!("/proc/sys/{}", name.replace('.', "/")), value);
            count += 1;
        }
        assert_eq!(count, SETTINGS.len());
        assert!(
            file.contains("net.ipv4.tcp_rmem = 4096 131072 16777216\n"),
            "{file}"
        );
        let findings = check(&machine.system());
        assert!(
            findings
                .iter()
                .all(|finding| finding.verdict == Verdict::Pass),
            "{findings:?}"
        );
        assert_eq!(sysctl_file(&machine.system()), file);
    }

    #[test]
    fn better_settings_of_the_machine_are_kept() {
        let machine = ubuntu();
        machine.write("/proc/sys/net/core/rmem_max", "2147483647\n");
        machine.write("/proc/sys/net/ipv4/ipfrag_time", "1\n");
        let file = sysctl_file(&machine.system());
        assert!(file.contains("net.core.rmem_max = 2147483647\n"), "{file}");
        assert!(file.contains("net.ipv4.ipfrag_time = 1\n"), "{file}");
    }

    #[test]
    fn several_numbers_are_quoted_for_the_shell() {
        let machine = ubuntu();
        machine.write("/proc/sys/net/ipv4/tcp_rmem", "4096 87380 1048576");
        let finding = check(&machine.system()).pop().unwrap();
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(
            finding
                .cure
                .starts_with("sudo sysctl -w 'net.ipv4.tcp_rmem=4096 87380 16777216'")
        );
    }

    #[test]
    fn settings_that_cannot_be_read_are_told_and_printed_all_the_same() {
        let machine = TestMachine::new();
        machine.write("/proc/sys/net/core/rmem_max", "many");
        let findings = check(&machine.system());
        assert!(
            findings
                .iter()
                .all(|finding| finding.verdict == Verdict::Warn)
        );
        assert!(findings[0].message.contains("\"many\" is not understood"));
        assert!(findings[1].message.contains("cannot be read"));
        let file = sysctl_file(&machine.system());
        assert!(file.contains("net.core.rmem_max = 33554432\n"), "{file}");
        assert!(
            file.contains("net.ipv4.tcp_rmem = 4096 131072 16777216\n"),
            "{file}"
        );
    }
}
