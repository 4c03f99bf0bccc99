//! State machine of the recording: from what is observed to what has to be done. Without clocks, processes or files.

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::report::RecordingState;
use crate::connection::backoff::{Backoff, BackoffLimits};

#[cfg(test)]
mod tests;

/// Time limits of the state machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateTimes {
    /// Time that the stock recorder has to close its bag.
    pub(super) close: Duration,
    /// The same, if it was deaf already.
    pub(super) deaf_close: Duration,
    /// Time of good recording after which the delays start again with the shortest.
    pub(super) good: Duration,
}

impl Default for StateTimes {
    fn default() -> Self {
        Self {
            close: Duration::from_secs(60),
            deaf_close: Duration::from_secs(5),
            good: Duration::from_secs(60),
        }
    }
}

/// Step that the engine has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Checks the output folder and names a bag; then [`Machine::on_prepared`].
    Prepare,
    /// Starts the stock recorder; then [`Machine::on_started`].
    Start,
    /// Asks the stock recorder to end.
    Interrupt,
    /// Kills the stock recorder.
    Kill,
    /// Finishes the files; then [`Machine::on_finished`].
    Finish,
}

/// Phase of the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A bag is to be begun, not before `at`.
    Waiting { at: Instant },
    /// The output folder is being checked.
    Preparing,
    /// The stock recorder runs. `written`: since when its messages reach the disk.
    Running { written: Option<Instant> },
    /// The stock recorder has been asked to end, and is killed at `kill_at`. `None` once it has been killed.
    Ending { kill_at: Option<Instant> },
    /// No stock recorder runs, as long as the recording is paused or the disk is full.
    Idle,
    /// The last bag is being completed.
    Finishing,
    /// Everything is done.
    Stopped,
}

/// State machine of the recording.
#[derive(Debug)]
pub(super) struct Machine {
    phase: Phase,
    times: StateTimes,
    delays: BackoffLimits,
    backoff: Backoff,
    random: SmallRng,
    is_paused: bool,
    disk_full: Option<String>,
    is_stopping: bool,
    /// Failure that has not been followed by good recording yet.
    failure: Option<String>,
    /// Failure of the running process, which the delay after its end is for.
    is_failed: bool,
}

impl Machine {
    /// Creates a machine that begins a bag at once.
    pub(super) fn new(now: Instant, times: StateTimes, delays: BackoffLimits) -> Self {
        Self {
            phase: Phase::Waiting { at: now },
            times,
            delays,
            backoff: Backoff::default(),
            random: SmallRng::from_os_rng(),
            is_paused: false,
            disk_full: None,
            is_stopping: false,
            failure: None,
            is_failed: false,
        }
    }

    /// Replaces the limits of the delays.
    pub(super) fn set_delays(&mut self, delays: BackoffLimits) {
        self.delays = delays;
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Action> {
        match self.phase {
            Phase::Waiting { at } if now >= at => {
                self.phase = Phase::Preparing;
                Some(Action::Prepare)
            }
            Phase::Running {
                written: Some(since),
            } if now.saturating_duration_since(since) >= self.times.good => {
                self.backoff.reset();
                None
            }
            Phase::Ending { kill_at: Some(at) } if now >= at => {
                self.phase = Phase::Ending { kill_at: None };
                Some(Action::Kill)
            }
            _ => None,
        }
    }

    /// Takes the answer to [`Action::Prepare`]: the reason why no bag can be begun, if it is an error.
    pub(super) fn on_prepared(
        &mut self,
        result: Result<(), String>,
        now: Instant,
    ) -> Option<Action> {
        if self.phase != Phase::Preparing {
            return None;
        }
        if let Err(reason) = result {
            self.fail(reason);
            return self.go_on(now);
        }
        if self.is_paused || self.disk_full.is_some() {
            return self.go_on(now);
        }
        Some(Action::Start)
    }

    /// Takes the answer to [`Action::Start`].
    pub(super) fn on_started(
        &mut self,
        result: Result<(), String>,
        now: Instant,
    ) -> Option<Action> {
        match result {
            Ok(()) => {
                self.phase = Phase::Running { written: None };
                None
            }
            Err(reason) => {
                self.fail(reason);
                self.go_on(now)
            }
        }
    }

    /// Notes that messages reach the disk.
    pub(super) fn on_written(&mut self, now: Instant) {
        if self.phase == (Phase::Running { written: None }) {
            self.phase = Phase::Running { written: Some(now) };
            self.failure = None;
        }
    }

    /// Notes that the running stock recorder does not do its work and is to be started again.
    pub(super) fn on_problem(&mut self, reason: String, now: Instant) -> Option<Action> {
        if !self.is_running() {
            return None;
        }
        self.fail(reason);
        Some(self.end(self.times.deaf_close, now))
    }

    /// Notes that the stock recorder has ended. `reason` counts if nobody asked it to.
    pub(super) fn on_exited(&mut self, reason: String, now: Instant) -> Option<Action> {
        match self.phase {
            Phase::Running { .. } => {
                self.fail(reason);
                self.go_on(now)
            }
            Phase::Ending { .. } => self.go_on(now),
            _ => None,
        }
    }

    /// Notes that the disk is full, for a reason, or not.
    pub(super) fn on_disk(&mut self, full: Option<String>, now: Instant) -> Option<Action> {
        self.disk_full = full;
        self.after_change(now)
    }

    /// Pauses the recording.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Action> {
        self.is_paused = true;
        self.after_change(now)
    }

