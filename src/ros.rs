//! The ROS 2 side: everything with r2r, and nothing without it.

mod bridge;
mod control;
mod diagnostics;
mod duplicate_bridge;
mod error;
mod logging;
mod node;
mod parameters;
mod publisher;
mod reporter;
mod ros_types;
mod service_queue;
mod services;
mod static_transform;
mod statistics;
mod threads;

pub use error::{Error, RuntimeError};
pub use node::{print_resolved, run};
