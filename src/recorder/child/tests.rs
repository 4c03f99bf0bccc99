use super::test_support::{Stub, wait_for};
use super::*;

fn spawn(stub: &Stub) -> RecorderProcess {
    let programs = Programs::find(&stub.path()).expect("found");
    RecorderProcess::spawn(&programs, &["bag".into(), "record".into()]).expect("started")
}

fn wait(process: &mut RecorderProcess) -> Exit {
    wait_for("end of the process", || process.try_wait(Instant::now()))
}

/// Waits for a line that the script appends to a file in its folder.
fn wait_for_file(stub: &Stub, name: &str) {
    let file = stub.folder().join(name);
    wait_for(name, || file.exists().then_some(()));
}

#[test]
fn exit_is_described_with_the_last_error() {
    let stub = Stub::new("echo '[ERROR] [1.0] [r]: no such preset' >&2; exit 3");
    let exit = wait(&mut spawn(&stub));
    assert!(!exit.is_success());
    assert_eq!(
        exit.describe(),
        "ended with exit code 3 (its last error: no such preset)"
    );
}

#[test]
fn reports_of_lost_messages_are_counted() {
    let stub = Stub::new("echo 'Total lost: 5' >&2; echo 'Total lost: 9' >&2");
    let mut process = spawn(&stub);
    assert!(wait(&mut process).is_success());
    assert_eq!(process.reported_lost(), 9);
}

#[test]
fn recorder_ends_in_order_when_interrupted() {
    let stub = Stub::new(
        "cd \"${0%/*}\"; trap 'touch closed; exit 0' INT; touch ready; while :; do sleep 0.01; done",
    );
    let mut process = spawn(&stub);
    wait_for_file(&stub, "ready");
    assert!(process.try_wait(Instant::now()).is_none());
    process.interrupt();
    assert!(wait(&mut process).is_success());
    assert!(stub.folder().join("closed").exists());
    assert!(!process.is_killed());
}

#[test]
fn deaf_recorder_and_what_it_started_are_killed() {
    let stub = Stub::new(
        "cd \"${0%/*}\"; trap '' INT; sleep 1000 & echo $! > other.new; mv other.new other; wait",
    );
    let mut process = spawn(&stub);
    wait_for_file(&stub, "other");
    process.interrupt();
    assert!(process.try_wait(Instant::now()).is_none());
    process.kill();
    let exit = wait(&mut process);
    assert_eq!(exit.describe(), "was killed by signal 9");
    assert!(process.is_killed());
    let other = std::fs::read_to_string(stub.folder().join("other")).unwrap();
    let other: i32 = other.trim().parse().unwrap();
    wait_for("end of the other process", || {
        let state = Process::new(other).and_then(|process| process.stat()?.state());
        (!matches!(state, Ok(state) if state != ProcState::Zombie)).then_some(())
    });
}

#[test]
fn stopped_recorder_is_seen_and_interrupted_all_the_same() {
    let stub =
        Stub::new("cd \"${0%/*}\"; trap 'exit 0' INT; touch ready; while :; do sleep 0.01; done");
    let mut process = spawn(&stub);
    wait_for_file(&stub, "ready");
    assert!(!process.is_stopped());
    signal_group(&process.child, Signal::STOP);
    wait_for("stop", || process.is_stopped().then_some(()));
    process.interrupt();
    assert!(wait(&mut process).is_success());
}

#[test]
fn recorder_is_interrupted_when_its_starter_is_gone() {
    let stub = Stub::new(
        "cd \"${0%/*}\"; trap 'touch closed; exit 0' INT; touch ready; while :; do sleep 0.01; done",
    );
    drop({
        let process = spawn(&stub);
        wait_for_file(&stub, "ready");
        process
    });
    wait_for_file(&stub, "closed");
}
