//! The recorder: keeps the stock recorder running, and the recording within its limits.

mod health;
mod memory_trend;
#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::account::PublishedCounts;
use super::child::{Exit, Programs, ProgramsError, RecorderProcess};
use super::command;
use super::features::RecorderFeatures;
use super::files::{Event, Files, FilesTimes, Look, Prepared, Request, Setup};
use super::report::{RecordingReport, RecordingState};
use super::state::{Action, Machine, StateTimes};
use crate::config::RecorderConfig;
use crate::environment;
use crate::time::log_throttle::RepeatThrottle;
use crate::time::stamp::Stamp;
use health::{Health, HealthTimes};
use memory_trend::MemoryTrend;

/// Time in which the same failure is logged once.
const REPEAT_PERIOD: Duration = Duration::from_secs(300);

/// Reason why the recorder cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The configuration, or the installed stock recorder, cannot do what is asked for. Starting again does not help.
    #[error("{0}")]
    Invalid(String),
    /// Any other failure. Starting again may help.
    #[error("{0}")]
    Failed(String),
}

impl From<ProgramsError> for RecorderError {
    fn from(error: ProgramsError) -> Self {
        match error {
            ProgramsError::NoRos2 | ProgramsError::NoBag { .. } => Self::Invalid(error.to_string()),
            ProgramsError::NotRunnable { .. } => Self::Failed(error.to_string()),
        }
    }
}

/// Way in which the open split is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitMethod {
    /// The service `split_bagfile` of the stock recorder's node is to be called. If that fails,
    /// [`Recorder::begin_new_bag`] does it.
    Service {
        /// Absolute name of the node.
        node_name: String,
    },
    /// The recording goes on in a new bag; nothing is left to do.
    NewBag,
}

/// Time limits of the recorder.
#[derive(Debug, Clone, Copy)]
struct Times {
    state: StateTimes,
    files: FilesTimes,
    health: HealthTimes,
    /// Time for the answer to `ros2 bag record --help`.
    help: Duration,
    /// Time without a report of the files thread after which the disk counts as hanging.
    silence: Duration,
    /// Time from the beginning of the stop until the last bag has to be complete: a little more than the stock recorder
    /// has to close it.
    finish: Duration,
    /// Limit of the whole stop, also with a disk that does not respond.
    stop: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            state: StateTimes::default(),
            files: FilesTimes::default(),
            health: HealthTimes::default(),
            help: Duration::from_secs(30),
            silence: Duration::from_secs(15),
            finish: Duration::from_secs(64),
            stop: Duration::from_secs(66),
        }
    }
}

/// Supervisor of the stock recorder of one bridge.
///
/// No method blocks, except [`start`](Self::start). To be polled by a thread that lasts as long as the program.
#[derive(Debug)]
pub struct Recorder {
    config: RecorderConfig,
    namespace: String,
    features: RecorderFeatures,
    programs: Programs,
    times: Times,
    started: Instant,

    machine: Machine,
    /// Time at which the stop began.
    stop_began: Option<Instant>,
    files: Files,
    last_answer: Instant,
    is_silent: bool,
    look: Option<Look>,

    /// Preparations that have not been answered. Only the last one counts.
    preparations: u32,
    prepared: Option<Prepared>,
    process: Option<RunningProcess>,
    health: Health,
    starts: u32,
    /// Messages that ended processes reported as lost.
    lost_before: u64,
    last_failure: String,

    state: (RecordingState, String),
    state_since: Stamp,
    throttle: RepeatThrottle,
}

#[derive(Debug)]
struct RunningProcess {
    process: RecorderProcess,
    memory: MemoryTrend,
}

