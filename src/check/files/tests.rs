use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::*;
use crate::check::finding::Verdict;

/// Folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("check_files_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("created");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn check(words: &[&str]) -> Vec<Finding> {
    let words = std::iter::once("sensr_check").chain(words.iter().copied());
    let split = RosArguments::split(words.map(str::to_owned));
    let arguments = CheckArguments::try_parse_from(&split.own).expect("valid arguments");
    check_files(&arguments, &split)
}

fn messages(findings: &[Finding], verdict: Verdict) -> Vec<&str> {
    let of_verdict = findings.iter().filter(|finding| finding.verdict == verdict);
    of_verdict.map(|finding| &*finding.message).collect()
}

fn assert_all(messages: &[&str], expected: &[&str]) {
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    for (message, words) in messages.iter().zip(expected) {
        assert!(message.contains(words), "{message}, not {words}");
    }
}

#[test]
fn valid_files_pass() {
    let folder = Folder::new("valid");
    let hosts = folder.write("hosts.yaml", "sites: {a: 192.0.2.1, b: 192.0.2.2}\n");
    let parameters = folder.write("p.yaml", "/**: {ros__parameters: {qos.depth: 7}}\n");
    let recorder = folder.write("r.yaml", "/**: {ros__parameters: {split_size: 0}}\n");
    let findings = check(&[
        "--hosts-file",
        &hosts,
        "--params-file",
        &parameters,
        "--recorder-params-file",
        &recorder,
        "--all-sites",
    ]);
    let subjects: Vec<_> = findings.iter().map(|finding| finding.subject).collect();
    assert_eq!(
        subjects,
        [HOSTS_FILE, BRIDGE_PARAMETERS, RECORDER_PARAMETERS]
    );
    assert!(
        findings
            .iter()
            .all(|finding| finding.verdict == Verdict::Pass),
        "{findings:?}"
    );
}

#[test]
fn every_mistake_of_every_file_is_found() {
    let folder = Folder::new("mistakes");
    let hosts = folder.write(
        "hosts.yaml",
        "sites:\n  a: {address: 'http://x', output_port: 0}\n  b: 192.0.2.1\n  c: {adress: 192.0.2.2}\n",
    );
    let parameters = folder.write(
        "p.yaml",
        "/**:\n  ros__parameters:\n    points_port: 70000\n    qos.depth: many\n    frame: x\n    \
         ping_interval: 20.0\n    frame_id: m\n    parent_frame: m\n",
    );
    let recorder = folder.write(
        "r.yaml",
        "/**:\n  ros__parameters:\n    split_size: 5\n    split_duration: 0.5\n    keep_splits: -1\n",
    );
    let findings = check(&[
        "--hosts-file",
        &hosts,
        "--params-file",
        &parameters,
        "--recorder-params-file",
        &recorder,
        "--all-sites",
    ]);
    assert_all(
        &messages(&findings, Verdict::Fail),
        &[
            "sites.a.address",
            "sites.a.output_port",
            "there is no key adress",
            "sites.c: the site has no `address:`",
            "line 3: parameter points_port allows",
            "line 4: parameter qos.depth is an integer",
            "parent_frame must be different",
            "ping_interval must be below",
            "line 5: parameter keep_splits",
            "split_duration allows",
            "split_size allows",
        ],
    );
    assert_all(
        &messages(&findings, Verdict::Warn),
        &["line 5: there is no parameter frame"],
    );
    assert!(
        findings
            .iter()
            .all(|finding| { finding.verdict == Verdict::Pass || !finding.cure.is_empty() })
    );
}

#[test]
fn ca_files_of_all_sites_are_read() {
    let folder = Folder::new("ca");
    let empty = folder.write("empty.crt", "nothing\n");
    let hosts = folder.write(
        "hosts.yaml",
        "sites:\n  a: {address: 192.0.2.1, tls: {ca_file: missing.crt}}\n  \
         b: {address: 192.0.2.2, tls: {ca_file: empty.crt}}\n  c: {address: 192.0.2.3, tls: true}\n  \
         d: {address: 192.0.2.4, tls: {enabled: false, ca_file: missing.crt}}\n",
    );
    let findings = check(&["--hosts-file", &hosts, "--no-record", "--site", "a,c"]);
    assert_all(
        &messages(&findings, Verdict::Fail),
        &["missing.crt: No such file", "tls.ca_file must be set"],
    );
    assert_all(&messages(&findings, Verdict::Warn), &[&empty]);
    let sites: Vec<_> = findings
        .iter()
        .filter_map(|finding| finding.site.as_deref())
        .collect();
    assert_eq!(sites, ["a", "c", "b"]);
}

#[test]
fn sites_with_the_same_server_are_named() {
    let folder = Folder::new("same");
    let hosts = folder.write(
        "hosts.yaml",
        "sites:\n  a: 192.0.2.1\n  b: {address: 192.0.2.1, output_port: 5050}\n  \
         c: {address: 192.0.2.1, output_port: 6050}\n",
    );
    let findings = check(&["--hosts-file", &hosts, "--site", "a"]);
    assert_all(
        &messages(&findings, Verdict::Warn),
        &["the sites a, b are the same server"],
    );
}

#[test]
fn missing_files_are_named() {
    let folder = Folder::new("missing");
    let missing = folder.0.join("missing.yaml").display().to_string();
    assert!(!Path::new(&missing).exists());
    for option in ["--hosts-file", "--params-file", "--recorder-params-file"] {
        let findings = check(&[option, &missing]);
        assert_all(&messages(&findings, Verdict::Fail), &[&missing]);
    }
}

#[test]
fn parameters_of_the_recorder_are_not_taken_for_those_of_the_bridge() {
    let findings = check(&[
        "--ros-args",
        "-p",
        "sensr_recorder:split_size:=5",
        "-p",
        "nonsense:=1",
    ]);
    assert_all(&messages(&findings, Verdict::Fail), &["split_size allows"]);
    assert_all(
        &messages(&findings, Verdict::Warn),
        &["there is no parameter nonsense"],
    );
}
