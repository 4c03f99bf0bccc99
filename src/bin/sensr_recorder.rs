//! The `sensr_recorder` executable: runs the stock recorder, `ros2 bag record`, and keeps it recording.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::FAILURE
}
