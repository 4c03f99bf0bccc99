use super::*;

const TIMES: StateTimes = StateTimes {
    close: Duration::from_secs(60),
    deaf_close: Duration::from_secs(5),
    good: Duration::from_secs(60),
};
const DELAYS: BackoffLimits = BackoffLimits {
    initial_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(30),
};

/// A machine with a clock of its own.
struct Bench {
    machine: Machine,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            machine: Machine::new(now, TIMES, DELAYS),
            now,
        }
    }

    /// A machine whose stock recorder writes.
    fn recording() -> Self {
        let mut bench = Self::new();
        bench.start();
        bench.machine.on_written(bench.now);
        bench
    }

    fn start(&mut self) {
        assert_eq!(self.pass(0), Some(Action::Prepare));
        let action = self.machine.on_prepared(Ok(()), self.now);
        assert_eq!(action, Some(Action::Start));
        assert_eq!(self.machine.on_started(Ok(()), self.now), None);
    }

    fn pass(&mut self, secs: u64) -> Option<Action> {
        self.now += Duration::from_secs(secs);
        self.machine.tick(self.now)
    }

    fn fail(&mut self, reason: &str) -> Option<Action> {
        self.machine.on_exited(reason.to_owned(), self.now)
    }

    fn state(&self) -> RecordingState {
        self.machine.state().0
    }

    fn delay(&self) -> Duration {
        self.machine.delay(self.now).expect("waiting")
    }
}

#[test]
fn recording_starts_and_its_reason_is_empty_once_it_writes() {
    let mut bench = Bench::new();
    assert_eq!(bench.state(), RecordingState::Starting);
    bench.start();
    assert_eq!(bench.state(), RecordingState::Starting);
    assert!(bench.machine.is_starting() && !bench.machine.state().1.is_empty());
    bench.machine.on_written(bench.now);
    assert_eq!(bench.machine.state(), (RecordingState::Recording, ""));
    assert!(bench.machine.is_running() && !bench.machine.is_starting());
    assert_eq!(bench.pass(1000), None);
}

#[test]
fn failing_recorder_is_started_again_with_growing_delays() {
    let mut bench = Bench::recording();
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
        assert_eq!(bench.fail("exit code 1"), None);
        assert_eq!(
            bench.machine.state(),
            (RecordingState::Retrying, "exit code 1")
        );
        let delay = bench.delay().as_secs_f64();
        assert!((delay / expected - 1.0).abs() <= 0.2001, "{delay}");
        bench.now += bench.delay();
        bench.start();
        // It has not shown yet that it writes.
        assert_eq!(bench.state(), RecordingState::Retrying);
    }
    bench.machine.on_written(bench.now);
    assert_eq!(bench.state(), RecordingState::Recording);
}

#[test]
fn delays_start_again_after_a_minute_of_good_recording_only() {
    let mut bench = Bench::recording();
    for _ in 0..4 {
        bench.fail("died");
        bench.now += bench.delay();
        bench.start();
        bench.machine.on_written(bench.now);
        bench.pass(59);
    }
    bench.fail("died");
    assert!(bench.delay() > Duration::from_secs(10));
    bench.now += bench.delay();
    bench.start();
    bench.pass(100);
    bench.machine.on_written(bench.now);
    bench.pass(60);
    bench.fail("died");
    assert!(bench.delay() <= Duration::from_millis(1200));
}

#[test]
fn output_folder_that_cannot_be_written_is_tried_again() {
    let mut bench = Bench::new();
    assert_eq!(bench.pass(0), Some(Action::Prepare));
    let refused = bench
        .machine
        .on_prepared(Err("read-only".to_owned()), bench.now);
    assert_eq!(refused, None);
    assert_eq!(
        bench.machine.state(),
        (RecordingState::Retrying, "read-only")
    );
    assert!(bench.delay() >= Duration::from_millis(799));
    bench.now += bench.delay();
    bench.start();
}

#[test]
fn recorder_that_cannot_be_started_is_tried_again() {
    let mut bench = Bench::new();
    bench.pass(0);
    bench.machine.on_prepared(Ok(()), bench.now);
    let refused = bench
        .machine
        .on_started(Err("no memory".to_owned()), bench.now);
    assert_eq!(refused, None);
    assert_eq!(bench.state(), RecordingState::Retrying);
    assert!(bench.delay() > Duration::ZERO);
}

#[test]
fn deaf_recorder_is_interrupted_and_killed_after_seconds() {
    let mut bench = Bench::recording();
    let action = bench.machine.on_problem("stalled".to_owned(), bench.now);
    assert_eq!(action, Some(Action::Interrupt));
    assert_eq!(bench.machine.state(), (RecordingState::Retrying, "stalled"));
    let again = bench.machine.on_problem("stalled".to_owned(), bench.now);
    assert_eq!(again, None);
    assert_eq!(bench.pass(4), None);
    assert_eq!(bench.pass(1), Some(Action::Kill));
    assert_eq!(bench.pass(100), None);
    assert_eq!(bench.fail("killed by signal 9"), None);
    assert_eq!(bench.machine.state(), (RecordingState::Retrying, "stalled"));
    assert!(bench.delay() > Duration::ZERO);
}

