//! Sliding window over the differences of the last hour: offset and drift.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Estimate;

/// Duration of a span, of whose differences the smallest and the largest are kept.
const SPAN: Duration = Duration::from_secs(10);
/// Spans that the estimate is made of, including the current one: a minute.
const WINDOW: usize = 6;
/// Limit on the spans that the drift is made of: an hour.
pub(super) const HISTORY: usize = 360;
/// Least number of spans for a drift: a minute.
const HISTORY_MIN: usize = 6;

const NS_PER_SEC: f64 = 1e9;

/// Differences of the last hour. A few kilobytes.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The estimate is made of the latest [`WINDOW`] spans, the drift of all.
    spans: VecDeque<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    begin: Instant,
    min_ns: i64,
    max_ns: i64,
}

impl Window {
    /// Returns [`Estimate::offset_ns`] only, which is cheaper.
    pub(super) fn offset_ns(&self) -> Option<i64> {
        let window = self.spans.iter().rev().take(WINDOW);
        window.map(|span| span.min_ns).min()
    }

    pub(super) fn estimate(&self) -> Option<Estimate> {
        let offset_ns = self.offset_ns()?;
        let window = self.spans.iter().rev().take(WINDOW);
        let max_ns = window.map(|span| span.max_ns).max()?;
        Some(Estimate {
            offset_ns,
            spread_ns: max_ns.saturating_sub(offset_ns),
            drift_ppm: self.drift_ppm(),
        })
    }

    /// Adds a difference.
    pub(super) fn add_difference(&mut self, now: Instant, difference_ns: i64) {
        match self.spans.back_mut() {
            Some(span) if now.duration_since(span.begin) < SPAN => {
                span.min_ns = span.min_ns.min(difference_ns);
                span.max_ns = span.max_ns.max(difference_ns);
            }
            _ => {
                if self.spans.len() == HISTORY {
                    self.spans.pop_front();
                }
                self.spans.push_back(Span {
                    begin: now,
                    min_ns: difference_ns,
                    max_ns: difference_ns,
                });
            }
        }
    }

    /// Replaces all differences by one, after a step of a clock.
    pub(super) fn restart_from(&mut self, now: Instant, difference_ns: i64) {
        self.spans.clear();
        self.add_difference(now, difference_ns);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Slope of the smallest differences by least squares.
    fn drift_ppm(&self) -> f64 {
        // The current span may not have its smallest difference yet.
        let closed = self.spans.len().saturating_sub(1);
        let (Some(first), true) = (self.spans.front(), closed >= HISTORY_MIN) else {
            return 0.0;
        };
        let points = self.spans.iter().take(closed).map(|span| {
            let x = span.begin.duration_since(first.begin).as_secs_f64();
            (x, ns_to_seconds(span.min_ns.saturating_sub(first.min_ns)))
        });
        least_squares_slope(points) * 1e6
    }
}

fn least_squares_slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let (n, sum_x, sum_y) = points.clone().fold((0.0, 0.0, 0.0), |(n, sx, sy), (x, y)| {
        (n + 1.0, sx + x, sy + y)
    });
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (above, below) = points.fold((0.0, 0.0), |(above, below), (x, y)| {
        let dx = x - mean_x;
        (above + dx * (y - mean_y), below + dx * dx)
    });
    if below > 0.0 { above / below } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact to the nanosecond up to 104 days"
)]
fn ns_to_seconds(ns: i64) -> f64 {
    ns as f64 / NS_PER_SEC
}
