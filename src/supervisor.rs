//! Supervision of the process: worker threads, heartbeat, watchdogs, and the forced exit. None of it needs ROS.
//!
//! | failure | detected by | after |
//! |---|---|---|
//! | a thread ends or panics | [`workers`] | one turn of the main loop |
//! | a thread hangs in the middleware | [`queue_watchdog`] | 30 s |
//! | the main thread hangs | [`heartbeat`] | 30 s |
//! | rcl fails to wait | [`wait_monitor`] | 0.7 s |
//! | the graceful shutdown hangs | [`exit_timer`] | 1.5 s after an error, 8 s after a signal |
//!
//! [`service_manager`] tells systemd that the process works, as long as it does.

pub mod exit_timer;
pub mod heartbeat;
pub mod link_runtime;
pub mod queue_watchdog;
pub mod service_manager;
pub mod wait_monitor;
pub mod workers;
