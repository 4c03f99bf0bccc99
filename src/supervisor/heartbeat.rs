//! Heartbeat of the main thread. The main thread watches all others; by the heartbeat one of them watches it. The threads
//! of the links have a heartbeat of their own, by which the main thread knows that they work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::exit_timer;

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Polls in a row that may find no new beat. Polls are counted instead of seconds: a stopped process makes none.
const MAX_POLLS_WITHOUT_BEAT: u32 = 30;

/// Time without a beat of a link's thread after which it does not work. It beats once a second.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Longest time between two polls that counts. In a longer one the process was stopped, or the machine asleep.
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Beats of a thread: ten a second of the main thread, one a second of a link's thread.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    /// Shows that the thread runs.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats once a second, as long as the runtime of the calling thread runs its tasks. Never returns.
    pub async fn beat_regularly(self) {
        let mut beats = interval(POLL_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.beat();
        }
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

/// Monitor of the beats of other threads.
#[derive(Debug)]
pub struct PulseMonitor<const N: usize> {
    pulses: [Pulse; N],
    last_poll: Instant,
}

#[derive(Debug)]
struct Pulse {
    heartbeat: Heartbeat,
    beats: u64,
    pause: Duration,
}

impl<const N: usize> PulseMonitor<N> {
    /// Monitors the heartbeats from `now` on.
    #[must_use]
    pub fn new(heartbeats: [Heartbeat; N], now: Instant) -> Self {
        Self {
            pulses: heartbeats.map(|heartbeat| Pulse {
                heartbeat,
                beats: 0,
                pause: Duration::ZERO,
            }),
            last_poll: now,
        }
    }

    /// Returns whether all threads have beaten lately. To be called several times a second.
    pub fn are_beating(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.last_poll);
        let elapsed = elapsed.min(MAX_POLL_INTERVAL);
        self.last_poll = now;
        for pulse in &mut self.pulses {
            let beats = pulse.heartbeat.0.load(Ordering::Relaxed);
            let has_beaten = std::mem::replace(&mut pulse.beats, beats) != beats;
            pulse.pause = if has_beaten {
                Duration::ZERO
            } else {
                pulse.pause + elapsed
            };
        }
        self.pulses.iter().all(|pulse| pulse.pause < MAX_PAUSE)
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

    #[test]
    fn a_thread_without_a_beat_is_noticed_and_time_in_which_the_process_was_stopped_does_not_count()
    {
        let heartbeats = [Heartbeat::default(), Heartbeat::default()];
        let mut now = Instant::now();
        let mut monitor = PulseMonitor::new(heartbeats.clone(), now);
        let mut poll = |seconds: u64, beating: &[Heartbeat]| {
            beating.iter().for_each(Heartbeat::beat);
            now += Duration::from_secs(seconds);
            monitor.are_beating(now)
        };
        for _ in 0..100 {
            assert!(poll(1, &heartbeats));
        }
        // Each poll counts as half a second.
        for _ in 0..9 {
            assert!(poll(3600, &heartbeats[..1]));
        }
        assert!(!poll(3600, &heartbeats[..1]));
        assert!(poll(1, &heartbeats));
    }
}
