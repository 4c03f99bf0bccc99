//! Process of the stock recorder.

mod output;
mod programs;
#[cfg(test)]
pub(super) mod test_support;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::Level;
use procfs::process::{ProcState, Process};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use output::SharedFindings;
pub(super) use programs::{Programs, ProgramsError};

/// Time that what the process has started, and its output, may last longer than itself.
const REMAINS_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks at a process that is waited for.
const WAIT_INTERVAL: Duration = Duration::from_millis(5);

/// Running stock recorder.
///
/// To be started by a thread that lasts as long as the program: the kernel interrupts the stock recorder when that
/// thread ends.
#[derive(Debug)]
pub(super) struct RecorderProcess {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    told: SharedFindings,
    exit: Option<(ExitStatus, Instant)>,
    is_killed: bool,
}

impl RecorderProcess {
    /// Starts `ros2` with arguments. Its output goes into the log.
    pub(super) fn spawn(programs: &Programs, arguments: &[OsString]) -> io::Result<Self> {
        let mut child = programs
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let told = SharedFindings::default();
        let stdout = child.stdout.take().map(|output| {
            let told = told.clone();
            reader("recorder-stdout", move || {
                output::pass_on(output, Level::Info, &told);
            })
        });
        let stderr = child.stderr.take().map(|output| {
            let told = told.clone();
            reader("recorder-stderr", move || {
                output::pass_on(output, Level::Warn, &told);
            })
        });
        let mut process = Self {
            child,
            readers: Vec::new(),
            told,
            exit: None,
            is_killed: false,
        };
        // An error here drops the process, which interrupts it.
        for reader in [stdout, stderr].into_iter().flatten() {
            process.readers.push(reader?);
        }
        Ok(process)
    }

    /// Process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Messages that the stock recorder has reported as lost.
    pub(super) fn reported_lost(&self) -> u64 {
        self.told.lock().lost
    }

    /// True if the process has been stopped by a signal, or is being traced.
    pub(super) fn is_stopped(&self) -> bool {
        let status = i32::try_from(self.pid()).map(|pid| Process::new(pid)?.stat()?.state());
        matches!(status, Ok(Ok(ProcState::Stopped | ProcState::Tracing)))
    }

    /// Asks the stock recorder to close its bag and end. A stopped process goes on, to take the signal.
    pub(super) fn interrupt(&self) {
        signal_group(&self.child, Signal::INT);
        signal_group(&self.child, Signal::CONT);
    }

    /// Kills the stock recorder.
    pub(super) fn kill(&mut self) {
        self.is_killed = true;
        kill_group(&self.child);
    }

    /// True if it was killed by [`kill`](Self::kill).
    pub(super) fn is_killed(&self) -> bool {
        self.is_killed
    }

    /// Returns how the process ended, once everything that it has started has ended too and its output is read.
    pub(super) fn try_wait(&mut self, now: Instant) -> Option<Exit> {
        if self.exit.is_none() {
            // An error would mean that there is no such child, which cannot be while it has not been waited for.
            let status = self.child.try_wait().ok().flatten()?;
            self.exit = Some((status, now));
            if group_exists(&self.child) {
                signal_group(&self.child, Signal::INT);
            }
        }
        let (status, since) = self.exit?;
        let is_over = now.saturating_duration_since(since) >= REMAINS_LIMIT;
        let is_read = self.readers.iter().all(JoinHandle::is_finished);
        let has_remains = group_exists(&self.child);
        if !is_over && (has_remains || !is_read) {
            return None;
        }
        if has_remains {
            kill_group(&self.child);
        }
        Some(Exit {
            status,
            last_error: self.told.lock().last_error.clone(),
        })
    }
}

impl Drop for RecorderProcess {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.interrupt();
        }
    }
}

/// End of a process.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    status: ExitStatus,
    last_error: Option<String>,
}

impl Exit {
    /// True if the process ended by itself and reported success.
    pub(super) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// Describes the end in half a sentence.
    pub(super) fn describe(&self) -> String {
        let how = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("ended with exit code {code}"),
            (None, Some(signal)) => format!("was killed by signal {signal}"),
            (None, None) => "ended".to_owned(),
        };
        match &self.last_error {
            Some(error) => format!("{how} (its last error: {error})"),
            None => how,
        }
    }
}

fn reader(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
}

/// Process group of a child that was started as the leader of one.
fn group_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// Sends a signal. Fails only if the whole group has ended, which is what the signals are for.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = group_of(child) {
        kill_process_group(group, signal).ok();
    }
}

fn kill_group(child: &Child) {
    signal_group(child, Signal::KILL);
}

fn group_exists(child: &Child) -> bool {
    group_of(child).is_some_and(|group| test_kill_process_group(group).is_ok())
}

/// Waits for a child. `None` if it does not end until the deadline.
fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(WAIT_INTERVAL);
    }
}
