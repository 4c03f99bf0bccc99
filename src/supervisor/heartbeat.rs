//! Heartbeat of the main thread. The main thread watches all others; by the heartbeat one of them watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::exit_timer;

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Polls in a row that may find no new beat. Polls are counted instead of seconds: a stopped process makes none.
const MAX_POLLS_WITHOUT_BEAT: u32 = 30;

/// Beats of the main thread, ten a second.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    /// Shows that the main thread runs.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the process, with exit code 1, once the beats have stopped. Never returns.
    pub async fn watch(self) {
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watchdog = BeatWatchdog::default();
        loop {
            polls.tick().await;
            if watchdog.is_dead(self.0.load(Ordering::Relaxed)) {
                log::error!("the main thread hangs: the process ends with code 1");
                exit_timer::end_at_once(exit_timer::EXIT_FAILURE);
            }
        }
    }
}

#[derive(Debug, Default)]
struct BeatWatchdog {
    beats: u64,
    polls_without: u32,
}

impl BeatWatchdog {
    fn is_dead(&mut self, beats: u64) -> bool {
        if beats == self.beats {
            self.polls_without += 1;
        } else {
            *self = Self {
                beats,
                polls_without: 0,
            };
        }
        self.polls_without > MAX_POLLS_WITHOUT_BEAT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_beat_is_alive_and_a_missing_one_is_not() {
        let mut watchdog = BeatWatchdog::default();
        for beats in 0..10 {
            for _ in 0..MAX_POLLS_WITHOUT_BEAT {
                assert!(!watchdog.is_dead(beats));
            }
        }
        assert!(!watchdog.is_dead(10));
        assert!((0..MAX_POLLS_WITHOUT_BEAT).all(|_| !watchdog.is_dead(10)));
        assert!(watchdog.is_dead(10));
    }
}
