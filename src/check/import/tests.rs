use std::fs;

use clap::Parser as _;
use proptest::prelude::*;

use super::*;
use crate::check::arguments::CheckArguments;
use crate::check::files::check_files;
use crate::check::finding::Verdict;
use crate::config::ros_arguments::RosArguments;

/// Folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("check_import_{name}_{}", std::process::id()));
        fs::create_dir_all(&path).expect("created");
        Self(path)
    }

    fn options(&self) -> ImportOptions {
        ImportOptions {
            source: self.0.join("config.yaml"),
            folder: self.0.join("new"),
            force: false,
        }
    }

    fn import(&self, text: &str) -> ImportReport {
        fs::write(self.0.join("config.yaml"), text).expect("written");
        run(&self.options()).expect("imported")
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join("new").join(name)).expect(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Examines the new files. Returns the messages of all faults.
fn faults(folder: &Folder) -> Vec<String> {
    let path = |name: &str| folder.0.join("new").join(name).display().to_string();
    let words = [
        "sensr_check".to_owned(),
        format!("--hosts-file={}", path("hosts.yaml")),
        format!("--params-file={}", path("sensr_bridge.yaml")),
        format!("--recorder-params-file={}", path("sensr_recorder.yaml")),
        "--all-sites".to_owned(),
    ];
    let arguments = CheckArguments::try_parse_from(words).expect("valid");
    let findings = check_files(&arguments, &RosArguments::default());
    let faults = findings
        .into_iter()
        .filter(|finding| finding.verdict != Verdict::Pass);
    faults.map(|finding| finding.message).collect()
}

fn keys(values: &[ImportedValue]) -> Vec<&str> {
    let key = |value: &'_ ImportedValue| value.from.find(" (line").unwrap_or(value.from.len());
    values
        .iter()
        .map(|value| &value.from[..key(value)])
        .collect()
}

const FULL: &str = "\
# 센서 기록기 설정
hosts:
\tharbour: 192.0.2.1\t# 항구
\t부두:
\t\tip: 192.0.2.2
\t\tpoints_port: 6051
\t\tcolour: red
recording:
\tpointcloud_interval: 0.5
\toutput_data_interval: 1
\tduration: 600
\toutput_directory: /data/bags
logging:
\tlevel: WARNING
\tfile: recorder.log
memory:
\tlimit_mb: 10000
auto_restart:
\tinterval: 1800
nonsense: 7
";

#[test]
fn a_whole_file_is_imported_and_its_result_has_no_mistakes() {
    let folder = Folder::new("whole");
    let report = folder.import(FULL);
    assert_eq!(
        keys(&report.carried),
        [
            "hosts.harbour",
            "hosts.부두.ip",
            "hosts.부두.points_port",
            "recording.pointcloud_interval",
            "recording.output_directory",
            "logging.level",
        ]
    );
    assert_eq!(
        keys(&report.changed),
        [
            "recording.output_data_interval",
            "recording.duration",
            "name of the host 부두"
        ]
    );
    assert_eq!(
        keys(&report.lost),
        [
            "hosts.부두.colour",
            "logging.file",
            "memory.limit_mb",
            "auto_restart.interval",
            "nonsense"
        ]
    );
    assert_eq!(report.remarks.len(), 1, "the tabs");
    assert_eq!(faults(&folder), [""; 0]);
    let bridge = folder.text("sensr_bridge.yaml");
    assert!(
        bridge.contains("    pointcloud_interval: 0.5   # recording.pointcloud_interval, line 9\n"),
        "{bridge}"
    );
    assert!(
        bridge.contains("    output_data_interval: 1.0   #"),
        "{bridge}"
    );
    let recorder = folder.text("sensr_recorder.yaml");
    assert!(
        recorder.contains("    split_duration: 600.0   #"),
        "{recorder}"
    );
    assert!(
        recorder.contains("    output_dir: \"/data/bags\"   #"),
        "{recorder}"
    );
    let launch = folder.text("launch.sh");
    assert!(
        launch.contains("sites.launch.py 'sites:=harbour,site' "),
        "{launch}"
    );
    assert!(launch.contains(" log_level:=warn "), "{launch}");
    assert!(folder.text("hosts.yaml").contains("points_port: 6051"));
    let shown = report.to_string();
    assert!(
        shown.ends_with("6 values carried over, 3 changed, 5 not carried over\n"),
        "{shown}"
    );
}

#[test]
fn shapes_of_hosts_are_recognized() {
    for (text, address, launch) in [
        ("hosts: {a: 192.0.2.1}", "192.0.2.1", "'host:=a'"),
        (
            "hosts: {a: {host: 192.0.2.1, port: 5050}}",
            "192.0.2.1",
            "'host:=a'",
        ),
        (
            "hosts: {a: 'ws://192.0.2.1:5051/'}",
            "192.0.2.1",
            "'host:=a'",
        ),
        (
            "hosts: [{name: a, ip: 192.0.2.1}]",
            "192.0.2.1",
            "'host:=a'",
        ),
        ("hosts: [192.0.2.1]", "192.0.2.1", "'host:=site_0'"),
        (
            "sensr: {hosts: {a: {address: 192.0.2.1}}}",
            "192.0.2.1",
            "'host:=a'",
        ),
        (
            "websocket: {host: 192.0.2.1, output_port: 6050}",
            "192.0.2.1",
            "'host:=sensr'",
        ),
        ("host: {ip: 192.0.2.1}", "192.0.2.1", "'host:=sensr'"),
        ("host: {a: 192.0.2.1}", "192.0.2.1", "'host:=a'"),
        ("host: 192.0.2.1", "192.0.2.1", "'host:=sensr'"),
        (
            "hosts: {a: 192.0.2.9, b: 192.0.2.1}\ndefault_host: b",
            "192.0.2.1",
            "'host:=b'",
        ),
        (
            "hosts: {a: 192.0.2.9, b: 192.0.2.1}\nhost: b",
            "192.0.2.1",
            "'host:=b'",
        ),
    ] {
        let folder = Folder::new("shapes");
        let report = folder.import(text);
        assert_eq!(report.lost, [], "{text}");
        let hosts = folder.text("hosts.yaml");
        assert!(
            hosts.contains(&format!("address: \"{address}\"")),
            "{text}: {hosts}"
        );
        let command = folder.text("launch.sh");
        assert!(
            command.contains(&format!("bridge.launch.py {launch} ")),
            "{text}: {command}"
        );
        assert_eq!(faults(&folder), [""; 0], "{text}");
    }
}

#[test]
fn nothing_is_lost_silently_and_every_result_is_valid() {
    for (text, reason) in [
        ("host: 'a b'", "has blanks"),
        (
            "recording: {pointcloud_interval: -1}",
            "allows 0.0 to 3600.0",
        ),
        ("recording: {pointcloud_interval: often}", "not a time"),
        ("recording: {duration: 0.2}", "split_duration allows"),
        (
            "recording: {output_directory: 'D:\\bags'}",
            "path of Windows",
        ),
        ("recording: {topics: [/a]}", "other names"),
        ("websocket: {ping_interval: 100}", "below stall_timeout"),
        ("websocket: {port: 7000}", "which stream"),
        ("tls: {enabled: true}", "CA file"),
        ("hosts: {a: 'wss://192.0.2.1'}", "CA file"),
        ("hosts: {a: {points_port: 1}}", "no address"),
        ("tls: {client_key: k.pem}", "no certificate of its clients"),
        ("a: 1\na: 2", "line 2 sets it again"),
        ("a:", "no value"),
        ("logging: {level: loud}", "one of debug"),
        ("location: 서울", "no host of the old file"),
        (
            "tls: {enabled: true}\nhosts: {a: {address: 192.0.2.1, tls: {enabled: false}}}",
            "CA file",
        ),
        (
            "hosts: {a: {address: 192.0.2.1, frame_id: /map}}",
            "no leading slash",
        ),
        ("websocket: {timeout: 1}", "below stall_timeout"),
        (
            "parent_frame: m\nhosts: {a: {address: 192.0.2.1, frame_id: m}}",
            "not its own parent",
        ),
        (
            "websocket: {parent_frame: a}\nsensr: {parent_frame: b}",
            "it is replaced by sensr.parent_frame, line 2",
        ),
        ("just text", "no key"),
    ] {
        let folder = Folder::new("lost");
        let report = folder.import(text);
        assert!(
            report.lost.iter().any(|value| value.note.contains(reason)),
            "{text}: {report:?}"
        );
        assert_eq!(faults(&folder), [""; 0], "{text}");
    }
}

#[test]
fn every_value_of_a_parameter_that_is_taken_back_is_named() {
    let folder = Folder::new("taken_back");
    let text = "websocket: {frame_id: m, parent_frame: a}\nsensr: {parent_frame: m}";
    let report = folder.import(text);
    let lost: Vec<&str> = report.lost.iter().map(|value| &*value.from).collect();
    assert_eq!(
        lost,
        [
            "websocket.parent_frame (line 1): a",
            "sensr.parent_frame (line 2): m"
        ]
    );
    assert_eq!(faults(&folder), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The result of any file passes the examination, and every value of it is in the report.
    #[test]
    fn result_of_any_file_has_no_mistakes(
        entries in proptest::collection::vec(
            (
                proptest::sample::select(vec![
                    "host", "hosts", "websocket", "sensr", "recording", "logging", "tls", "reconnect", "memory", "x",
                ]),
                proptest::sample::select(vec![
                    "a", "b", "host", "address", "port", "points_port", "output_port", "name", "default_host", "level",
                    "pointcloud_interval", "output_data_interval", "duration", "output_directory", "max_size",
                    "reconnect_delay", "max_reconnect_delay", "ping_interval", "timeout", "enabled", "server_name",
                    "frame_id", "parent_frame", "max_message_bytes", "queue_max_bytes", "keep_last", "compression",
                ]),
                proptest::sample::select(vec![
                    "192.0.2.1", "192.0.2.2:5051", "wss://a.example", "a", "b", "0", "-1", "0.2", "45", "600", "7000",
                    "1e9", "2GB", "true", "no", "'a b'", "항구", "''", "~", "[1, a]", "{}", "/data", "'C:\\x'", "sensr",
                ]),
            ),
            0..12,
        ),
    ) {
        let lines = entries.iter().map(|(section, key, value)| format!("{section}:\n  {key}: {value}\n"));
        let text = lines.collect::<Vec<_>>().concat();
        let values = source::parse(text.as_bytes()).expect("valid").values;
        let folder = Folder::new("any");
        let report = folder.import(&text);
        let entries = [&report.carried, &report.changed, &report.lost];
        for value in &values {
            let line = format!("(line {})", value.line);
            let at_line = entries.iter().copied().flatten().any(|entry| entry.from.contains(&line));
            prop_assert!(at_line || format!("{report:?}").contains(&format!("line {}\"", value.line)), "{text}{report}");
        }
        let faults = faults(&folder);
        let serious: Vec<_> = faults.iter().filter(|fault| !fault.contains("are the same server")).collect();
        prop_assert!(serious.is_empty(), "{text}{serious:?}");
    }
}

#[test]
fn other_content_is_overwritten_only_by_force() {
    let folder = Folder::new("force");
    folder.import("host: 192.0.2.1");
    folder.import("host: 192.0.2.1");
    let own = folder.0.join("new/hosts.yaml");
    fs::write(&own, "sites: {mine: 192.0.2.7}\n").expect("written");
    let error = run(&folder.options()).expect_err("refused");
    assert!(
        matches!(&error, ImportError::Exists { path } if *path == own),
        "{error}"
    );
    assert!(folder.text("hosts.yaml").contains("mine"));
    run(&ImportOptions {
        force: true,
        ..folder.options()
    })
    .expect("overwritten");
    assert!(!folder.text("hosts.yaml").contains("mine"));
}

#[test]
fn launch_command_is_quoted_for_the_shell() {
    assert_eq!(shell_quote("a'b $c"), "'a'\\''b $c'");
}
