//! The ROS 2 side: the only place that knows r2r.

mod arguments;
mod consumers;
mod convert;
mod diagnostics;
mod error;
mod heartbeat;
mod inbox;
mod last_resort;
mod logging;
mod namesakes;
mod neighbours;
mod node;
mod parameters;
mod publisher;
mod reactor;
mod reporter;
mod services;
mod spin;
mod statistics;
mod transform;
mod wiring;
mod workers;

pub use arguments::Arguments;
pub use error::Error;
pub use node::{print_resolved, run};
