//! Steps of a request to split: the stock recorder is called, and the new split is awaited; if the call fails, the recording
//! goes on in a new bag.

use std::time::{Duration, Instant};

/// Time for the service of the stock recorder to be discovered.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for the stock recorder to split after the request was sent.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a new bag to begin: the stock recorder writes the index of the old one before.
const NEW_BAG_TIMEOUT: Duration = Duration::from_secs(90);

/// State of the call of the stock recorder's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallState {
    /// The service has not been discovered.
    Undiscovered,
    /// The request has been sent, and may have been answered. The answer of the stock recorder is empty: it does not tell
    /// whether there is a new split.
    Sent,
    /// The call has failed, for this reason.
    Failed(String),
}

/// Next step of a request to split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SplitStep {
    /// Nothing yet.
    Wait,
    /// The recording is to go on in a new bag, for this reason.
    BeginNewBag(String),
    /// A new split is open.
    Done,
    /// There is no new split, for this reason.
    Failed(String),
}

/// A request to split that has not been answered.
#[derive(Debug)]
pub(super) struct SplitSequence {
    splits_opened: u64,
    phase: Phase,
    /// Beginning of the phase.
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Discovery,
    Call,
    NewBag,
}

impl SplitSequence {
    /// Begins with a call of the stock recorder, whose service is to be discovered. `splits_opened` is the present number
    /// of splits.
    pub(super) fn call(splits_opened: u64, now: Instant) -> Self {
        Self {
            splits_opened,
            phase: Phase::Discovery,
            since: now,
        }
    }

    /// Begins after the recording has been told to go on in a new bag.
    pub(super) fn new_bag(splits_opened: u64, now: Instant) -> Self {
        Self {
            splits_opened,
            phase: Phase::NewBag,
            since: now,
        }
    }

    /// Returns the next step. `call` is the state of the call, if the sequence began with one.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        call: Option<CallState>,
        splits_opened: u64,
    ) -> SplitStep {
        if splits_opened > self.splits_opened {
            return SplitStep::Done;
        }
        if self.phase == Phase::Discovery && call == Some(CallState::Sent) {
            self.enter(Phase::Call, now);
        }
        let waited = now.saturating_duration_since(self.since);
        let reason = match (self.phase, call) {
            (Phase::NewBag, _) if waited >= NEW_BAG_TIMEOUT => {
                return SplitStep::Failed(format!(
                    "no new bag was begun within {NEW_BAG_TIMEOUT:?}: see the topic recording for the reason"
                ));
            }
            (Phase::NewBag, _) => return SplitStep::Wait,
            (_, Some(CallState::Failed(reason))) => reason,
            (Phase::Discovery, _) if waited >= DISCOVERY_TIMEOUT => {
                "its service split_bagfile was not found".to_owned()
            }
            (Phase::Call, _) if waited >= CALL_TIMEOUT => {
                format!("it opened no new split within {CALL_TIMEOUT:?}")
            }
            (Phase::Discovery | Phase::Call, _) => return SplitStep::Wait,
        };
        self.enter(Phase::NewBag, now);
        SplitStep::BeginNewBag(reason)
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_millis(100);

    #[test]
    fn a_call_is_done_when_the_split_is_open() {
        let now = Instant::now();
        let mut sequence = SplitSequence::call(4, now);
        let undiscovered = Some(CallState::Undiscovered);
        assert_eq!(sequence.poll(now, undiscovered, 4), SplitStep::Wait);
        let sent = || Some(CallState::Sent);
        // From here on the limit is that of the call.
        let now = now + DISCOVERY_TIMEOUT.saturating_sub(TURN);
        assert_eq!(sequence.poll(now, sent(), 4), SplitStep::Wait);
        let now = now + CALL_TIMEOUT.saturating_sub(TURN);
        assert_eq!(sequence.poll(now, sent(), 4), SplitStep::Wait);
        assert_eq!(sequence.poll(now, sent(), 5), SplitStep::Done);
    }

    #[test]
    fn a_call_without_effect_leads_to_a_new_bag() {
        let failed = Some(CallState::Failed("no".to_owned()));
        for (call, after) in [
            (Some(CallState::Undiscovered), DISCOVERY_TIMEOUT),
            (Some(CallState::Sent), CALL_TIMEOUT),
            (failed, Duration::ZERO),
        ] {
            let begun = Instant::now();
            let mut sequence = SplitSequence::call(4, begun);
            if !after.is_zero() {
                assert_eq!(sequence.poll(begun, call.clone(), 4), SplitStep::Wait);
            }
            let step = sequence.poll(begun + after, call.clone(), 4);
            assert!(
                matches!(step, SplitStep::BeginNewBag(_)),
                "{call:?}: {step:?}"
            );
            let later = begun + after + TURN;
            assert_eq!(sequence.poll(later, call.clone(), 4), SplitStep::Wait);
            assert_eq!(sequence.poll(later, call, 5), SplitStep::Done);
        }
    }

    #[test]
    fn a_new_bag_that_does_not_begin_is_a_failure() {
        let now = Instant::now();
        let mut sequence = SplitSequence::new_bag(4, now);
        let almost = now + NEW_BAG_TIMEOUT.saturating_sub(TURN);
        assert_eq!(sequence.poll(almost, None, 4), SplitStep::Wait);
        let step = sequence.poll(now + NEW_BAG_TIMEOUT, None, 4);
        assert!(matches!(step, SplitStep::Failed(_)), "{step:?}");
    }
}
