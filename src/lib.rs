//! SENSR to ROS 2, and a SENSR server to try it with.
//!
//! The way of a cloud, room by room; each knows only the rooms before it:
//!
//! 1. [`sensr::client`] takes whole frames off the WebSocket,
//! 2. [`pipeline`] decodes them ([`sensr::points`], [`sensr::output`]), thins them ([`interval`]) and queues them
//!    ([`queue`]),
//! 3. [`cloud`] turns each into a serialized `sensor_msgs/PointCloud2` in one pass,
//! 4. `ros` hands it to the middleware.
//!
//! [`config`] holds the parameters, [`stats`] the loss ledger. Only `ros` (feature `ros`) knows of ROS.
//! [`sim`] is the server side: of the bridge it knows SENSR's messages ([`sensr::wire`], [`sensr::health`],
//! [`sensr::profiling`], [`sensr::points`]) and [`shutdown`], and nothing else.

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
