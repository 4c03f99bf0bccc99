//! Replay of bags: every frame of the bridge's `wire` topic is sent again, byte for byte.
//!
//! ```text
//! splits ─► records (MCAP) ─► wire frames (CDR) ─► read-ahead (a thread, bounded) ─► player (recorded times) ─► broadcast
//! ```
//!
//! Files are read as a stream, so that a bag of any size takes no more memory than the read-ahead.

mod bag_error;
mod catalog;
mod files;
#[cfg(test)]
mod fixture;
mod metadata;
mod playback_times;
mod player;
mod read_ahead;
mod reader;
mod records;
mod topics;
mod wire_frame;

pub use bag_error::BagError;
pub use files::is_bag;
pub(super) use player::Player;

/// Message type of the topic with the frames.
const WIRE_TYPE: &str = "sensr_bridge/msg/WireFrame";
