//! A shell script in the place of `ros2`, for tests.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGINT;
use signal_hook::flag::register_conditional_shutdown;
use tempfile::TempDir;

/// Patience of the tests with a busy machine.
pub(in crate::recorder) const PATIENCE: Duration = Duration::from_secs(60);

/// Folder with an executable `ros2`.
pub(in crate::recorder) struct Stub {
    folder: TempDir,
}

impl Stub {
    /// Writes a `ros2` that runs a shell script.
    ///
    /// Handles SIGINT in this process, as `sensr_recorder` does: tests in the background of a shell ignore it, and
    /// their children would inherit that.
    pub(in crate::recorder) fn new(script: &str) -> Self {
        let always = Arc::new(AtomicBool::new(true));
        register_conditional_shutdown(SIGINT, 130, always).expect("handled");
        let stub = Self {
            folder: tempfile::tempdir().expect("created"),
        };
        stub.replace(script);
        stub
    }

    /// Replaces the script for the next start.
    ///
    /// Another process writes it: a process that another test forks meanwhile would inherit the open file, and a file
    /// open for writing cannot be executed.
    pub(in crate::recorder) fn replace(&self, script: &str) {
        let write = "printf '#!/bin/bash\\n%s\\n' \"$1\" > \"$0.new\" && chmod +x \"$0.new\" && mv \"$0.new\" \"$0\"";
        let status = Command::new("sh")
            .args(["-c", write])
            .arg(self.folder.path().join("ros2"))
            .arg(script)
            .status()
            .expect("started");
        assert!(status.success());
    }

    /// Search path that finds the stub first.
    pub(in crate::recorder) fn path(&self) -> OsString {
        let mut path = self.folder.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        path
    }

    /// Folder of the script, for its own files.
    pub(in crate::recorder) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Waits until a condition holds.
pub(in crate::recorder) fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < deadline, "not seen: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