impl Recorder {
    /// Starts recording. Asks the stock recorder once for its options, which takes seconds.
    ///
    /// SIGINT must not be ignored, or the stock recorder ignores it too.
    pub fn start(config: RecorderConfig, namespace: &str) -> Result<Self, RecorderError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let settings_dir = environment::log_folder().unwrap_or_else(|_| env::temp_dir());
        Self::start_with(config, namespace, &path, settings_dir, Times::default())
    }

    fn start_with(
        config: RecorderConfig,
        namespace: &str,
        path: &std::ffi::OsStr,
        settings_dir: PathBuf,
        times: Times,
    ) -> Result<Self, RecorderError> {
        let programs = Programs::find(path)?;
        let features = RecorderFeatures::parse(&programs.help(times.help)?);
        features.check(&config).map_err(RecorderError::Invalid)?;
        if !programs.bind_lifetime() {
            log::warn!(
                "setpriv is not installed, so the stock recorder goes on if this process is killed; install the package util-linux"
            );
        }
        let setup = Setup {
            config: config.clone(),
            namespace: namespace.to_owned(),
            features: features.clone(),
            settings_dir,
            times: times.files,
        };
        let files = Files::spawn(setup).map_err(|error| {
            RecorderError::Failed(format!(
                "cannot start a thread: {error}; check the limit of threads"
            ))
        })?;
        let now = Instant::now();
        let machine = Machine::new(now, times.state, config.restart);
        let (state, reason) = machine.state();
        Ok(Self {
            health: Health::new(times.health, &features),
            state: (state, reason.to_owned()),
            config,
            namespace: namespace.to_owned(),
            features,
            programs,
            times,
            started: now,
            machine,
            stop_began: None,
            files,
            last_answer: now,
            is_silent: false,
            look: None,
            preparations: 0,
            prepared: None,
            process: None,
            starts: 0,
            lost_before: 0,
            last_failure: String::new(),
            state_since: Stamp::now(),
            throttle: RepeatThrottle::new(REPEAT_PERIOD),
        })
    }

    /// Checks that the installed stock recorder can do what a configuration asks for. The error has the cure.
    pub fn check(&self, config: &RecorderConfig) -> Result<(), String> {
        self.features.check(config)
    }

    /// Applies another configuration. The recording goes on in a new bag if the command line changes.
    pub fn apply(&mut self, config: RecorderConfig) {
        if config == self.config {
            return;
        }
        let needs_new_bag = config.output_dir != self.config.output_dir
            || self.command_line(&config) != self.command_line(&self.config);
        self.machine.set_delays(config.restart);
        self.files
            .send(Request::Configure(Box::new(config.clone())));
        self.config = config;
        if needs_new_bag {
            self.begin_new_bag();
        }
    }

    /// Composes the command line for comparison.
    fn command_line(&self, config: &RecorderConfig) -> Vec<OsString> {
        let path = Path::new("/");
        let files = command::Files {
            bag: path,
            qos: path,
            storage: Some(path),
        };
        command::record_command(&self.namespace, config, &self.features, &files)
    }

    /// Takes the counters of the bridge, once per second. `published_bytes` counts the recorded topics only.
    pub fn on_statistics(&mut self, counts: PublishedCounts) {
        self.health
            .on_published(counts.published_bytes, Instant::now());
        self.files.send_statistics(counts);
    }

    /// Takes a message of `events/write_split`, of any recorder.
    pub fn on_write_split(&mut self, closed: &Path, opened: &Path) {
        let bag = self
            .prepared
            .as_ref()
            .map(|prepared| prepared.bag.as_path());
        if bag.is_some() && (closed.parent() == bag || opened.parent() == bag) {
            self.files.send(Request::Look);
        }
    }

    /// Closes the open split, or tells how. Fails, with the reason, if nothing is being recorded.
    pub fn split(&mut self) -> Result<SplitMethod, String> {
        let (state, reason) = self.machine.state();
        if state != RecordingState::Recording {
            return Err(format!("nothing is being recorded: {reason}"));
        }
        if let Some(node_name) = command::split_service_node(&self.namespace, &self.features) {
            return Ok(SplitMethod::Service { node_name });
        }
        self.begin_new_bag();
        Ok(SplitMethod::NewBag)
    }

    /// Goes on recording in a new bag.
    pub fn begin_new_bag(&mut self) {
        let now = Instant::now();
        let action = self.machine.begin_new_bag(now);
        self.act(action, now);
    }

    /// Pauses the recording. Fails while stopping.
    pub fn pause(&mut self) -> Result<(), String> {
        self.check_not_stopping()?;
        let now = Instant::now();
        let action = self.machine.pause(now);
        self.act(action, now);
        Ok(())
    }

    /// Resumes the recording. Fails while stopping.
    pub fn resume(&mut self) -> Result<(), String> {
        self.check_not_stopping()?;
        let now = Instant::now();
        let action = self.machine.resume(now);
        self.act(action, now);
        Ok(())
    }

    fn check_not_stopping(&self) -> Result<(), String> {
        if self.machine.is_stopping() {
            return Err("sensr_recorder is shutting down; start it again".to_owned());
        }
        Ok(())
    }

    /// Begins to stop: ends the stock recorder in order, takes the last accounts.
    pub fn begin_stop(&mut self) {
        let now = Instant::now();
        self.stop_began.get_or_insert(now);
        let action = self.machine.stop(now);
        self.act(action, now);
        self.note_state();
    }

    /// True once everything is stopped and on the disk.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.machine.is_stopped()
    }

    /// Observes the stock recorder and does what is due, every 0.1 s.
    ///
    /// # Panics
    ///
    /// If the thread with all access to the file system has panicked.
    pub fn poll(&mut self, now: Instant) {
        while let Some(event) = self.files.try_next() {
            self.last_answer = now;
            self.on_files(event, now);
        }
        self.observe_silence(now);
        self.observe_stop(now);
        self.observe_process(now);
        self.observe_health(now);
        if self.look.is_some() {
            let action = self.machine.tick(now);
            self.act(action, now);
        }
        self.note_state();
    }

    fn on_files(&mut self, event: Event, now: Instant) {
        match event {
            Event::Prepared(result) => {
                self.preparations -= 1;
                if self.preparations > 0 {
                    return;
                }
                let result = result.map(|prepared| self.prepared = Some(prepared));
                if let Err(reason) = &result {
                    self.note_failure(reason, now);
                }
                let action = self.machine.on_prepared(result, now);
                self.act(action, now);
            }
            Event::Look(look) => {
                let full = look.full.clone();
                self.look = Some(*look);
                let action = self.machine.on_disk(full, now);
                self.act(action, now);
            }
            Event::Finished => self.machine.on_finished(),
        }
    }

    fn act(&mut self, action: Option<Action>, now: Instant) {
        match action {
            None => {}
            Some(Action::Prepare) => {
                self.preparations += 1;
                self.files.send(Request::Prepare);
            }
            Some(Action::Start) => self.start_process(now),
            Some(Action::Interrupt) => {
                if let Some(running) = &self.process {
                    running.process.interrupt();
                }
            }
            Some(Action::Kill) => self.kill_process(),
            Some(Action::Finish) => {
                let deadline = self.stop_began.unwrap_or(now) + self.times.finish;
                self.files.send(Request::Finish { deadline });
            }
        }
    }

    fn start_process(&mut self, now: Instant) {
        let Some(prepared) = &self.prepared else {
            return;
        };
        let result = RecorderProcess::spawn(&self.programs, &prepared.arguments).map_err(|error| {
            format!(
                "cannot start the stock recorder: {error}; check the limits of processes and memory"
            )
        });
        let result = match result {
            Ok(process) => {
                log::info!(
                    "the stock recorder (process {}) records to {}",
                    process.pid(),
                    prepared.bag.display()
                );
                self.starts += 1;
                self.health.begin(now);
                self.process = Some(RunningProcess {
                    process,
                    memory: MemoryTrend::new(now),
                });
                Ok(())
            }
            Err(reason) => {
                self.note_failure(&reason, now);
                self.end_bag(false);
                Err(reason)
            }
        };
        let action = self.machine.on_started(result, now);
        self.act(action, now);
    }

    fn kill_process(&mut self) {
        if let Some(running) = &mut self.process {
            log::error!(
                "the stock recorder (process {}) did not end when interrupted and is killed; its open split will be \
                 repaired",
                running.process.pid()
            );
            running.process.kill();
        }
    }

    /// Tells the files thread that the stock recorder has ended.
    fn end_bag(&mut self, is_in_order: bool) {
        self.prepared = None;
        let state = self.machine.state().0;
        self.files.send(Request::BagEnded {
            is_in_order,
            is_paused: matches!(state, RecordingState::Paused | RecordingState::DiskFull),
        });
    }

    fn observe_process(&mut self, now: Instant) {
        let Some(running) = &mut self.process else {
            return;
        };
        if let Some(exit) = running.process.try_wait(now) {
            self.lost_before += running.process.reported_lost();
            let is_killed = running.process.is_killed();
            self.process = None;
            self.on_exit(&exit, is_killed, now);
            return;
        }
        if let Some(bytes) = self.health.observe_process(&running.process, now) {
            running.memory.add(now, bytes);
        }
    }

    fn on_exit(&mut self, exit: &Exit, is_killed: bool, now: Instant) {
        self.end_bag(exit.is_success() && !is_killed);
        let reason = format!(
            "the stock recorder {}; see its lines in the log",
            exit.describe()
        );
        if self.machine.is_running() {
            self.note_failure(&reason, now);
        } else if exit.is_success() {
            log::info!("the stock recorder has closed its bag");
        } else {
            log::warn!("the stock recorder {} at its end", exit.describe());
        }
        let action = self.machine.on_exited(reason, now);
        self.act(action, now);
    }

    fn observe_health(&mut self, now: Instant) {
        if !self.machine.is_running() {
            return;
        }
        let bag = self.prepared.as_ref().map(|prepared| &prepared.bag);
        let look = self.look.as_ref().and_then(|look| look.bag.as_ref());
        let look = look.filter(|look| Some(&look.folder) == bag);
        if self.health.observe_bag(look, now) {
            self.machine.on_written(now);
        }
        // While nothing is known about the files, nothing is concluded from that.
        let seen = self.look.as_ref().map_or(self.started, |look| look.at);
        let is_starting = self.machine.is_starting();
        let problem =
            self.health
                .problem(look, is_starting, self.config.stall_timeout, (seen, now));
        if let Some(problem) = problem {
            self.note_failure(&problem, now);
            let action = self.machine.on_problem(problem, now);
            self.act(action, now);
        }
    }

    /// Notes whether the files thread still answers.
    fn observe_silence(&mut self, now: Instant) {
        let silence = now.saturating_duration_since(self.last_answer);
        let is_silent = silence >= self.times.silence && !self.machine.is_stopped();
        if is_silent && !self.is_silent {
            log::error!("{}", self.silence_reason());
        } else if !is_silent && self.is_silent {
            log::info!(
                "the disk of {} responds again",
                self.config.output_dir.display()
            );
        }
        self.is_silent = is_silent;
    }

    /// Gives up a stop that takes too long.
    fn observe_stop(&mut self, now: Instant) {
        let is_over = self
            .stop_began
            .is_some_and(|began| now >= began + self.times.stop);
        if !is_over || self.machine.is_stopped() {
            return;
        }
        if let Some(running) = self.process.take() {
            log::error!(
                "the stock recorder (process {}) cannot be killed and is left behind; check the disk, for which it waits",
                running.process.pid()
            );
        }
        log::error!(
            "the disk of {} does not respond; the last splits are completed at the next start of sensr_recorder",
            self.config.output_dir.display()
        );
        self.machine.on_finished();
    }

    fn silence_reason(&self) -> String {
        format!(
            "the disk of {} does not respond; check the disk, or its network",
            self.config.output_dir.display()
        )
    }

    fn note_failure(&mut self, reason: &str, now: Instant) {
        reason.clone_into(&mut self.last_failure);
        // The same failure with other figures is a repetition.
        let kind: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        if let Some(suppressed) = self.throttle.try_acquire(&kind, now) {
            log::error!("{reason}; the recording is started again{suppressed}");
        }
    }

    /// Current state with its reason.
    fn current_state(&self) -> (RecordingState, String) {
        let (state, reason) = self.machine.state();
        if self.is_silent && state != RecordingState::Stopping {
            return (RecordingState::Retrying, self.silence_reason());
        }
        (state, reason.to_owned())
    }

    /// Notes a change of the state, and logs it.
    fn note_state(&mut self) {
        let current = self.current_state();
        if current.0 != self.state.0 {
            self.state_since = Stamp::now();
            log_state(&current);
        }
        self.state = current;
    }

    /// Returns the state and figures at `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> RecordingReport {
        let look = self.look.clone().unwrap_or_else(|| Look::new(now));
        let bag = self.prepared.as_ref().map(|prepared| prepared.bag.clone());
        let split = look
            .bag
            .filter(|seen| Some(&seen.folder) == bag.as_ref())
            .and_then(|seen| seen.split);
        let disk = look.disk;
        let running = self.process.as_ref();
        let lost = running.map_or(0, |running| running.process.reported_lost());
        RecordingReport {
            stamp_ns: ns(Stamp::now()),
            version: env!("CARGO_PKG_VERSION"),
            uptime: now.saturating_duration_since(self.started),
            state: self.state.0,
            state_since_ns: ns(self.state_since),
            reason: self.state.1.clone(),
            bag: bag.filter(|_| running.is_some()),
            split_since_ns: split
                .as_ref()
                .map_or(0, |split| ns(Stamp::from(split.since))),
            split_bytes: split.as_ref().map_or(0, |split| split.bytes),
            split: split.map(|split| split.name),
            splits_opened: look.splits_opened,
            closed_splits: look.closed_splits,
            closed_bytes: look.closed_bytes,
            deleted_splits: look.deleted_splits,
            deleted_bytes: look.deleted_bytes,
            bytes_per_second: look.bytes_per_second,
            disk_free_bytes: disk.map_or(0, |disk| disk.free_bytes),
            disk_size_bytes: disk.map_or(0, |disk| disk.size_bytes),
            min_free_bytes: look.floor_bytes,
            time_left: look.time_left,
            recorder_pid: running.map(|running| running.process.pid()),
            recorder_rss_bytes: running.map_or(0, |running| running.memory.latest()),
            recorder_rss_growth: running.map_or(0.0, |running| running.memory.growth()),
            recorder_starts: self.starts,
            last_failure: self.last_failure.clone(),
            reported_lost: self.lost_before + lost,
            missing: look.missing,
            last_split: look.last_split,
            topics: look.topics,
        }
    }
}

fn ns(stamp: Stamp) -> u64 {
    u64::try_from(stamp.as_ns()).unwrap_or(0)
}

/// Logs a change of the state.
fn log_state((state, reason): &(RecordingState, String)) {
    match state {
        // Failures and the start of the process have lines of their own.
        RecordingState::Starting | RecordingState::Retrying => {}
        RecordingState::Recording => log::info!("recording: messages reach the disk"),
        RecordingState::DiskFull => log::error!("recording is paused: {reason}"),
        RecordingState::Paused => log::info!("recording is {reason}"),
        RecordingState::Stopping => log::info!("{reason}"),
    }
}
