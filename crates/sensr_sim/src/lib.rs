//! A SENSR server to try the bridge with: both ports, a moving scene, recorded scans or a bag.
//!
//! ```text
//! scene  ─┐
//!         ├─► source ─► producer (absolute ticks) ─┐
//! replay ─┘                                        ├─► hub ─► one bounded send queue per client ─► socket
//! bag ─► read-ahead ─► player (recorded times) ────┘
//! ```
//!
//! Faults (`fault`) act on the send queues and on the two ports, never on the production: its schedule goes on
//! whatever happens to the clients.
//!
//! A message is encoded once and shared by every client ([`bytes::Bytes`]); the socket is written from
//! that very buffer. The simulator knows the wire format and nothing of the bridge.
//!
//! ```no_run
//! # async fn example() -> Result<(), sensr_sim::SimError> {
//! use sensr_sim::{Options, Server};
//!
//! let server = Server::start(Options::ephemeral()).await?;
//! println!("ws://{}", server.points_addr());
//! let report = server.stop().await?;
//! assert_eq!(report.clients.overflowed, 0);
//! # Ok(())
//! # }
//! ```

mod bag;
mod client;
mod clock;
mod counters;
mod door;
mod ending;
mod entrance;
mod error;
mod farewell;
mod fault;
mod frame;
mod hub;
mod message;
mod natural_order;
mod number;
mod options;
mod outgoing;
mod output;
pub mod pcd;
mod producer;
mod production;
mod replay;
mod report;
pub mod scene;
mod schedule;
mod send_queue;
mod server;
mod shared;
mod source;
mod tls;

pub use bag::{BagError, is_bag};
pub use ending::CLOSE_OVERFLOW_REASON;
pub use error::{ReplayError, SimError};
pub use fault::{
    Chaos, ChaosOptions, Fault, FaultCounts, FaultError, FaultEvent, FaultKind, Injector, Links,
    NotCarriedOut, ScriptError, TimedFault, parse_script,
};
pub use options::{
    BagOptions, DEFAULT_SCENE_POINTS, Generation, MAX_POINTS, MAX_RATE_HZ, MAX_SPEED, Options,
    OptionsError, Source,
};
pub use report::{ClientCounts, CloudCounts, LinkReport, OutputCounts, Report};
pub use server::Server;
pub use tls::{CA_FILE, TlsError, TlsOptions};
