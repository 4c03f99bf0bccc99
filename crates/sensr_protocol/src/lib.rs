//! Wire format of Seoul Robotics SENSR: protobuf messages in binary WebSocket frames.
//!
//! [`points`] decodes frames of the point stream, [`output`] those of the output stream, part by part: a part that does
//! not decode costs only itself. Points and texts are views into the received frame. Neither ROS nor network.

pub mod custom;
mod field_limits;
pub mod health;
pub mod invalid_texts;
pub mod output;
pub mod parts;
pub mod points;
pub mod profiling;
mod repeated_fields;
pub mod text;
pub mod wire;
