use std::fs;

use super::super::test_machine::TestMachine;
use super::*;
use crate::check::finding::Verdict;
use crate::config::RecorderConfig;
use crate::recorder::bags::RecordingMark;

/// Machine with one file system of a type at `/`, and a folder `/data`.
fn machine(kind: &str, source: &str) -> TestMachine {
    let machine = TestMachine::new();
    let mount = format!("27 1 254:0 / / rw - {kind} {source} rw\n");
    machine.write("/proc/self/mountinfo", &mount);
    machine.write("/data/notes.txt", "mine");
    machine
}

fn plan(output_dir: &str, bytes_per_second: Option<f64>) -> RecordingPlan {
    RecordingPlan {
        namespace: "/harbour".to_owned(),
        config: RecorderConfig {
            output_dir: output_dir.into(),
            // The disk of the tests may be nearly full.
            min_free_bytes: 1,
            min_free_percent: 0.0,
            ..RecorderConfig::default()
        },
        bytes_per_second,
    }
}

/// Examines disks with a measurement of one cloud.
fn check_once(system: &System, plans: &[RecordingPlan]) -> Vec<Finding> {
    let limits = write_speed::Limits {
        time: Duration::ZERO,
        ..MEASUREMENT
    };
    check_within(limits, system, plans)
}

fn folder_finding(machine: &TestMachine, plan: RecordingPlan) -> Finding {
    let findings = check_once(&machine.system(), &[plan]);
    let first = findings.into_iter().next().expect("a finding");
    assert_eq!(first.subject, "output folder");
    first
}

#[test]
fn disk_of_a_folder_that_is_still_to_be_made_is_examined() {
    let machine = machine("ext4", "/dev/vda");
    let plan = plan("/data/bags/new", Some(1.0));
    let findings = check_once(&machine.system(), &[plan]);
    let subjects: Vec<_> = findings.iter().map(|finding| finding.subject).collect();
    assert_eq!(
        subjects,
        [
            "output folder",
            "free disk space",
            "recording time",
            "write speed"
        ]
    );
    assert_eq!(findings[0].verdict, Verdict::Pass);
    assert_eq!(
        findings[0].message,
        "/data/bags/new is writable (ext4, in /data)"
    );
    assert!(findings[3].message.starts_with("/data: "), "{findings:?}");
    let left: Vec<_> = fs::read_dir(machine.system().path("/data"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "nothing is created");
}

#[test]
fn recordings_on_one_disk_share_it() {
    let machine = machine("ext4", "/dev/vda");
    let plans = [
        plan("/data/a", Some(1e3)),
        plan("/data/b", Some(2e3)),
        plan("/data/b", None),
    ];
    let findings = check_once(&machine.system(), &plans);
    let folders = findings.iter().filter(|one| one.subject == "output folder");
    assert_eq!(folders.count(), 2);
    let times: Vec<_> = findings
        .iter()
        .filter(|one| one.subject == "recording time")
        .collect();
    assert_eq!(times.len(), 1);
    let rate = "fit at 3.00 kB/s, without one site whose rate is not known";
    assert!(times[0].message.contains(rate), "{}", times[0].message);
}

#[test]
fn file_in_the_place_of_the_folder_fails() {
    let machine = machine("ext4", "/dev/vda");
    let finding = folder_finding(&machine, plan("/data/notes.txt/bags", None));
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(
        finding.message,
        "/data/notes.txt/bags: /data/notes.txt is no folder"
    );
}

#[test]
fn file_systems_that_lose_or_delay_recordings_are_warnings() {
    let cases = [
        (
            "nfs4",
            "192.0.2.1:/bags",
            "network file system (nfs4, 192.0.2.1:/bags)",
        ),
        ("9p", "C:\\134", "drive of Windows"),
        ("drvfs", "D:", "drive of Windows"),
        ("tmpfs", "tmpfs", "in memory"),
        ("overlay", "overlay", "layered file system"),
        ("vfat", "/dev/sda1", "FAT"),
    ];
    for (kind, source, text) in cases {
        let finding = folder_finding(&machine(kind, source), plan("/data", None));
        assert_eq!(finding.verdict, Verdict::Warn, "{kind}");
        assert!(finding.message.contains(text), "{}", finding.message);
    }
    let mut small_splits = plan("/data", None);
    small_splits.config.split_size = 1 << 30;
    let finding = folder_finding(&machine("vfat", "/dev/sda1"), small_splits);
    assert_eq!(finding.verdict, Verdict::Pass);
}

#[test]
fn only_splits_of_the_bridge_may_be_deleted() {
    let machine = machine("ext4", "/dev/vda");
    for (bag, namespace) in [("harbour_1", "/harbour"), ("other_1", "/other")] {
        let folder = format!("/data/{bag}");
        machine.write(&format!("{folder}/{bag}_0.mcap"), "12345");
        let mark = RecordingMark::open(namespace);
        mark.write(&machine.system().path(&folder)).unwrap();
    }
    let system = machine.system();
    assert_eq!(deletable_bytes(&system, &plan("/data", None)), 5);
    assert_eq!(deletable_bytes(&system, &plan("/nowhere", None)), 0);
}
