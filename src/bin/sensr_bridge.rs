//! The `sensr_bridge` executable: bridges SENSR to ROS 2.

use std::process::ExitCode;

use sensr_bridge::ros;

fn main() -> ExitCode {
    ros::BRIDGE.execute(
        "Bridges Seoul Robotics SENSR to ROS 2",
        "Parameters and remappings are given the ROS way: `--ros-args -p host:=192.0.2.10 -r __ns:=/site`.",
    )
}
