//! Waiting for ROS, and noticing when it no longer works.

use std::time::{Duration, Instant};

use r2r::Node;

use super::RuntimeError;

/// So many waits in a row may end early with nothing to do. A healthy node has none: only requests wake it.
const TOLERATED: u32 = 100;
/// A wait that was to be shorter than this tells nothing: failing takes some time, too.
const TELLING: Duration = Duration::from_millis(1);
/// A wait that fails returns at once; without a pause a core would burn until that is certain.
const PAUSE: Duration = Duration::from_millis(5);

/// r2r tells nobody when rcl fails to wait: it returns at once, for ever, and no service answers any more.
#[derive(Debug, Default)]
pub(super) struct Spin {
    idle_wakes: u32,
}

impl Spin {
    /// Waits for requests, for `limit` at most. `serve` answers those that came, and returns how many there were.
    pub(super) fn once(
        &mut self,
        node: &mut Node,
        limit: Duration,
        serve: impl FnOnce() -> usize,
    ) -> Result<(), RuntimeError> {
        let begun = Instant::now();
        node.spin_once(limit);
        let waited = begun.elapsed();
        let served = serve();
        self.note(waited, limit, served)
    }

    fn note(
        &mut self,
        waited: Duration,
        limit: Duration,
        served: usize,
    ) -> Result<(), RuntimeError> {
        if served > 0 {
            self.idle_wakes = 0;
            return Ok(());
        }
        if limit < TELLING {
            return Ok(());
        }
        if waited >= limit / 2 {
            self.idle_wakes = 0;
            return Ok(());
        }
        self.idle_wakes += 1;
        if self.idle_wakes > TOLERATED {
            return Err(Error::Spin);
        }
        if self.idle_wakes > 1 {
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn waits_that_end_at_once_again_and_again_are_an_error() {
        let mut spin = Spin::default();
        for _ in 0..TOLERATED {
            spin.note(Duration::ZERO, LIMIT, 0).expect("tolerated");
        }
        let error = spin.note(Duration::ZERO, LIMIT, 0).expect_err("too many");
        assert!(matches!(error, Error::Spin));
    }

    #[test]
    fn requests_and_whole_waits_are_signs_of_health() {
        let mut spin = Spin::default();
        for _ in 0..3 {
            for _ in 0..10 {
                spin.note(Duration::ZERO, LIMIT, 0).expect("tolerated");
            }
            spin.note(Duration::ZERO, LIMIT, 1).expect("served");
            assert_eq!(spin.idle_wakes, 0);
            spin.note(Duration::ZERO, LIMIT, 0).expect("tolerated");
            spin.note(LIMIT, LIMIT, 0).expect("waited");
            assert_eq!(spin.idle_wakes, 0);
            spin.note(Duration::ZERO, LIMIT, 0).expect("tolerated");
            let short = TELLING / 2;
            spin.note(short, short, 0).expect("tells nothing");
            assert_eq!(spin.idle_wakes, 1);
        }
    }
}
