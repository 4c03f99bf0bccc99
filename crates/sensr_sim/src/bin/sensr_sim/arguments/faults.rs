//! What is to go wrong.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;
use sensr_sim::{ChaosOptions, ScriptError, TimedFault, parse_script};

#[derive(Debug, Args)]
pub(super) struct FaultArguments {
    /// Let something go wrong, such as "at 2 cut points"; may be given more than once
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<TimedFault>,

    /// The same from a file, one fault a line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Carry out each line of stdin at once, without `at`; a bad one is answered with a line on stdout
    #[arg(long)]
    pub control: bool,

    /// Let all kinds of faults happen at random, one after the other: the same seed gives the same faults and
    /// pauses
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,

    /// The mean pause between the end of a fault and the next [default: 1.75]
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "chaos",
        allow_negative_numbers = true
    )]
    chaos_pause: Option<f64>,
}

/// A script that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptFailure {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}, {source}")]
    Script { path: PathBuf, source: ScriptError },
}

impl FaultArguments {
    /// Those of the command line and those of the script.
    pub(super) fn all(&self) -> Result<Vec<TimedFault>, ScriptFailure> {
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

    pub(super) fn chaos(&self) -> Option<ChaosOptions> {
        let usual = ChaosOptions::new(self.chaos?);
        Some(ChaosOptions {
            mean_pause_secs: self.chaos_pause.unwrap_or(usual.mean_pause_secs),
            ..usual
        })
    }
}
