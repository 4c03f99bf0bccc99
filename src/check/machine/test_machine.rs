//! Machine made of files, for tests.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

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
    pub(super) fn write_program(&self, path: &str, script: &str) {
        self.write(path, &format!("#!/bin/sh\n{script}\n"));
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn system(&self) -> System {
        self.system_with(&[])
    }

    pub(super) fn system_with(&self, variables: &[(&str, &str)]) -> System {
        System::below(self.0.path(), variables.iter().copied())
    }
}
