//! Times at which frames are due.

use std::num::NonZeroU32;

const NS_PER_SECOND: f64 = 1e9;

/// Times at which frames are due, at a mean rate. Frames come one by one or in bursts.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Time between bursts, ns. 0 if frames are always due.
    period_ns: i64,
    burst: NonZeroU32,
    /// Frames of the burst that have been sent.
    sent: u32,
    /// Time at which the present burst is due. `None` before the first.
    due_ns: Option<i64>,
}

impl Schedule {
    /// Returns a schedule of `rate` frames per second, in bursts of `burst` frames without a pause. A rate of 0 makes
    /// every frame due at once.
    #[must_use]
    pub fn new(rate: f64, burst: NonZeroU32) -> Self {
        let period_ns = if rate > 0.0 {
            f64::from(burst.get()) / rate * NS_PER_SECOND
        } else {
            0.0
        };
        Self {
            #[expect(clippy::cast_possible_truncation, reason = "far below 292 years")]
            period_ns: period_ns as i64,
            burst,
            sent: 0,
            due_ns: None,
        }
    }

    /// Returns the time at which the next frame is due; the first is due at once. A sender that is late catches up by
    /// one period at most, so that a pause of the reader does not end in a burst.
    pub fn next_due(&mut self, now_ns: i64) -> i64 {
        let due_ns = match self.due_ns {
            None => now_ns,
            Some(due_ns) if self.sent > 0 => due_ns,
            Some(due_ns) => (due_ns + self.period_ns).max(now_ns - self.period_ns),
        };
        self.due_ns = Some(due_ns);
        self.sent = (self.sent + 1) % self.burst;
        due_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;
    const MS: i64 = 1_000_000;

    #[test]
    fn frames_are_a_period_apart() {
        let mut schedule = Schedule::new(10.0, ONE);
        let due = [1000, 1000, 1101, 1201].map(|now| schedule.next_due(now * MS));
        assert_eq!(due, [1000, 1100, 1200, 1300].map(|due| due * MS));
    }

    #[test]
    fn late_sender_catches_up_by_one_period_only() {
        let mut schedule = Schedule::new(10.0, ONE);
        schedule.next_due(1000 * MS);
        assert_eq!(schedule.next_due(5000 * MS), 4900 * MS);
        assert_eq!(schedule.next_due(5000 * MS), 5000 * MS);
        assert_eq!(schedule.next_due(5000 * MS), 5100 * MS);
    }

    #[test]
    fn bursts_keep_the_mean_rate() {
        let mut schedule = Schedule::new(100.0, NonZeroU32::new(5).unwrap());
        let due: Vec<i64> = (0..10).map(|_| schedule.next_due(1000 * MS)).collect();
        assert_eq!(due[..5], [1000 * MS; 5]);
        assert_eq!(due[5..], [1050 * MS; 5]);
        assert_eq!(schedule.next_due(1051 * MS), 1100 * MS);
    }

    #[test]
    fn without_a_rate_every_frame_is_due() {
        let mut schedule = Schedule::new(0.0, ONE);
        assert_eq!(schedule.next_due(1000 * MS), 1000 * MS);
        assert_eq!(schedule.next_due(1001 * MS), 1001 * MS);
    }
}
