//! Supervision of the stock recorder, `ros2 bag record`: everything that `sensr_recorder` does without ROS.

pub mod account;
mod child;
pub mod engine;
pub mod report;
mod stall;
mod state;
