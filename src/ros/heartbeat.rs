//! Whether the main thread goes on. It watches all the others; this is how one of them watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::last_resort;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// So many looks in a row may find no new beat. Looks are counted and not seconds: while the process is stopped there
/// are none.
const TOLERATED: u32 = 30;

/// Beats of the main thread, ten a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the process when there is no beat any more. Never returns.
    pub(super) async fn watch(self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch = Watch::default();
        loop {
            looks.tick().await;
            if watch.is_dead(self.0.load(Ordering::Relaxed)) {
                log::error!("the main thread hangs");
                last_resort::end_at_once(last_resort::BROKEN);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Watch {
    beats: u64,
    without: u32,
}

impl Watch {
    fn is_dead(&mut self, beats: u64) -> bool {
        if beats == self.beats {
            self.without += 1;
        } else {
            *self = Self { beats, without: 0 };
        }
        self.without > TOLERATED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_that_beats_at_all_is_alive() {
        let mut watch = Watch::default();
        for beats in 0..10 {
            for _ in 0..TOLERATED {
                assert!(!watch.is_dead(beats));
            }
        }
        assert!(!watch.is_dead(10));
        assert!((0..TOLERATED).all(|_| !watch.is_dead(10)));
        assert!(watch.is_dead(10));
    }
}
