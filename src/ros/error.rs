//! What ends the node.

use crate::config::ParameterError;
use crate::config::overrides::OverrideError;
use crate::config::resolve::ResolveError;

/// Why the node could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What stands behind `--ros-args` is wrong.
    #[error("ROS arguments: {0}")]
    Arguments(String),
    /// A parameter file or value given at start is wrong.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// Parameters do not fit together.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Parameters and files do not lead to a server.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A hosts file that may still come is not there yet. The running node waits for it.
    #[error("{0}")]
    Unresolved(String),
    /// The operating system refused something the node cannot do without.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// ROS refused something the node cannot do without.
    #[error("cannot {what}: {source}")]
    Ros {
        /// What was tried.
        what: String,
        /// Why not.
        source: r2r::Error,
    },
    /// A thread ended though nobody asked it to.
    #[error("the {thread} thread ended: {reason}")]
    Worker {
        /// Its name.
        thread: &'static str,
        /// Its last words.
        reason: String,
    },
    /// A thread hangs.
    #[error("the {thread} thread hangs")]
    Stuck {
        /// Its name.
        thread: &'static str,
    },
    /// Services, and with them parameters, answer no more.
    #[error("ROS does not wait for requests any more: rcl fails at once, again and again")]
    Spin,
}

impl Error {
    /// The exit code: 2 if starting again the same way cannot help, because what the user gave is wrong;
    /// else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Parameter(_) => 2,
            Self::Override(error) if !error.can_mend_itself() => 2,
            Self::Resolve(error) if !error.can_mend_itself() => 2,
            Self::Override(_)
            | Self::Resolve(_)
            | Self::Unresolved(_)
            | Self::System { .. }
            | Self::Ros { .. }
            | Self::Worker { .. }
            | Self::Stuck { .. }
            | Self::Spin => 1,
        }
    }

    /// For `map_err` behind an r2r call.
    pub(super) fn ros(what: impl Into<String>) -> impl FnOnce(r2r::Error) -> Self {
        let what = what.into();
        move |source| Self::Ros { what, source }
    }
}
