//! The SENSR side: the wire format and the links to the server. Knows nothing of ROS.

pub mod backoff;
pub mod client;
mod connect;
pub mod custom;
pub mod failure;
pub mod farewell;
pub mod handshake;
pub mod health;
pub mod invalid_texts;
pub mod link;
pub mod liveness;
mod measure;
pub mod message_count;
pub mod options;
pub mod output;
pub mod part;
pub mod points;
pub mod profiling;
mod session;
mod shape;
pub mod tls;
mod transport;
pub mod wire;
