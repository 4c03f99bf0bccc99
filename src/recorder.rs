//! Supervision of the stock recorder, `ros2 bag record`: everything that `sensr_recorder` does without ROS.

pub mod account;
mod atomic_file;
pub mod bags;
mod child;
pub mod command;
pub mod disk;
pub mod engine;
pub mod features;
mod files;
pub mod metadata;
pub mod naming;
pub mod repair;
pub mod report;
pub mod retention;
pub mod split_error;
mod split_name;
pub mod split_summary;
mod stall;
mod state;
#[cfg(test)]
mod test_files;
pub mod topics;
pub mod verdicts;

/// Configuration for tests.
#[cfg(test)]
fn test_config() -> crate::config::RecorderConfig {
    crate::config::RecorderConfig {
        output_dir: "/bags".into(),
        ..crate::config::RecorderConfig::default()
    }
}
