//! A SENSR server to try the bridge with: both ports, a moving scene or recorded scans.
//!
//! ```text
//! scene  ─┐
//!         ├─► source ─► producer (absolute ticks) ─► hub ─► one bounded send queue per client ─► socket
//! replay ─┘
//! ```
//!
//! A message is encoded once and shared by every client ([`bytes::Bytes`]); the socket is written from
//! that very buffer. The simulator knows the wire format and nothing of the bridge.
//!
//! ```no_run
//! # async fn example() -> Result<(), sensr_bridge::sim::SimError> {
//! use sensr_bridge::sim::{Options, Server};
//!
//! let server = Server::start(Options::ephemeral()).await?;
//! println!("ws://{}", server.points_addr());
//! let report = server.stop().await?;
//! assert_eq!(report.clients.overflowed, 0);
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod frame;
mod hub;
mod message;
mod number;
mod options;
mod output;
pub mod pcd;
mod producer;
mod replay;
mod report;
pub mod scene;
mod schedule;
mod send_queue;
mod server;
mod shared;
mod source;

pub use error::{ReplayError, SimError};
pub use options::{DEFAULT_SCENE_POINTS, MAX_POINTS, MAX_RATE_HZ, Options, OptionsError, Source};
pub use report::{ClientCounts, CloudCounts, LinkReport, Report};
pub use send_queue::CLOSE_OVERFLOW_REASON;
pub use server::Server;
