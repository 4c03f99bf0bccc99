//! Machine made of files, for tests.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::System;

/// Folder that stands for the root folder of a machine.
pub(super) struct TestMachine(TempDir);

impl TestMachine {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, given by its absolute path on the machine.
    pub(super) fn write(&self, path: &str, content: &str) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a shell script.
    ///
    /// Another process writes it: a process that another test forks meanwhile would inherit the open file, and a file
    /// open for writing cannot be executed.
    pub(super) fn write_program(&self, path: &str, script: &str) {
        let write = "mkdir -p \"$(dirname \"$0\")\" && printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0.new\" \
                     && chmod +x \"$0.new\" && mv \"$0.new\" \"$0\"";
        let status = Command::new("sh")
            .args(["-c", write, &self.folder(path), script])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Returns where a path of the machine is found.
    pub(super) fn folder(&self, path: &str) -> String {
        let path = self.0.path().join(path.trim_start_matches('/'));
        path.to_str().unwrap().to_owned()
    }

    pub(super) fn system(&self) -> System {
        self.system_with(&[])
    }

    pub(super) fn system_with(&self, variables: &[(&str, &str)]) -> System {
        System::below(self.0.path(), variables.iter().copied())
    }
}
