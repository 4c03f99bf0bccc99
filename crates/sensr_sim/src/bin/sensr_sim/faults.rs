//! Fault options, their help text, and fault commands on stdin.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;
use sensr_sim::{ChaosOptions, Fault, FaultKind, Injector, ScriptError, TimedFault, parse_script};
use tokio::sync::mpsc;

use super::{Event, Failure, print_event};

/// Number of lines of stdin that are read ahead.
const LINES_AHEAD: usize = 16;

/// Width of the column with the grammar of each fault kind.
const GRAMMAR_WIDTH: usize = 32;

#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
pub(super) struct FaultArguments {
    /// Run a fault, such as "at 2 cut points"; may be repeated
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<TimedFault>,

    /// Run the faults of a file, one per line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Run each line of stdin at once as a fault, without `at`; errors are printed on stdout
    #[arg(long)]
    pub control: bool,

    /// Run random faults of all kinds, one after the other; the same seed gives the same faults and pauses
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,

    /// Mean pause between the end of a random fault and the next one [default: 1.75]
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "chaos",
        allow_negative_numbers = true
    )]
    chaos_pause: Option<f64>,
}

/// Error of the fault script.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptFailure {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}, {source}")]
    Script { path: PathBuf, source: ScriptError },
}

impl FaultArguments {
    /// Returns the faults of the command line and of the script.
    pub(super) fn all_faults(&self) -> Result<Vec<TimedFault>, ScriptFailure> {
        let mut faults = self.faults.clone();
        if let Some(path) = &self.script {
            let text = fs::read_to_string(path).map_err(|source| ScriptFailure::Unreadable {
                path: path.clone(),
                source,
            })?;
            faults.extend(parse_script(&text).map_err(|source| ScriptFailure::Script {
                path: path.clone(),
                source,
            })?);
        }
        Ok(faults)
    }

    pub(super) fn chaos_options(&self) -> Option<ChaosOptions> {
        let defaults = ChaosOptions::new(self.chaos?);
        Some(ChaosOptions {
            mean_pause_secs: self.chaos_pause.unwrap_or(defaults.mean_pause_secs),
            ..defaults
        })
    }
}

/// Returns the section of the help text about faults, with one line for each kind.
pub(super) fn help_section() -> String {
    let mut text = String::from(
        "Faults (--fault, --script, --control, --chaos):\n\
         \n  [at SECONDS] FAULT [LINKS] [for SECONDS]      LINKS: points, output or both (default)\n\
         \n\
         A fault affects every client that is connected to the named streams when it begins, and not the other\n\
         stream. Messages are generated as always meanwhile. `at` counts from the start of the clock (see\n\
         --free-running). A fault that ends the connection is the last thing written on it; then the connection is\n\
         closed gracefully.\n\n",
    );
    for kind in FaultKind::ALL {
        let default = match kind.default_secs() {
            Some(secs) => format!(" (default: {secs} s)"),
            None => String::new(),
        };
        let (grammar, description) = (kind.grammar(), kind.description());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {grammar:GRAMMAR_WIDTH$} {description}{default}");
    }
    text
}

/// Runs the lines of stdin as faults and keeps waiting after its end. Returns only on an error.
pub(super) async fn run_commands(injector: Injector) -> Result<(), Failure> {
    let mut lines = stdin_lines()?;
    while let Some(line) = lines.recv().await {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let begun = match line.parse::<Fault>() {
            Ok(fault) => injector
                .inject(fault)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = begun {
            print_event(&Event::Error { line, message })?;
        }
    }
    std::future::pending().await
}

/// Returns the lines of stdin, read in a dedicated thread, because blocking reads cannot be combined with signals.
fn stdin_lines() -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let read = move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(read)?;
    Ok(receiver)
}
