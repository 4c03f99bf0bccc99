//! Supervision of the stock recorder, `ros2 bag record`: everything that `sensr_recorder` does without ROS.

pub mod account;
mod atomic_file;
mod child;
pub mod engine;
pub mod metadata;
pub mod repair;
pub mod report;
pub mod split_error;
pub mod split_summary;
mod stall;
mod state;
