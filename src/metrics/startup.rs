//! Phases of the start: when each was complete, and the memory of the process at that time.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use procfs::process::Process;
use procfs::{Current as _, Uptime};

use super::process_memory::ProcessMemory;

/// Largest credible age of a process that reads its own age when it starts. In some containers the system reports
/// another time than that of its processes; a larger age comes from there.
const MAX_AGE: Duration = Duration::from_secs(60);

/// A phase of the start, complete when what its name says exists or has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Arguments and parameter files are read.
    Settings,
    /// The node exists, with its parameters and services.
    Node,
    /// The publishers and all threads exist.
    Publishers,
    /// The first link was established.
    FirstConnection,
    /// The first cloud was published.
    FirstCloud,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 5] = [
        Self::Settings,
        Self::Node,
        Self::Publishers,
        Self::FirstConnection,
        Self::FirstCloud,
    ];

    /// Returns the name of the phase, as in `StartupPhase.msg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Node => "node",
            Self::Publishers => "publishers",
            Self::FirstConnection => "first connection",
            Self::FirstCloud => "first cloud",
        }
    }
}

/// Completion of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedPhase {
    /// Phase.
    pub phase: Phase,
    /// Time since the start of the process.
    pub elapsed: Duration,
    /// Resident memory of the process at that time, bytes. 0 where the system does not report it.
    pub rss_bytes: u64,
}

impl fmt::Display for CompletedPhase {
    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, megabytes) = (self.elapsed.as_secs_f64(), self.rss_bytes as f64 / 1e6);
        write!(f, "{} {seconds:.2} s {megabytes:.1} MB", self.phase.name())
    }
}

/// Phases of the start of this process. Each is entered once, by the thread that completes it.
#[derive(Debug)]
pub struct Startup {
    process_start: Instant,
    phases: [OnceLock<CompletedPhase>; Phase::ALL.len()],
}

impl Startup {
    /// Begins with the start of this process, which was before the call. Where the system does not tell its time, it is
    /// the call itself.
    #[must_use]
    pub fn of_this_process() -> Self {
        let now = Instant::now();
        let age = process_age().filter(|age| *age <= MAX_AGE);
        let process_start = age.and_then(|age| now.checked_sub(age)).unwrap_or(now);
        Self::since(process_start)
    }

    fn since(process_start: Instant) -> Self {
        Self {
            process_start,
            phases: Default::default(),
        }
    }

    /// Enters that a phase is complete, and logs all phases after the last of them. From the second call on it costs one
    /// atomic load.
    pub fn complete(&self, phase: Phase) {
        let entry = &self.phases[phase as usize];
        if entry.get().is_some() {
            return;
        }
        let completed = CompletedPhase {
            phase,
            elapsed: self.process_start.elapsed(),
            rss_bytes: ProcessMemory::of_this_process().map_or(0, |memory| memory.rss_bytes),
        };
        // Two links may be established at the same moment.
        if entry.set(completed).is_ok() && phase == Phase::FirstCloud {
            let phases: Vec<String> = self.completed().map(ToString::to_string).collect();
            log::info!(
                "start complete, times since the start of the process: {}",
                phases.join(", ")
            );
        }
    }

    /// Returns the phases that are complete, in the order of [`Phase::ALL`].
    pub fn completed(&self) -> impl Iterator<Item = &CompletedPhase> {
        self.phases.iter().filter_map(OnceLock::get)
    }
}

impl Default for Startup {
    /// Begins now.
    fn default() -> Self {
        Self::since(Instant::now())
    }
}

/// Returns the time since the start of this process. `None` where the system does not report it, or something impossible.
fn process_age() -> Option<Duration> {
    let stat = Process::myself().ok()?.stat().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "below 2^53 for ages")]
    let started = stat.starttime as f64 / procfs::ticks_per_second() as f64;
    let uptime = Uptime::current().ok()?.uptime;
    Duration::try_from_secs_f64(uptime - started).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_is_entered_once_with_time_and_memory() {
        let startup = Startup::default();
        assert_eq!(startup.completed().count(), 0);
        for phase in Phase::ALL {
            startup.complete(phase);
        }
        let first: Vec<CompletedPhase> = startup.completed().copied().collect();
        assert_eq!(
            first.iter().map(|entry| entry.phase).collect::<Vec<_>>(),
            Phase::ALL
        );
        assert!(first.is_sorted_by_key(|entry| entry.elapsed));
        assert!(first.iter().all(|entry| entry.rss_bytes > 0));
        for phase in Phase::ALL {
            startup.complete(phase);
        }
        assert_eq!(startup.completed().copied().collect::<Vec<_>>(), first);
    }

    #[test]
    fn phases_that_were_not_reached_are_left_out() {
        let startup = Startup::default();
        startup.complete(Phase::FirstConnection);
        startup.complete(Phase::Settings);
        let phases: Vec<Phase> = startup.completed().map(|entry| entry.phase).collect();
        assert_eq!(phases, [Phase::Settings, Phase::FirstConnection]);
    }

    #[test]
    fn a_phase_completed_by_several_threads_at_once_is_entered_once() {
        let startup = Startup::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| startup.complete(Phase::FirstConnection));
            }
        });
        assert_eq!(startup.completed().count(), 1);
    }

    #[test]
    fn times_begin_with_the_process() {
        let before = process_age().expect("Linux");
        // The system counts in hundredths of a second.
        let resolution = Duration::from_millis(20);
        let elapsed = Startup::of_this_process().process_start.elapsed();
        // Tests may run longer than the start of a process is believed to take.
        assert!(elapsed + resolution >= before || before > MAX_AGE);
        assert!(elapsed <= process_age().expect("Linux") + resolution);
    }

    #[test]
    fn a_phase_is_written_with_its_unit() {
        let phase = CompletedPhase {
            phase: Phase::FirstCloud,
            elapsed: Duration::from_millis(1234),
            rss_bytes: 45_678_901,
        };
        assert_eq!(phase.to_string(), "first cloud 1.23 s 45.7 MB");
    }
}
