//! Supervision of the stock recorder, `ros2 bag record`: everything that `sensr_recorder` does without ROS.

pub mod account;
mod atomic_file;
pub mod metadata;
pub mod repair;
pub mod split_error;
pub mod split_summary;

#[cfg(test)]
mod test_files;
