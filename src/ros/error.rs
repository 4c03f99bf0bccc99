//! What ends the node.

use std::path::PathBuf;

use crate::config::ParameterError;
use crate::config::hosts::HostsError;
use crate::config::overrides::OverrideError;
use crate::sensr::tls::CaFileError;

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
    /// The hosts file is wrong.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// `host` is neither a site nor an address.
    #[error(
        "host {host} is neither a site of {} (it has: {known}) nor an address{near}; a host name without a \
         dot must be the address of a site there",
        hosts_file.display()
    )]
    UnknownSite {
        /// The host.
        host: String,
        /// Where it was looked for.
        hosts_file: PathBuf,
        /// The sites there.
        known: String,
        /// One with nearly that name. Empty if there is none.
        near: String,
    },
    /// The CA file of TLS cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
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
            Self::Arguments(_)
            | Self::Override(_)
            | Self::Parameter(_)
            | Self::Hosts(_)
            | Self::UnknownSite { .. }
            | Self::CaFile(_) => 2,
            Self::System { .. }
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
