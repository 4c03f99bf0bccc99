//! Measuring instruments of `scripts/bench`: a SENSR-like server that costs little, and the least that any bridge does.
//!
//! - [`server`]: sends clouds and objects that were encoded in advance, at a rate or as fast as they are read, and
//!   records when each frame was sent.
//! - `floor`, in the executable: reads the frames and publishes a message that is ready, without decoding.
//! - `sink`, in the executable: subscribes without deserializing and records when each message arrived.
//!
//! Each frame carries its number as the x of the first point of each of its clouds, so that a message is recognized
//! behind any bridge. A float holds whole numbers up to [`MAX_NUMBER`] exactly.

pub mod arrival;
pub mod client;
pub mod clock;
pub mod cloud_message;
pub mod frames;
pub mod pacing;
pub mod schedule;
pub mod server;
mod stream;
pub mod websocket;

/// Highest number of a frame that a float holds exactly.
pub const MAX_NUMBER: u32 = 1 << 24;
