//! Command line of `sensr_monitor`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};

use super::report::plot::PlotFormat;
use super::units::{parse_bytes, parse_duration};

/// Shortest period of lines and rows. Statistics come once a second by default.
const MIN_PERIOD: Duration = Duration::from_millis(100);

// Wrapped by hand: clap does not wrap without a further library.
const DETAILS: &str = "\
Shows running bridges and their recorders, and reports on them at the end.

Every bridge in the same ROS domain is found by itself, on this machine and on others, also one that
is started or comes back later. On a terminal it shows a live view (? shows its keys, q ends it);
otherwise, or with --plain, it writes one line for each site every 5 seconds. At the end (q,
--duration, Ctrl-C, SIGTERM) it writes a report to standard output: memory of bridge and recorder
with its growth, messages, losses, delays, links, recording.

It never disturbs what it watches: it subscribes to `statistics`, `recording`, `/diagnostics` and,
25 s after the start of a bridge, to `events/*`, all with best effort, and to no clouds or objects.
It publishes nothing and has no parameters.";

const EXAMPLES: &str = "\
Examples:
  sensr_monitor                                     live view of all sites
  sensr_monitor samyang /north/harbour              of two sites
  sensr_monitor --plain --period 60                 a line for each site every minute, for a log
  sensr_monitor --duration 10m --plot report.svg    report and plot of ten minutes
  sensr_monitor --duration 2h --csv run.csv --json run.json --limit 10GB
  sensr_monitor --csv - --period 1 > run.csv        rows to standard output, lines to standard error
  sensr_monitor --ros-args -r __node:=monitor       arguments for ROS, after --ros-args

Environment: ROS_DOMAIN_ID as for the bridge. NO_COLOR: no colors. A locale without UTF-8: no box-drawing characters.
Exit code: 0, 1 after a failure (such as a file that cannot be written), 2 for wrong arguments.";

/// Command line of `sensr_monitor`.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "sensr_monitor",
    version,
    about = "Shows running bridges and their recorders, and reports on them at the end",
    long_about = DETAILS,
    after_help = EXAMPLES
)]
pub struct MonitorArguments {
    /// Sites to show, such as `samyang` or `/north/samyang`; `/` is a bridge without namespace. By default all sites.
    #[arg(value_name = "SITE")]
    pub sites: Vec<SiteSelector>,

    /// Write lines instead of the live view, even on a terminal.
    #[arg(long)]
    pub plain: bool,

    /// Time between two lines, and between two rows of --csv.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_duration)]
    pub period: Duration,

    /// End after this time: 90 or 90s, 10m, 2h, 1d.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,

    /// Write a row of figures for each site and period to this file, which is replaced. `-`: standard output.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<Target>,

    /// Write the report as one JSON document to this file, which is replaced. `-`: standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<Target>,

    /// Plot memory, rates, queues and losses over time to this file, which is replaced: .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// Memory for which the report tells the time left: 10GB, 2GiB. By default the memory of this machine.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub limit: Option<u64>,

    /// Write no report to standard output at the end.
    #[arg(long)]
    pub no_report: bool,
}

/// Destination of rows or of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output, written `-`.
    StandardOutput,
    /// A file.
    File(PathBuf),
}

/// Selection of sites by name or namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSelector(String);

impl MonitorArguments {
    /// Parses a command line, the name of the program first. Errors, and the texts of `--help` and `--version`, are for
    /// [`clap::Error::exit`].
    pub fn parse_line(
        line: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(line.into_iter().map(Into::into))?;
        match arguments.contradiction() {
            None => Ok(arguments),
            Some(message) => Err(Self::command().error(ErrorKind::ValueValidation, message)),
        }
    }

    /// Returns whether standard output is taken by rows or a document.
    #[must_use]
    pub fn has_data_on_stdout(&self) -> bool {
        [&self.csv, &self.json]
            .into_iter()
            .any(|target| *target == Some(Target::StandardOutput))
    }

