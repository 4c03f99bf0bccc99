//! Examination of this machine: disks, memory, network settings, middleware, stock recorder and clock.
//!
//! Everything that is read is below the root folder of a [`System`], so that tests can examine machines that do not
//! exist.

mod clock;
mod container;
mod discovery;
mod disk;
mod figures;
mod kernel_settings;
mod memory;
mod middleware;
mod mounts;
mod open_files;
mod programs;
mod shared_memory;
mod stock_recorder;
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

/// Examines a machine. Takes some seconds, two of them for the speed of the disks, and at most a minute and a half if
/// disks and programs do not respond.
#[must_use]
pub fn check_machine(options: &MachineOptions) -> Vec<Finding> {
    let system = &options.system;
    let own = rustix::process::geteuid().as_raw();
    let mut findings = disk::check(system, &options.recordings);
    if !options.recordings.is_empty() {
        findings.push(stock_recorder::check(system, &options.recordings));
    }
    findings.push(memory::check(options));
    findings.push(open_files::check(system));
    findings.extend(middleware::check(system));
    findings.extend(shared_memory::check(system, options.bridges, own));
    findings.extend(discovery::check(system));
    findings.extend(kernel_settings::check(system));
    findings.extend(container::check(system));
    findings.push(clock::check(system));
    findings
}
