//! The pre-flight check: everything that `sensr_check` does without ROS.
//!
//! - [`finding`]: verdicts, each with its cure.

pub mod finding;
