//! Standard output, kept for the findings alone.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

/// Standard output of the program. What libraries write to it, as Fast DDS does with errors in its profile, goes to
/// standard error, so that a JSON document on standard output stays one.
#[derive(Debug)]
pub(super) struct FindingsOutput {
    /// The original standard output. `None` if it could not be set apart: then libraries write to it too.
    kept: Option<File>,
}

impl FindingsOutput {
    /// Sets standard output apart. To be called before libraries start threads, and once in a process.
    pub(super) fn take() -> Self {
        Self {
            kept: set_apart().ok(),
        }
    }

    /// True on a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.kept
            .as_ref()
            .map_or_else(|| io::stdout().is_terminal(), File::is_terminal)
    }

    /// Writes a text as a whole.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        match &mut self.kept {
            Some(file) => file.write_all(text.as_bytes()),
            None => io::stdout().lock().write_all(text.as_bytes()),
        }
    }
}

fn set_apart() -> io::Result<File> {
    let kept = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(kept.into())
}
