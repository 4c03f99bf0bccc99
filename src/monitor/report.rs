//! Report on a run: what the bridges did while the monitor watched them.
//!
//! [`Collector`](collector::Collector) takes the samples as they come and keeps bounded sums and series;
//! [`Collector::report`](collector::Collector::report) makes the [`Report`] of them, and [`plot::write_plot`] the plot.

pub mod collector;
pub mod growth;
mod line_fit;
pub mod memory;
pub mod plot;
mod thinned;

pub use collector::Collector;

use serde::Serialize;

/// Report on all bridges that were seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Time for which the monitor watched, seconds.
    pub duration_s: f64,
    /// Reports on the bridges, by namespace.
    pub sites: Vec<SiteReport>,
}

/// Report on one bridge and its recorder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteReport {
    /// Namespace, `/` for none.
    pub namespace: String,
}

impl Report {
    /// Formats the report for people, as lines that end with a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("watched for {:.0} s\n", self.duration_s);
        for site in &self.sites {
            text.push_str(&site.namespace);
            text.push('\n');
        }
        text
    }

    /// Formats the report as one JSON document that ends with a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        json + "\n"
    }
}
