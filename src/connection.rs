//! Connection to a SENSR server: a WebSocket link that reconnects for ever. Independent of ROS and of SENSR's messages.
//!
//! - [`reconnect`]: keeps a link up, with exponential back-off ([`backoff`]).
//! - `session`: one connection, from the attempt to the close frame; [`keepalive`] detects a dead or stalled server.
//! - `connect`: name resolution, TCP, [`tls`], and the WebSocket [`handshake`].
//! - `websocket`: messages over a `transport` (a `socket`, with or without TLS), read into recycled buffers.
//! - [`probe`]: one connection of limited duration, for the pre-flight check.
//! - [`options`], [`status`]: what a link is configured with, and its state and figures.
//! - [`error`], [`close_frame`]: why a connection ended, in an operator's words.

pub mod backoff;
pub mod close_frame;
mod connect;
pub mod error;
mod excerpt;
pub mod handshake;
pub mod keepalive;
mod message_counter;
pub mod options;
pub mod probe;
pub mod reconnect;
mod session;
mod socket;
pub mod status;
pub mod tls;
mod transport;
pub mod websocket;