#[test]
fn pause_closes_the_bag_and_resume_begins_another_at_once() {
    let mut bench = Bench::recording();
    assert_eq!(bench.machine.pause(bench.now), Some(Action::Interrupt));
    assert_eq!(bench.state(), RecordingState::Paused);
    assert_eq!(bench.pass(59), None);
    assert_eq!(bench.pass(1), Some(Action::Kill));
    assert_eq!(bench.fail("killed by signal 9"), None);
    assert_eq!(bench.pass(1000), None);
    assert_eq!(bench.state(), RecordingState::Paused);
    assert_eq!(bench.machine.resume(bench.now), None);
    assert_eq!(bench.state(), RecordingState::Starting);
    bench.start();
}

#[test]
fn resume_before_the_bag_is_closed_goes_on_after_that() {
    let mut bench = Bench::recording();
    bench.machine.pause(bench.now);
    assert_eq!(bench.machine.resume(bench.now), None);
    assert_eq!(bench.state(), RecordingState::Starting);
    assert_eq!(bench.fail("ended"), None);
    bench.start();
    assert_eq!(bench.state(), RecordingState::Starting);
}

#[test]
fn pause_is_obeyed_in_every_phase_without_a_recorder() {
    let mut waiting = Bench::recording();
    waiting.fail("died");
    assert_eq!(waiting.machine.pause(waiting.now), None);
    assert_eq!(waiting.pass(1000), None);
    assert_eq!(waiting.state(), RecordingState::Paused);

    let mut preparing = Bench::new();
    preparing.pass(0);
    preparing.machine.pause(preparing.now);
    assert_eq!(preparing.machine.on_prepared(Ok(()), preparing.now), None);
    assert_eq!(preparing.pass(1000), None);
    preparing.machine.resume(preparing.now);
    preparing.start();
}

#[test]
fn full_disk_pauses_until_there_is_room() {
    let mut bench = Bench::recording();
    let full = || Some("full".to_owned());
    let action = bench.machine.on_disk(full(), bench.now);
    assert_eq!(action, Some(Action::Interrupt));
    assert_eq!(bench.machine.state(), (RecordingState::DiskFull, "full"));
    assert_eq!(bench.machine.on_disk(full(), bench.now), None);
    bench.fail("ended");
    assert_eq!(bench.pass(100), None);
    assert_eq!(bench.machine.on_disk(None, bench.now), None);
    assert_eq!(bench.state(), RecordingState::Starting);
    bench.start();
}

#[test]
fn room_on_the_disk_does_not_end_a_pause() {
    let mut bench = Bench::recording();
    bench.machine.on_disk(Some("full".to_owned()), bench.now);
    bench.machine.pause(bench.now);
    bench.fail("ended");
    bench.machine.on_disk(None, bench.now);
    assert_eq!(bench.pass(100), None);
    assert_eq!(bench.state(), RecordingState::Paused);
}

#[test]
fn new_bag_is_begun_without_a_delay() {
    let mut bench = Bench::recording();
    let action = bench.machine.begin_new_bag(bench.now);
    assert_eq!(action, Some(Action::Interrupt));
    assert_eq!(bench.state(), RecordingState::Starting);
    assert_eq!(bench.fail("ended"), None);
    assert_eq!(bench.delay(), Duration::ZERO);
    bench.start();
}

#[test]
fn other_options_are_tried_at_once_after_a_failure() {
    let mut bench = Bench::recording();
    bench.fail("no such preset");
    assert_eq!(bench.machine.begin_new_bag(bench.now), None);
    bench.start();

    // The answer to an outdated preparation is not used.
    let mut preparing = Bench::new();
    preparing.pass(0);
    preparing.machine.begin_new_bag(preparing.now);
    assert_eq!(preparing.machine.on_prepared(Ok(()), preparing.now), None);
    preparing.start();
}

#[test]
fn stop_closes_the_bag_and_finishes_once() {
    let mut bench = Bench::recording();
    assert_eq!(bench.machine.stop(bench.now), Some(Action::Interrupt));
    assert_eq!(bench.machine.stop(bench.now), None);
    assert_eq!(bench.state(), RecordingState::Stopping);
    assert_eq!(bench.pass(59), None);
    assert_eq!(bench.pass(1), Some(Action::Kill));
    assert_eq!(bench.fail("killed by signal 9"), Some(Action::Finish));
    assert!(!bench.machine.is_stopped());
    assert_eq!(bench.pass(100), None);
    bench.machine.on_finished();
    assert!(bench.machine.is_stopped());
    assert_eq!(bench.state(), RecordingState::Stopping);
}

#[test]
fn stop_without_a_recorder_finishes_at_once() {
    let mut waiting = Bench::recording();
    waiting.fail("died");
    assert_eq!(waiting.machine.stop(waiting.now), Some(Action::Finish));

    let mut preparing = Bench::new();
    preparing.pass(0);
    assert_eq!(preparing.machine.stop(preparing.now), Some(Action::Finish));
    assert_eq!(preparing.machine.on_prepared(Ok(()), preparing.now), None);

    let mut paused = Bench::new();
    paused.machine.pause(paused.now);
    assert_eq!(paused.machine.stop(paused.now), Some(Action::Finish));
    assert_eq!(paused.machine.resume(paused.now), None);
    assert_eq!(paused.machine.begin_new_bag(paused.now), None);
}

#[test]
fn stop_while_a_deaf_recorder_ends_waits_for_its_end() {
    let mut bench = Bench::recording();
    bench.machine.on_problem("stalled".to_owned(), bench.now);
    assert_eq!(bench.machine.stop(bench.now), None);
    assert_eq!(bench.pass(5), Some(Action::Kill));
    assert_eq!(bench.fail("killed"), Some(Action::Finish));
}
