//! The pre-flight check: everything that `sensr_check` does without ROS.
//!
//! - [`finding`]: verdicts, each with its cure; [`text`] and [`json`] print them.
//! - [`arguments`], [`targets`]: the command line, and the sites and recorders that it is about.
//! - [`files`]: hosts file and parameter files, with all of their mistakes.
//! - [`import`]: conversion of the old recorder's configuration.
//! - [`machine`]: this machine, with its disks, memory, network settings, middleware and clock.
//! - [`site`]: sites over the network.
//! - [`run`]: the program.

pub mod arguments;
pub mod files;
pub mod finding;
mod findings_output;
pub mod import;
pub mod json;
pub mod machine;
pub mod run;
pub mod site;
pub mod targets;
pub mod text;