    /// Returns whether the site with this namespace is to be shown.
    #[must_use]
    pub fn selects(&self, namespace: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|site| site.selects(namespace))
    }

    /// Returns the namespaces that are selected by their full name.
    pub fn selected_namespaces(&self) -> impl Iterator<Item = &str> {
        let names = self.sites.iter().map(|site| &*site.0);
        names.filter(|name| name.starts_with('/'))
    }

    fn contradiction(&self) -> Option<String> {
        let stdout = Some(Target::StandardOutput);
        if self.csv == stdout && self.json == stdout {
            return Some("--csv and --json cannot both go to standard output".to_owned());
        }
        if self.period < MIN_PERIOD {
            return Some(format!("--period must be at least {MIN_PERIOD:?}"));
        }
        let plot = self.plot.as_deref()?;
        match PlotFormat::of_path(plot) {
            Some(_) => None,
            None => Some("--plot must name a file that ends in .svg or .png".to_owned()),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("a file name, or - for standard output, is needed".to_owned()),
            "-" => Ok(Self::StandardOutput),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl SiteSelector {
    /// Returns whether it selects this namespace. A name without a leading slash selects by the last parts.
    fn selects(&self, namespace: &str) -> bool {
        let name = &*self.0;
        if name.starts_with('/') {
            return namespace == name;
        }
        namespace
            .strip_suffix(name)
            .is_some_and(|rest| rest.ends_with('/'))
    }
}

impl FromStr for SiteSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_absolute = text.starts_with('/');
        let name = text.trim_matches('/');
        let is_name = |part: &str| {
            let mut letters = part.chars();
            letters
                .next()
                .is_some_and(|c| c == '_' || c.is_ascii_alphabetic())
                && letters.all(|c| c == '_' || c.is_ascii_alphanumeric())
        };
        if is_absolute && name.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        if !name.split('/').all(is_name) {
            return Err(format!(
                "{text:?} is not a namespace: letters, digits and _ between slashes, such as samyang or /north/samyang"
            ));
        }
        let slash = if is_absolute { "/" } else { "" };
        Ok(Self(format!("{slash}{name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<MonitorArguments, String> {
        MonitorArguments::parse_line(line.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn all_options_are_taken() {
        let parsed = parse(
            "x samyang / --plain --period 0.5 --duration 10m --csv - --json r.json --plot r.SVG --limit 10GB --no-report",
        )
        .expect("valid");
        assert_eq!(parsed.period, Duration::from_millis(500));
        assert_eq!(parsed.duration, Some(Duration::from_secs(600)));
        assert_eq!(parsed.csv, Some(Target::StandardOutput));
        assert_eq!(parsed.json, Some(Target::File("r.json".into())));
        assert_eq!(parsed.limit, Some(10_000_000_000));
        assert!(parsed.plain && parsed.no_report && parsed.has_data_on_stdout());
        let defaults = parse("x").expect("valid");
        assert_eq!(defaults.period, Duration::from_secs(5));
        assert!(!defaults.has_data_on_stdout() && defaults.selects("/any"));
    }

    #[test]
    fn sites_are_selected_by_namespace_or_by_its_end() {
        let parsed = parse("x samyang /north/harbour/").expect("valid");
        for namespace in ["/samyang", "/north/samyang", "/north/harbour"] {
            assert!(parsed.selects(namespace), "{namespace}");
        }
        for namespace in [
            "/",
            "/harbour",
            "/xsamyang",
            "/samyang/x",
            "/a/north/harbour",
        ] {
            assert!(!parsed.selects(namespace), "{namespace}");
        }
        let named: Vec<_> = parsed.selected_namespaces().collect();
        assert_eq!(named, ["/north/harbour"]);
        let root = parse("x /").expect("valid");
        assert!(root.selects("/") && !root.selects("/samyang"));
    }

    #[test]
    fn mistakes_are_refused_with_what_is_expected() {
        let cases = [
            ("x --csv - --json -", "cannot both"),
            ("x --plot report.pdf", ".svg or .png"),
            ("x --plot report", ".svg or .png"),
            ("x --duration soon", "10m"),
            ("x --limit 10XB", "10GB"),
            ("x --period 0.01", "at least 100ms"),
            ("x 삼양", "such as samyang"),
            ("x a//b", "such as samyang"),
            ("x --perod 5", "--period"),
        ];
        for (line, expected) in cases {
            let error = parse(line).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn help_needs_no_other_document() {
        let help = MonitorArguments::parse_line(["x", "--help"]).expect_err("the help");
        assert_eq!(help.exit_code(), 0);
        let help = help.to_string();
        for word in [
            "--csv",
            "ROS_DOMAIN_ID",
            "NO_COLOR",
            "Exit code",
            "--ros-args",
            "10GB",
        ] {
            assert!(help.contains(word), "{word} in {help}");
        }
    }
}
