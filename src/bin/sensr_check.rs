//! The `sensr_check` executable: examines machine, configuration and sites before a run.

use std::process::ExitCode;

use sensr_bridge::{check, ros};

fn main() -> ExitCode {
    check::run::run(ros::check_graph)
}
