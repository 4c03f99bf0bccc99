//! The ROS 2 side: everything with r2r, and nothing without it.

mod arguments;
mod diagnostics;
mod duplicate_bridge;
mod error;
mod link_runtime;
mod logging;
mod neighbours;
mod node;
mod parameters;
mod publisher;
mod reporter;
mod ros_types;
mod service_queue;
mod services;
mod spin;
mod static_transform;
mod statistics;
mod threads;

pub use arguments::Arguments;
pub use error::{Error, RuntimeError};
pub use node::{print_resolved, run};
