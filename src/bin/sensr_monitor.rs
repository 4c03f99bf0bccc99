//! The `sensr_monitor` executable: shows running bridges and their recorders, and reports on them.

use std::process::ExitCode;

fn main() -> ExitCode {
    sensr_bridge::ros::run_monitor()
}
