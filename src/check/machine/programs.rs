//! Programs of the machine that are asked.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::System;

/// Time in which a program must answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest answer that is read, bytes. Less than a pipe holds, so that no program waits for the reader.
const MAX_ANSWER: u64 = 32 << 10;
/// Pause between two looks at a program.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Finds a program in the search path of the machine.
pub(super) fn find(system: &System, name: &str) -> Option<PathBuf> {
    let folders = std::env::split_paths(system.variable("PATH")?);
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// Runs a program and returns its output. `None` if there is none, if it fails, or if it does not end in ten seconds.
pub(super) fn run(system: &System, name: &str, arguments: &[&str]) -> Option<String> {
    run_within(LIMIT, system, name, arguments)
}

fn run_within(limit: Duration, system: &System, name: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(find(system, name)?)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let is_success = wait(&mut child, limit);
    let mut answer = Vec::new();
    let output = child.stdout.take().filter(|_| is_success)?;
    output.take(MAX_ANSWER).read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// Waits for the end of a program, which is killed if it takes too long. Returns whether it succeeded.
fn wait(child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(POLL_INTERVAL),
            Err(_) => break,
        }
    }
    // It fails only if the program has ended meanwhile.
    child.kill().ok();
    child.wait().ok();
    false
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;

    fn answer(limit: Duration, script: &str) -> Option<String> {
        let machine = TestMachine::new();
        machine.write_program("/bin/tool", script);
        let system = machine.system_with(&[("PATH", &machine.folder("/bin"))]);
        run_within(limit, &system, "tool", &["one", "two"])
    }

    #[test]
    fn the_answer_is_the_output_of_a_program_that_succeeds() {
        assert_eq!(
            answer(LIMIT, "echo $LC_ALL $*").as_deref(),
            Some("C one two\n")
        );
        assert_eq!(answer(LIMIT, "echo no; exit 1"), None);
        let machine = TestMachine::new();
        assert_eq!(run(&machine.system(), "tool", &[]), None);
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        assert_eq!(answer(Duration::from_millis(50), "exec sleep 1000"), None);
    }
}
