//! What can go wrong with a simulated server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::bag::BagError;
use super::options::OptionsError;
use super::pcd::PcdError;
use super::tls::TlsError;

/// Why a simulated server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// An option has a value that is not allowed.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A scan to replay cannot be used.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A bag cannot be replayed.
    #[error(transparent)]
    Bag(#[from] BagError),
    /// TLS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port cannot be listened on. Another port may work.
    #[error("cannot listen on {address} for the {link} stream: {source}")]
    Listen {
        /// `points` or `output`.
        link: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A part of the server ended by a bug.
    #[error("{part} failed: {reason}")]
    Task {
        /// Which part.
        part: &'static str,
        /// What it left behind.
        reason: String,
    },
}

impl SimError {
    /// Is it what was asked for that cannot be done (as opposed to the machine's state)?
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        matches!(
            self,
            Self::Options(_) | Self::Replay(_) | Self::Bag(_) | Self::Tls(TlsError::Name { .. })
        )
    }
}

/// Why scans cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder holds no PCD file.
    #[error("no *.pcd file in {0}")]
    NoScans(PathBuf),
    /// The file is no PCD file with the needed fields.
    #[error("{path}: {source}")]
    Pcd {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PcdError,
    },
    /// The scan has no point that could be repeated.
    #[error("{path} has no points, so it cannot be resampled to {wanted}")]
    Empty {
        /// The file.
        path: PathBuf,
        /// The size asked for.
        wanted: usize,
    },
}
