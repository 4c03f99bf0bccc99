//! Errors of the simulator.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::bag::BagError;
use super::options::OptionsError;
use super::pcd::PcdError;
use super::tls::TlsError;

/// Error of starting or running a simulated server.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// An option has an invalid value.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A scan cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A bag cannot be replayed.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// The TLS certificate or configuration cannot be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port cannot be opened. Another port may work.
    #[error("cannot listen on {address} for the {link} stream: {source}")]
    Listen {
        /// `points` or `output`.
        link: &'static str,
        /// Requested address.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A task panicked or ended unexpectedly, which is a bug.
    #[error("{part} failed: {reason}")]
    Task {
        /// Name of the task.
        part: &'static str,
        /// Panic message or description.
        reason: String,
    },
}

impl SimError {
    /// Returns whether the request is at fault (as opposed to the state of the machine).
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        matches!(
            self,
            Self::Options(_) | Self::Replay(_) | Self::Bag(_) | Self::Tls(TlsError::Name { .. })
        )
    }
}

/// Error of replaying scans.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Path that was read.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The folder holds no PCD file.
    #[error("no *.pcd file in {0}")]
    NoScans(PathBuf),
    /// The file is no PCD file with the required fields.
    #[error("{path}: {source}")]
    Pcd {
        /// Path of the file.
        path: PathBuf,
        /// Parse error.
        source: PcdError,
    },
    /// The scan has no point that resampling could repeat.
    #[error("{path} has no points, so it cannot be resampled to {wanted}")]
    Empty {
        /// Path of the file.
        path: PathBuf,
        /// Requested number of points.
        wanted: usize,
    },
}
