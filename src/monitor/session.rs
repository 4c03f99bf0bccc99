//! One run of the monitor: takes the samples, writes lines and rows, and reports at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};

use super::arguments::{MonitorArguments, Target};
use super::csv::{self, CsvRows};
use super::output::{Output, OutputError};
use super::plain::PlainLine;
use super::report::plot::{PlotError, write_plot};
use super::report::{Collector, Report};
use super::sample::{BridgeSample, DiagnosticSample, EventSample, RecordingSample};
use super::site::Source;
use super::sites::SharedSites;

/// Reason why something that was asked for could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A stream, or the file of the rows.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A file.
    #[error("{}: {source}; check folder, rights and free space", path.display())]
    File {
        /// File.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The plot.
    #[error(transparent)]
    Plot(#[from] PlotError),
}

/// Run of the monitor.
#[derive(Debug)]
pub struct Session {
    arguments: MonitorArguments,
    sites: SharedSites,
    collector: Collector,
    stdout: Output,
    csv: Option<Output>,
    /// A failure to write rows has been logged.
    is_failure_logged: bool,
    /// Lines are wanted: there is no view.
    has_lines: bool,
    writers: BTreeMap<String, Writers>,
    next_period: Instant,
}

/// Lines and rows of one site.
#[derive(Debug, Default)]
struct Writers {
    line: PlainLine,
    rows: CsvRows,
}

impl Session {
    /// Begins a run, and opens the files that are written to. `stdout` is what the process writes to; with `has_lines`, a
    /// line for each site and period goes there.
    pub fn start(
        arguments: MonitorArguments,
        stdout: Output,
        has_lines: bool,
        now: Instant,
    ) -> Result<Self, SessionError> {
        let csv = match &arguments.csv {
            Some(Target::File(path)) => Some(create_file(path)?),
            Some(Target::StandardOutput) | None => None,
        };
        if let Some(Target::File(path)) = &arguments.json {
            check_folder(path)?;
        }
        if let Some(path) = &arguments.plot {
            check_folder(path)?;
        }
        let sites = SharedSites::default();
        for namespace in arguments.selected_namespaces() {
            sites.add(namespace);
        }
        let session = Self {
            sites,
            collector: Collector::new(arguments.limit, now),
            stdout,
            csv,
            is_failure_logged: false,
            has_lines,
            writers: BTreeMap::new(),
            next_period: now + arguments.period,
            arguments,
        };
        session.write_rows(&csv::header());
        Ok(session)
    }

    /// Returns the sites, for a view.
    #[must_use]
    pub fn sites(&self) -> &SharedSites {
        &self.sites
    }

    /// Returns whether the site is to be shown.
    #[must_use]
    pub fn selects(&self, namespace: &str) -> bool {
        self.arguments.selects(namespace)
    }

    /// Adds the site of a bridge that was found, if it is selected. Returns whether it is.
    pub fn add_site(&mut self, namespace: &str) -> bool {
        let is_selected = self.selects(namespace);
        if is_selected {
            self.sites.add(namespace);
        }
        is_selected
    }

    /// Takes the statistics of a bridge.
    pub fn on_statistics(&mut self, namespace: &str, sample: BridgeSample, now: Instant) {
        self.collector.on_statistics(namespace, &sample, now);
        self.sites
            .update(namespace, |site| site.on_statistics(sample, now));
    }

    /// Takes the state of a recording.
    pub fn on_recording(&mut self, namespace: &str, sample: RecordingSample, now: Instant) {
        self.collector.on_recording(namespace, &sample, now);
        self.sites
            .update(namespace, |site| site.on_recording(sample, now));
    }

    /// Takes the diagnostics of a node in place of its former ones.
    pub fn on_diagnostics(
        &mut self,
        namespace: &str,
        source: Source,
        statuses: Vec<DiagnosticSample>,
    ) {
        self.sites
            .update(namespace, |site| site.on_diagnostics(source, statuses));
    }

    /// Takes an event.
    pub fn on_event(&mut self, namespace: &str, event: EventSample) {
        self.sites.update(namespace, |site| site.on_event(event));
    }

    /// Writes lines and rows if a period has ended. Returns the time until the next one ends.
    pub fn poll(&mut self, now: Instant) -> Duration {
        let period = self.arguments.period;
        if now >= self.next_period {
            self.write_period(now);
            self.log_failure();
            // Periods that passed while the process was suspended are left out.
            while self.next_period <= now {
                self.next_period += period;
            }
        }
        self.next_period.saturating_duration_since(now)
    }

    /// Returns whether standard output takes nothing any more, because its reader has ended.
    #[must_use]
    pub fn is_stdout_closed(&self) -> bool {
        self.stdout.has_failed()
    }

    /// Writes the last figures, report, document and plot. Returns everything that could not be written.
    pub fn finish(mut self, now: Instant) -> Vec<SessionError> {
        let mut errors = Vec::new();
        let elapsed = self.arguments.period.saturating_sub(
            // Time that the current period still had.
            self.next_period.saturating_duration_since(now),
        );
        if elapsed > self.arguments.period / 2 {
            self.write_period(now);
        }
        let report = self.collector.report(now);
        if !self.arguments.no_report {
            self.write_text(&report.to_text());
        }
        errors.extend(self.write_document(&report).err());
        if let Some(path) = &self.arguments.plot {
            errors.extend(write_plot(&self.collector, now, path).err().map(Into::into));
        }
        for output in self.csv.iter().chain([&self.stdout]) {
            let failure = output.finish().err();
            // Whoever reads a pipe may stop reading.
            let failure = failure.filter(|error| !error.is_closed());
            errors.extend(failure.map(Into::into));
        }
        errors
    }

    fn write_period(&mut self, now: Instant) {
        let snapshot = self.sites.snapshot();
        let line_time = Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let row_time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
        let row_time = row_time.to_string();
        let (mut lines, mut rows) = (String::new(), String::new());
        for site in &snapshot.sites {
            let writers = self.writers.entry(site.namespace().to_owned()).or_default();
            lines.push_str(&writers.line.next(site, &line_time, now));
            lines.push('\n');
            rows.push_str(&writers.rows.next(site, &row_time, now));
        }
        if snapshot.sites.is_empty() {
            lines = format!("{line_time} {}\n", no_bridge_text());
        }
        if self.has_lines {
            self.write_text(&lines);
        }
        self.write_rows(&rows);
    }

    /// Logs, once, that rows cannot be written: at the end of a run of weeks it would be too late.
    fn log_failure(&mut self) {
        if let Some(csv) = &self.csv
            && csv.has_failed()
            && !self.is_failure_logged
        {
            self.is_failure_logged = true;
            log::warn!(
                "{}: rows can no longer be written; check folder, rights and free space, and start the monitor again",
                csv.name()
            );
        }
    }

    /// Writes text for people: to standard error if standard output is taken by data.
    fn write_text(&self, text: &str) {
        if self.arguments.has_data_on_stdout() {
            // There is no other place for it, if that is closed.
            let _ = io::stderr().write_all(text.as_bytes());
        } else {
            self.stdout.write(text);
        }
    }

    fn write_rows(&self, rows: &str) {
        match (&self.arguments.csv, &self.csv) {
            (Some(Target::StandardOutput), _) => self.stdout.write(rows),
            (_, Some(file)) => file.write(rows),
            _ => {}
        }
    }

    fn write_document(&self, report: &Report) -> Result<(), SessionError> {
        match &self.arguments.json {
            None => Ok(()),
            Some(Target::StandardOutput) => {
                self.stdout.write(report.to_json());
                Ok(())
            }
            Some(Target::File(path)) => {
                fs::write(path, report.to_json()).map_err(|source| file_error(path, source))
            }
        }
    }
}

/// Returns why there may be no bridge, for a monitor that has found none.
#[must_use]
pub fn no_bridge_text() -> String {
    let domain = std::env::var("ROS_DOMAIN_ID").ok();
    let domain = domain.filter(|domain| !domain.is_empty());
    format!(
        "no bridge found yet: is it running, with the same ROS_DOMAIN_ID ({}), RMW_IMPLEMENTATION and discovery range?",
        domain.as_deref().unwrap_or("0")
    )
}

fn create_file(path: &Path) -> Result<Output, SessionError> {
    let file = File::create(path).map_err(|source| file_error(path, source))?;
    let name = path.display().to_string();
    Output::start(name, file).map_err(|source| file_error(path, source))
}

/// Fails if the folder of a file that is written at the end does not exist: after a run of weeks it would be too late.
fn check_folder(path: &Path) -> Result<(), SessionError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let is_folder = fs::metadata(folder).and_then(|found| {
        if found.is_dir() {
            Ok(())
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    });
    is_folder.map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: io::Error) -> SessionError {
    SessionError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
