//! Figures over time, for the plot.

use super::thinned::Merge;
use super::traffic::Change;

/// Figures of one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SeriesPoint {
    /// End of the interval, seconds since the start of the monitor.
    pub(super) end_s: f64,
    /// Largest resident memory of the bridge, bytes. `None` without statistics.
    pub(super) bridge_bytes: Option<f64>,
    /// Largest resident memory of the stock recorder, bytes. `None` without a recording.
    pub(super) recorder_bytes: Option<f64>,
    /// Time that the counts are of, seconds.
    pub(super) counted_s: f64,
    /// Counts of the interval, and the largest fill of a queue.
    pub(super) change: Change,
}

impl Merge for SeriesPoint {
    fn merge(&mut self, next: Self) {
        let larger = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.end_s = next.end_s;
        self.bridge_bytes = larger(self.bridge_bytes, next.bridge_bytes);
        self.recorder_bytes = larger(self.recorder_bytes, next.recorder_bytes);
        self.counted_s += next.counted_s;
        self.change.received += next.change.received;
        self.change.published += next.change.published;
        self.change.lost += next.change.lost;
        self.change.queue_fill = self.change.queue_fill.max(next.change.queue_fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_and_peaks_are_kept() {
        let mut point = SeriesPoint {
            end_s: 1.0,
            bridge_bytes: Some(5.0),
            counted_s: 1.0,
            change: Change {
                received: 10,
                published: 9,
                lost: 1,
                queue_fill: 0.9,
            },
            ..SeriesPoint::default()
        };
        point.merge(SeriesPoint {
            end_s: 2.0,
            bridge_bytes: Some(3.0),
            recorder_bytes: Some(7.0),
            counted_s: 1.0,
            change: Change {
                received: 20,
                published: 20,
                lost: 0,
                queue_fill: 0.1,
            },
        });
        let expected = SeriesPoint {
            end_s: 2.0,
            bridge_bytes: Some(5.0),
            recorder_bytes: Some(7.0),
            counted_s: 2.0,
            change: Change {
                received: 30,
                published: 29,
                lost: 1,
                queue_fill: 0.9,
            },
        };
        assert_eq!(point, expected);
    }
}
