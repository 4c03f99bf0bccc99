//! Connections to SENSR: two WebSocket links that reconnect for ever. They know neither ROS nor SENSR's messages.

pub mod backoff;
pub mod close_frame;
mod connect;
pub mod error;
mod excerpt;
pub mod handshake;
pub mod keepalive;
pub mod message_count;
pub mod options;
pub mod reconnect;
mod session;
pub mod status;
pub mod tls;
mod transport;
