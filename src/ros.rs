//! ROS 2 side of the bridge: everything that uses r2r.
//!
//! [`node`](run) creates the node and runs [`bridge::Bridge`] on it: two threads that read, three that publish, and the
//! main loop, which serves parameters and services and publishes statistics and diagnostics.

mod bridge;
mod control;
mod diagnostics_publisher;
mod duplicate_bridge;
mod link_services;
mod logging;
mod node;
mod parameter_services;
mod publisher;
mod reporter;
mod ros_types;
mod runtime_error;
mod service_queue;
mod service_report;
mod split_watch;
mod static_transform;
mod statistics;
mod threads;

pub use node::{print_resolved, run};
pub use runtime_error::{Error, RuntimeError};
