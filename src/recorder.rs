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
        split_duration: std::time::Duration::from_secs(600),
        split_size: 0,
        keep_splits: 0,
        keep_bytes: 0,
        min_free_bytes: 1 << 30,
        min_free_percent: 5.0,
        storage_preset: None,
        topics: Vec::new(),
        exclude: Vec::new(),
        max_cache_bytes: 100 << 20,
        restart: crate::connection::backoff::BackoffLimits {
            initial_delay: std::time::Duration::from_secs(1),
            max_delay: std::time::Duration::from_secs(30),
        },
        stall_timeout: std::time::Duration::from_secs(10),
    }
}
