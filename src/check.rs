//! The pre-flight check: everything that `sensr_check` does without ROS.
//!
//! - [`finding`]: verdicts, each with its cure,
//! - [`machine`]: this machine, with its disks, memory, network settings, middleware and clock.

pub mod finding;
pub mod machine;
