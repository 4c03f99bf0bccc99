//! Record of the frames of the measured part, as CSV.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// First line of the file.
const HEAD: &str = "client,number,before_ns,after_ns,points";

/// Frame that has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentFrame {
    pub(super) client: usize,
    pub(super) number: u32,
    /// `CLOCK_MONOTONIC` before the first byte was handed to the socket.
    pub(super) before_ns: i64,
    /// `CLOCK_MONOTONIC` after the socket had taken the last byte.
    pub(super) after_ns: i64,
    /// Points of each cloud.
    pub(super) points: usize,
}

/// Record of frames, written to a file.
pub(super) struct Record(Option<Mutex<BufWriter<File>>>);

impl Record {
    /// Creates the file, if one is wanted.
    pub(super) fn create(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{HEAD}")?;
        Ok(Self(Some(Mutex::new(file))))
    }

    /// Adds a frame.
    pub(super) fn add(&self, frame: SentFrame) -> io::Result<()> {
        let Some(file) = &self.0 else {
            return Ok(());
        };
        let SentFrame {
            client,
            number,
            before_ns,
            after_ns,
            points,
        } = frame;
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{client},{number},{before_ns},{after_ns},{points}")
    }

    /// Writes what has been added to the file.
    pub(super) fn flush(&self) -> io::Result<()> {
        let Some(file) = &self.0 else {
            return Ok(());
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
    }
}
