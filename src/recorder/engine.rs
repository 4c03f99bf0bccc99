//! The recorder: keeps the stock recorder running, and the recording within its limits.

mod health;
mod memory_trend;
mod reporting;
mod supervision;
#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::account::PublishedCounts;
use super::child::{Programs, ProgramsError, RecorderProcess};
use super::command;
use super::features::RecorderFeatures;
use super::files::{Files, FilesSnapshot, FilesTimes, Prepared, Request, Setup};
use super::report::RecordingState;
use super::state::{Machine, StateTimes};
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
    look: Option<FilesSnapshot>,

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
            self.files.send(Request::Refresh);
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
}