    /// Resumes the recording.
    pub(super) fn resume(&mut self, now: Instant) -> Option<Action> {
        self.is_paused = false;
        self.after_change(now)
    }

    /// Ends the open bag in order, to go on in a new one.
    pub(super) fn begin_new_bag(&mut self, now: Instant) -> Option<Action> {
        match self.phase {
            Phase::Running { .. } => Some(self.end(self.times.close, now)),
            // What is to be done differently may also cure the failure.
            Phase::Waiting { .. } => {
                self.phase = Phase::Waiting { at: now };
                None
            }
            Phase::Preparing => self.go_on(now),
            _ => None,
        }
    }

    /// Stops for good.
    pub(super) fn stop(&mut self, now: Instant) -> Option<Action> {
        if self.is_stopping {
            return None;
        }
        self.is_stopping = true;
        match self.phase {
            Phase::Running { .. } => Some(self.end(self.times.close, now)),
            Phase::Ending { .. } => None,
            _ => self.go_on(now),
        }
    }

    /// Takes the answer to [`Action::Finish`].
    pub(super) fn on_finished(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// True while the stock recorder runs and has not been asked to end.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// True while the stock recorder runs and nothing has reached the disk yet.
    pub(super) fn is_starting(&self) -> bool {
        self.phase == Phase::Running { written: None }
    }

    /// True once everything is done.
    pub(super) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    /// True once a stop has been asked for.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Time until the stock recorder is started again.
    #[cfg(test)]
    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { at } => Some(at.saturating_duration_since(now)),
            _ => None,
        }
    }

    /// Returns the state as reported, with its reason.
    pub(super) fn state(&self) -> (RecordingState, &str) {
        if self.is_stopping {
            let reason = match self.phase {
                Phase::Running { .. } | Phase::Ending { .. } => {
                    "stopping: the stock recorder closes its bag"
                }
                Phase::Stopped => "stopped",
                _ => "stopping: the last bag is being completed",
            };
            return (RecordingState::Stopping, reason);
        }
        if self.is_paused {
            let reason = "paused on request; call ~/resume to go on";
            return (RecordingState::Paused, reason);
        }
        if let Some(reason) = &self.disk_full {
            return (RecordingState::DiskFull, reason);
        }
        if let Some(reason) = &self.failure {
            return (RecordingState::Retrying, reason);
        }
        match self.phase {
            Phase::Running { written: Some(_) } => (RecordingState::Recording, ""),
            Phase::Ending { .. } => (
                RecordingState::Starting,
                "the stock recorder closes its bag; the recording goes on in a new one",
            ),
            _ => (
                RecordingState::Starting,
                "the stock recorder is starting; nothing has been written yet",
            ),
        }
    }

    fn fail(&mut self, reason: String) {
        self.failure = Some(reason);
        self.is_failed = true;
    }

    /// Asks the stock recorder to end within `limit`.
    fn end(&mut self, limit: Duration, now: Instant) -> Action {
        self.phase = Phase::Ending {
            kill_at: Some(now + limit),
        };
        Action::Interrupt
    }

    /// Adapts to a changed reason for not recording.
    fn after_change(&mut self, now: Instant) -> Option<Action> {
        let is_wanted = !self.is_paused && self.disk_full.is_none();
        match self.phase {
            Phase::Running { .. } if !is_wanted => Some(self.end(self.times.close, now)),
            Phase::Waiting { .. } if !is_wanted => self.go_on(now),
            Phase::Idle if is_wanted => self.go_on(now),
            _ => None,
        }
    }

    /// Chooses the next phase while no stock recorder runs.
    fn go_on(&mut self, now: Instant) -> Option<Action> {
        let is_failed = std::mem::take(&mut self.is_failed);
        if self.is_stopping {
            if matches!(self.phase, Phase::Finishing | Phase::Stopped) {
                return None;
            }
            self.phase = Phase::Finishing;
            return Some(Action::Finish);
        }
        if self.is_paused || self.disk_full.is_some() {
            self.phase = Phase::Idle;
            return None;
        }
        let delay = if is_failed {
            self.backoff.next_delay(self.delays, &mut self.random)
        } else {
            Duration::ZERO
        };
        self.phase = Phase::Waiting { at: now + delay };
        None
    }
}
