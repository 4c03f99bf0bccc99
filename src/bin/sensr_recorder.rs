//! The `sensr_recorder` executable: runs the stock recorder, `ros2 bag record`, and keeps it recording.

use std::process::ExitCode;

use sensr_bridge::ros;

fn main() -> ExitCode {
    ros::RECORDER.execute(
        "Records the topics of a sensr_bridge with `ros2 bag record`, and keeps it recording",
        "It records the bridge in its own namespace. Parameters and remappings are given the ROS way: \
         `--ros-args -p output_dir:=~/bags -r __ns:=/site`.",
    )
}
