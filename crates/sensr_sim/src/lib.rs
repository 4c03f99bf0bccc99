//! Simulator of a SENSR server: both ports, with a moving scene, recorded scans or a recorded bag.
//!
//! ```text
//! scene ─► source ─┐
//! scan_replay ─────┴─► playback (absolute ticks) ────┐
//!                                                    ├─► broadcast ─► one bounded send_queue per client ─► client ─► socket
//! bag: read_ahead ─► player (recorded times) ────────┘
//! ```
//!
//! | component | task |
//! |---|---|
//! | [`Server`] (`server`, `shared_state`, `clock`, `counters`, `report`) | starts, stops and counts everything |
//! | `options`, `tls`, `error` | settings and their validation |
//! | `scene` | ray-cast street: clouds and tracks as a function of time |
//! | `output` | output messages made of the tracks: objects, zones, events, health |
//! | `pcd`, `scan_replay`, `source`, `cloud_group` | point messages of the scene or of PCD files |
//! | `playback`, `schedule` | generation of messages on an absolute time grid |
//! | `bag` | replay of the frames that a bridge recorded |
//! | `broadcast`, `send_queue`, `queue_item` | distribution of each message to all clients |
//! | `port_listener`, `port_state`, `client`, `ws_frame`, `close` | connections and the WebSocket protocol |
//! | `fault` | faults of ports, connections, messages and the clock |
//!
//! Faults act on the send queues, the ports and the clock, never on the playback, whose schedule does not depend on the
//! clients.
//!
//! A message is encoded once and shared by all clients ([`bytes::Bytes`]); sockets are written from that buffer. The
//! simulator knows the wire format and does not depend on the bridge.
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
mod broadcast;
mod client;
mod clock;
mod close;
mod cloud_group;
mod convert;
mod counters;
mod error;
mod fault;
mod options;
mod output;
pub mod pcd;
mod playback;
mod port_listener;
mod port_state;
mod queue_item;
mod report;
mod scan_replay;
pub mod scene;
mod schedule;
mod send_queue;
mod server;
mod shared_state;
mod source;
mod tls;
mod ws_frame;

pub use bag::{BagError, is_bag};
pub use close::CLOSE_OVERFLOW_REASON;
pub use error::{ReplayError, SimError};
pub use fault::{
    Chaos, ChaosOptions, Fault, FaultCounts, FaultError, FaultEvent, FaultKind, InjectError,
    Injector, Links, ScriptError, TimedFault, parse_script,
};
pub use options::{
    BagOptions, DEFAULT_SCENE_POINTS, Generation, MAX_POINTS, MAX_RATE_HZ, MAX_SENSORS, MAX_SPEED,
    Options, OptionsError, Source,
};
pub use report::{ClientCounts, CloudCounts, LinkReport, OutputCounts, Report};
pub use server::Server;
pub use tls::{CA_FILE, TlsError, TlsOptions, build_server_config};
