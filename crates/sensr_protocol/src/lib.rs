//! Wire format of Seoul Robotics SENSR: protobuf messages in binary WebSocket frames. No ROS, no network.
//!
//! - [`points`]: decodes frames of the point stream, cloud by cloud.
//! - [`output`]: decodes frames of the output stream, part by part. [`health`], [`profiling`] and [`custom`] are the
//!   parts with maps, or with an encoding that differs between generations of SENSR.
//! - [`objects`]: objects as parts of a frame, and their decoding when they are needed.
//! - [`decode_failures`], [`invalid_texts`]: what failed to decode in a message. A part that fails costs only itself;
//!   texts are bytes, decoded by [`text`].
//! - [`wire`]: the generated messages, ports, sizes of points.
//! - [`heap_size`]: memory of decoded messages. `field_limits` bounds it before decoding.
//!
//! Points are views into the received frame: decoding does not copy them.
//!
//! ```
//! use prost::Message as _;
//! use sensr_protocol::points::decode_points;
//! use sensr_protocol::wire::{CloudType, PointCloud, point_count, proto::PointResult};
//!
//! let mut frame = PointResult {
//!     points: vec![PointCloud {
//!         r#type: CloudType::Ground.into(),
//!         points: vec![0; 24].into(),
//!         ..PointCloud::default()
//!     }],
//!     ..PointResult::default()
//! }
//! .encode_to_vec();
//! // A second cloud, one byte long, which is not protobuf.
//! frame.extend([0x0a, 1, 0xff]);
//!
//! let points = decode_points(frame.into())?;
//! assert_eq!(point_count(&points.clouds[0].points), Some(2));
//! assert_eq!(points.failures.count(), 1);
//! # Ok::<(), sensr_protocol::wire::DecodeError>(())
//! ```

pub mod custom;
pub mod decode_failures;
mod decode_parts;
mod field_limits;
pub mod health;
pub mod heap_size;
pub mod invalid_texts;
pub mod objects;
pub mod output;
pub mod points;
pub mod profiling;
mod slice_decode;
pub mod text;
pub mod wire;
