//! Figures of one site over the period between two lines or rows.

use std::time::Duration;

use super::sample::BridgeSample;
use super::site::Site;
use crate::metrics::ledger::Account;

/// Per-second figures of a period. Losses are numbers of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PeriodFigures {
    /// Messages in the frames from SENSR.
    pub received: f64,
    /// Messages passed to the middleware.
    pub published: f64,
    /// Bytes received on the point link.
    pub points_bytes: f64,
    /// Bytes received on the output link.
    pub output_bytes: f64,
    /// Messages lost in the period: dropped and malformed.
    pub lost: u64,
}

/// Counters at the end of a period.
#[derive(Debug, Clone, Copy)]
struct Counters {
    stamp_ns: i64,
    run_start_ns: i64,
    total: Account,
    points_bytes: u64,
    output_bytes: u64,
}

/// Periods of one site.
#[derive(Debug, Clone, Default)]
pub struct Periods {
    before: Option<Counters>,
}

impl Periods {
    /// Ends a period and begins the next one. Returns the figures of the ended one: `None` if there is no earlier sample of
    /// the same run of the bridge, or no newer one.
    pub fn next(&mut self, site: &Site) -> Option<PeriodFigures> {
        let now = Counters::of(site.bridge()?, site.total());
        let before = self.before.replace(now)?;
        if !now.is_same_run(&before) {
            return None;
        }
        let elapsed = u64::try_from(now.stamp_ns - before.stamp_ns).ok()?;
        let seconds = Duration::from_nanos(elapsed).as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]
        let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
        let lost = |total: &Account| total.dropped + total.malformed;
        Some(PeriodFigures {
            received: rate(now.total.received, before.total.received),
            published: rate(now.total.published, before.total.published),
            points_bytes: rate(now.points_bytes, before.points_bytes),
            output_bytes: rate(now.output_bytes, before.output_bytes),
            lost: lost(&now.total).saturating_sub(lost(&before.total)),
        })
    }
}

impl Counters {
    fn of(sample: &BridgeSample, total: Account) -> Self {
        let bytes = |name: &str| {
            let link = sample.links.iter().find(|link| link.name == name);
            link.map_or(0, |link| link.bytes)
        };
        Self {
            stamp_ns: sample.stamp_ns,
            run_start_ns: sample.run_start_ns(),
            total,
            points_bytes: bytes("points"),
            output_bytes: bytes("output"),
        }
    }

    fn is_same_run(&self, before: &Self) -> bool {
        BridgeSample::is_same_run(self.run_start_ns, before.run_start_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::test_samples::{bridge_sample, site_with};

    #[test]
    fn figures_are_those_of_the_period() {
        let mut periods = Periods::default();
        assert_eq!(periods.next(&Site::new("/")), None);
        assert_eq!(periods.next(&site_with(bridge_sample(0, 10))), None);
        let figures = periods
            .next(&site_with(bridge_sample(0, 15)))
            .expect("known");
        let expected = PeriodFigures {
            received: 20.0,
            published: 10.0,
            points_bytes: 1000.0,
            output_bytes: 10.0,
            lost: 10,
        };
        assert_eq!(figures, expected);
        // Nothing new.
        assert_eq!(periods.next(&site_with(bridge_sample(0, 15))), None);
    }

    #[test]
    fn a_restart_gives_no_figures() {
        let mut periods = Periods::default();
        periods.next(&site_with(bridge_sample(0, 10)));
        let restarted = bridge_sample(60_000_000_000, 20);
        assert_eq!(periods.next(&site_with(restarted)), None);
    }
}
