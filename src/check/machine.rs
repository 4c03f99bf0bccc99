//! Examination of this machine: disks, memory, network settings, middleware, stock recorder and clock.
//!
//! Everything that is read is below the root folder of a [`System`], so that tests can examine machines that do not
//! exist.

mod disk;
mod figures;
mod kernel_settings;
mod mounts;
mod system;
#[cfg(test)]
mod test_machine;
mod time_limit;

use crate::check::finding::Finding;
use crate::config::RecorderConfig;

pub use kernel_settings::sysctl_file;
pub use system::System;

/// Recording that is planned on this machine.
#[derive(Debug, Clone)]
pub struct RecordingPlan {
    /// Namespace of the bridge whose topics are recorded, absolute.
    pub namespace: String,
    /// Parameters of its recorder.
    pub config: RecorderConfig,
    /// Rate in bytes per second at which the site sends what is recorded. `None` if it is not known.
    pub bytes_per_second: Option<f64>,
}

/// Subject of the examination.
#[derive(Debug, Clone)]
pub struct MachineOptions {
    /// Number of bridges that are to run on this machine.
    pub bridges: usize,
    /// Recordings. Empty without any: what only a recording needs is not examined then.
    pub recordings: Vec<RecordingPlan>,
    /// Machine.
    pub system: System,
}

/// Examines a machine. Takes some seconds, two of them for the speed of each disk, and at most half a minute if a disk
/// or a program does not respond.
#[must_use]
pub fn check_machine(options: &MachineOptions) -> Vec<Finding> {
    let system = &options.system;
    let mut findings = disk::check(system, &options.recordings);
    findings.extend(kernel_settings::check(system));
    findings
}
