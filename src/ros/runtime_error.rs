//! Errors that end the node.

use std::time::Duration;

use crate::config::overrides::OverrideError;
use crate::config::resolve::ResolveError;
use crate::config::{ConfigError, ParameterError};
use crate::recorder::engine::RecorderError;
use crate::supervisor::workers::ThreadError;

/// Failure of something the node depends on. The process ends with exit code 1, and the launch file starts it again.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A file that is needed at start cannot be read yet.
    #[error("{0}")]
    UnreadableFile(String),
    /// The operating system refused a resource.
    #[error("cannot {action}: {source}")]
    System {
        /// Attempted action, as a verb phrase.
        action: &'static str,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// ROS refused a resource.
    #[error("cannot {action}: {source}")]
    Ros {
        /// Attempted action, as a verb phrase.
        action: String,
        /// Error of rcl.
        source: r2r::Error,
    },
    /// A thread ended or hangs.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// Services, and with them parameters, no longer respond.
    #[error("rcl_wait keeps failing; services no longer respond")]
    Wait,
    /// The stock recorder cannot be run.
    #[error("{0}")]
    Recorder(String),
    /// The recording did not end.
    #[error(
        "the recording has not stopped within {0:?}: the disk does not respond, or the stock recorder cannot be ended; repairs are made at the next start"
    )]
    StopTimeout(Duration),
}

impl RuntimeError {
    /// Wraps an error of r2r, for `map_err`.
    pub(super) fn ros(action: impl Into<String>) -> impl FnOnce(r2r::Error) -> Self {
        let action = action.into();
        move |source| Self::Ros { action, source }
    }
}

/// Reason why the node could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A restart does not help.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A restart may help.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl Error {
    /// Exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Runtime(_) => 1,
        }
    }
}

impl From<ParameterError> for Error {
    fn from(error: ParameterError) -> Self {
        ConfigError::from(error).into()
    }
}

impl From<ThreadError> for Error {
    fn from(error: ThreadError) -> Self {
        RuntimeError::from(error).into()
    }
}

impl From<OverrideError> for Error {
    fn from(error: OverrideError) -> Self {
        if error.is_transient() {
            RuntimeError::UnreadableFile(error.to_string()).into()
        } else {
            ConfigError::Override(error).into()
        }
    }
}

impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Self {
        if error.is_transient() {
            RuntimeError::UnreadableFile(error.to_string()).into()
        } else {
            ConfigError::Resolve(error).into()
        }
    }
}

impl From<RecorderError> for Error {
    fn from(error: RecorderError) -> Self {
        match error {
            RecorderError::Invalid(reason) => ConfigError::Recorder(reason).into(),
            RecorderError::Failed(reason) => RuntimeError::Recorder(reason).into(),
        }
    }
}
