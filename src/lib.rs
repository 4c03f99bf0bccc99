//! Bridge from Seoul Robotics SENSR to ROS 2.
//!
//! Data flow of a cloud; each module depends only on those before it:
//!
//! 1. [`connection`] reads whole frames from the WebSocket,
//! 2. [`pipeline`] decodes them, applies rate limits ([`time`]) and queues them,
//! 3. [`encode`] serializes each into a `sensor_msgs/PointCloud2` in one pass,
//! 4. `ros` hands it to the middleware.
//!
//! [`config`] holds the parameters and [`metrics`] the ledger, from which [`diagnostics`] derives its statuses.
//! [`supervisor`] watches the threads. Only `ros` (feature `ros`) depends on ROS. The crate `sensr_protocol` decodes
//! SENSR's messages, and the crate `sensr_sim` simulates its server.

pub mod config;
pub mod connection;
pub mod diagnostics;
pub mod encode;
pub mod environment;
pub mod metrics;
pub mod pipeline;
#[cfg(feature = "ros")]
pub mod ros;
pub mod supervisor;
pub mod time;
pub mod topic;
