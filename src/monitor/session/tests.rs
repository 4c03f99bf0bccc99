use super::*;
use std::io::Read as _;

use crate::diagnostics::Level;
use crate::monitor::test_samples::{bridge_sample, recording_sample};

/// A session whose standard output is a pipe.
struct Run {
    session: Session,
    stdout: io::PipeReader,
    start: Instant,
}

fn run(line: &str, has_lines: bool) -> Run {
    let arguments = MonitorArguments::parse_line(line.split_whitespace()).expect("valid");
    let (stdout, writer) = io::pipe().expect("a pipe");
    let output = Output::start("standard output", writer).expect("started");
    let start = Instant::now();
    let session = Session::start(arguments, output, has_lines, start).expect("started");
    Run {
        session,
        stdout,
        start,
    }
}

impl Run {
    fn after(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn poll(&mut self, seconds: u64) {
        let now = self.after(seconds);
        self.session.poll(now);
    }

    /// Ends the session and returns what it wrote to standard output, and its errors.
    fn finish(mut self, seconds: u64) -> (String, Vec<SessionError>) {
        let now = self.after(seconds);
        let errors = self.session.finish(now);
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).expect("UTF-8");
        (text, errors)
    }
}

/// Returns the lines that do not begin with a time.
fn report_of<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let is_timed = |line: &str| line.get(..2) == Some("20") && line.get(4..5) == Some("-");
    lines
        .iter()
        .copied()
        .filter(|line| !is_timed(line))
        .collect()
}

#[test]
fn each_period_has_a_line_for_each_site_and_the_report_comes_last() {
    let mut run = run("x", true);
    run.poll(5);
    let now = run.after(6);
    assert!(run.session.add_site("/b"));
    run.session.on_statistics("/a", bridge_sample(0, 10), now);
    run.session.on_recording("/a", recording_sample(), now);
    run.poll(9);
    run.poll(10);
    let (text, errors) = run.finish(12);
    assert!(errors.is_empty(), "{errors:?}");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("no bridge found yet"), "{text}");
    assert!(lines[1].contains(" a: OK | points connected"), "{text}");
    assert!(lines[2].contains(" b: waiting"), "{text}");
    let report = report_of(&lines);
    assert!(report.iter().any(|line| line.contains("/a")), "{text}");
    assert_eq!(lines.len(), 3 + report.len(), "{text}");
}

#[test]
fn only_selected_sites_are_shown_and_those_with_a_full_name_from_the_start() {
    let mut run = run("x /north/a b --no-report", true);
    assert!(!run.session.add_site("/c"));
    assert!(run.session.add_site("/south/b"));
    run.poll(5);
    let (text, _) = run.finish(5);
    let names: Vec<_> = text.lines().map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(names, [Some("north/a:"), Some("south/b:")]);
}

#[test]
fn rows_and_document_are_files_that_replace_older_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [csv, json, plot] = ["run.csv", "run.json", "run.svg"].map(path);
    fs::write(&csv, "old\n".repeat(1000)).expect("written");
    let line = format!("x --no-report --csv {csv} --json {json} --plot {plot}");
    let mut run = run(&line, false);
    for second in 1..=12 {
        let now = run.after(second);
        run.session
            .on_statistics("/a", bridge_sample(0, 100 + second), now);
        run.poll(second);
    }
    let event = EventSample {
        stamp_ns: 0,
        level: Level::Ok,
        text: "zone 3: object 17 entered".to_owned(),
    };
    run.session.on_event("/a", event);
    assert_eq!(run.session.sites().snapshot().sites[0].events().len(), 1);
    // More than half a period later: one more row.
    let (text, errors) = run.finish(13);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(text, "");
    let rows = fs::read_to_string(&csv).expect("readable");
    assert_eq!(rows.lines().count(), 1 + 3);
    assert_eq!(
        rows.lines().next().map(str::len),
        Some(csv::header().len() - 1)
    );
    let document = fs::read_to_string(&json).expect("readable");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["sites"][0]["namespace"], "/a");
}

#[test]
fn data_on_standard_output_stay_alone_there() {
    let mut run = run("x --csv -", true);
    run.poll(5);
    let now = run.after(6);
    run.session.on_statistics("/a", bridge_sample(0, 10), now);
    run.poll(10);
    let (text, _) = run.finish(10);
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with(&csv::header()));
}

#[test]
fn a_file_that_cannot_be_written_is_named_at_the_start() {
    for option in ["--csv", "--json", "--plot"] {
        let line = ["x", option, "/no/such/folder/run.svg"];
        let arguments = MonitorArguments::parse_line(line).expect("valid");
        let (_stdout, writer) = io::pipe().expect("a pipe");
        let output = Output::start("standard output", writer).expect("started");
        let error = Session::start(arguments, output, true, Instant::now()).expect_err(option);
        let error = error.to_string();
        assert!(
            error.starts_with("/no/such/folder/run.svg: No such file"),
            "{error}"
        );
    }
}

#[test]
fn a_reader_of_standard_output_may_end() {
    let mut run = run("x", true);
    let (stdout, _) = io::pipe().expect("a pipe");
    drop(std::mem::replace(&mut run.stdout, stdout));
    run.poll(5);
    while !run.session.is_stdout_closed() {
        std::thread::yield_now();
    }
    let now = run.after(6);
    let errors = run.session.finish(now);
    assert!(errors.is_empty(), "{errors:?}");
}
