//! The offset of the clocks, from the smallest difference within the last minute.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Estimate;

/// Differences are kept as the smallest and largest of such a span.
const SPAN: Duration = Duration::from_secs(10);
/// The estimate is made of so many spans, the current one included: a minute.
const WINDOW: usize = 6;
/// The drift is made of so many spans at most: an hour.
pub(super) const HISTORY: usize = 360;
/// The least of them for a drift: a minute.
const HISTORY_MIN: usize = 6;

const NS_PER_SEC: f64 = 1e9;

/// The differences of the last hour. Bounded: a few kilobytes.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The latest [`WINDOW`] spans make the estimate, all of them the drift.
    spans: VecDeque<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    begin: Instant,
    min_ns: i64,
    max_ns: i64,
}

impl Window {
    /// [`Estimate::offset_ns`], without the cost of the rest.
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
    pub(super) fn enter(&mut self, now: Instant, difference_ns: i64) {
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

    /// Forgets all differences but this one: a clock was set.
    pub(super) fn restart(&mut self, now: Instant, difference_ns: i64) {
        self.spans.clear();
        self.enter(now, difference_ns);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The slope of the smallest differences, by least squares.
    fn drift_ppm(&self) -> f64 {
        // The span that is still open may not have seen its smallest yet.
        let closed = self.spans.len().saturating_sub(1);
        let (Some(first), true) = (self.spans.front(), closed >= HISTORY_MIN) else {
            return 0.0;
        };
        let points = self.spans.iter().take(closed).map(|span| {
            let x = span.begin.duration_since(first.begin).as_secs_f64();
            (x, seconds(span.min_ns.saturating_sub(first.min_ns)))
        });
        slope(points) * 1e6
    }
}

fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
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
fn seconds(ns: i64) -> f64 {
    ns as f64 / NS_PER_SEC
}
