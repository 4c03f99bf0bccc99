//! ROS 2 side of the executables: everything that uses r2r.
//!
//! [`Executable`] creates a node and runs its application. [`bridge::Bridge`]: two threads that read, three that publish,
//! and the main loop, which serves parameters and services and publishes statistics and diagnostics.
//! [`recorder_node::RecorderNode`]: the main loop around [`recorder`](crate::recorder). [`run_monitor`]: the main loop around
//! [`monitor`](crate::monitor). [`check_graph()`]: the part of `sensr_check` that needs ROS.

mod bridge;
mod check_graph;
mod control;
mod diagnostics_publisher;
mod duplicate_node;
mod executable;
mod label_info;
mod link_services;
mod logging;
mod monitor_node;
mod node;
mod origin_publisher;
mod parameter_services;
mod publisher;
mod recorder_node;
mod reporter;
mod ros_types;
mod runtime_error;
mod sensor_publishers;
mod service_queue;
mod service_report;
mod site_messages;
mod spinner;
mod split_watch;
mod static_transforms;
mod statistics;
mod status_publisher;
mod subscription;
mod threads;

pub use check_graph::check_graph;
pub use executable::{BRIDGE, Executable, RECORDER};
pub use monitor_node::run_monitor;
pub use runtime_error::{Error, RuntimeError};
