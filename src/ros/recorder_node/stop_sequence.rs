//! Order of the shutdown: the bridge ends first, so that nothing that it published is missing from the recording; then the
//! stock recorder writes its index.

use std::time::{Duration, Instant};

/// Time for the bridge to end. If it goes on publishing, it is not waited for.
const BRIDGE_TIMEOUT: Duration = Duration::from_secs(3);
/// Polls in a row that must not find the bridge: its last messages may arrive just before it leaves the graph.
const ABSENT_POLLS: u32 = 3;
/// Limit for all of it. The stock recorder gets 60 s for its index.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(70);

/// The shutdown, polled about ten times a second.
pub(super) struct StopSequence {
    begun: Instant,
    absent_polls: u32,
    has_begun_stop: bool,
}

/// Next step of the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopStep {
    /// Nothing yet.
    Wait,
    /// The recording is to be stopped.
    BeginStop {
        /// The bridge goes on publishing.
        is_bridge_present: bool,
    },
    /// Everything has stopped.
    Finished,
    /// The recording has not stopped in time.
    TimedOut,
}

impl StopSequence {
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            begun: now,
            absent_polls: 0,
            has_begun_stop: false,
        }
    }

    /// Returns whether the next poll depends on the presence of the bridge.
    pub(super) fn needs_bridge(&self) -> bool {
        !self.has_begun_stop
    }

    pub(super) fn poll(
        &mut self,
        now: Instant,
        is_bridge_present: bool,
        is_stopped: bool,
    ) -> StopStep {
        let elapsed = now.saturating_duration_since(self.begun);
        if self.has_begun_stop {
            return match (is_stopped, elapsed >= STOP_TIMEOUT) {
                (true, _) => StopStep::Finished,
                (false, true) => StopStep::TimedOut,
                (false, false) => StopStep::Wait,
            };
        }
        self.absent_polls = if is_bridge_present {
            0
        } else {
            self.absent_polls + 1
        };
        if self.absent_polls < ABSENT_POLLS && elapsed < BRIDGE_TIMEOUT {
            return StopStep::Wait;
        }
        self.has_begun_stop = true;
        StopStep::BeginStop { is_bridge_present }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_millis(100);

    /// Polls every tenth of a second until something is to be done. Returns that, and the time it took.
    fn next_step(
        sequence: &mut StopSequence,
        now: &mut Instant,
        mut is_bridge_present: impl FnMut() -> bool,
        is_stopped: bool,
    ) -> (StopStep, Duration) {
        let begun = *now;
        loop {
            *now += TURN;
            let step = sequence.poll(*now, is_bridge_present(), is_stopped);
            if step != StopStep::Wait {
                return (step, *now - begun);
            }
        }
    }

    #[test]
    fn recording_stops_once_the_bridge_has_gone() {
        let mut now = Instant::now();
        let mut sequence = StopSequence::begin(now);
        let mut polls = 0;
        let mut present = || {
            polls += 1;
            // For a moment the graph shows none.
            polls == 1 || (3..6).contains(&polls)
        };
        let (step, took) = next_step(&mut sequence, &mut now, &mut present, false);
        let is_bridge_present = false;
        assert_eq!(step, StopStep::BeginStop { is_bridge_present });
        assert_eq!(took, TURN * 8);
        assert!(!sequence.needs_bridge());
        let (step, _) = next_step(&mut sequence, &mut now, || false, true);
        assert_eq!(step, StopStep::Finished);
    }

    #[test]
    fn a_bridge_that_goes_on_is_not_waited_for() {
        let mut now = Instant::now();
        let mut sequence = StopSequence::begin(now);
        let (step, took) = next_step(&mut sequence, &mut now, || true, false);
        let is_bridge_present = true;
        assert_eq!(step, StopStep::BeginStop { is_bridge_present });
        assert_eq!(took, BRIDGE_TIMEOUT);
    }

    #[test]
    fn a_recording_that_does_not_stop_ends_the_wait() {
        let mut now = Instant::now();
        let begun = now;
        let mut sequence = StopSequence::begin(now);
        next_step(&mut sequence, &mut now, || false, false);
        let (step, _) = next_step(&mut sequence, &mut now, || false, false);
        assert_eq!((step, now - begun), (StopStep::TimedOut, STOP_TIMEOUT));
    }
}
