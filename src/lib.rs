//! Bridge from Seoul Robotics SENSR to ROS 2.
//!
//! Data flow of a cloud; each component knows only those listed before it:
//!
//! 1. [`connection`] reads whole frames from a WebSocket, and reconnects for ever,
//! 2. [`pipeline::ingest`] decodes them (crate [`sensr_protocol`]), applies the rate limits, enters every message in the
//!    ledger and queues it,
//! 3. [`pipeline::publish`] takes it from the queue, has [`encode`] serialize it in one pass into a reused buffer, and
//! 4. `ros` (feature `ros`) publishes it.
//!
//! Beside the data flow: [`time`] with stamps, rate limiter and clock offset, [`topic`] with the table of the topics,
//! [`config`] with parameters, hosts file and parameter files, [`metrics`] with the loss ledger, [`diagnostics`] with
//! what `/diagnostics` shows, [`supervisor`] with threads and watchdogs, [`environment`] with log folder and shared
//! memory, [`place`] with transforms and WGS 84. [`recorder`] supervises the stock recorder. Tools of an operator:
//! [`monitor`] shows running bridges, [`check`] examines machine, configuration and site before a run. Only `ros` uses
//! ROS.

pub mod check;
pub mod config;
pub mod connection;
pub mod diagnostics;
pub mod encode;
pub mod environment;
pub mod metrics;
pub mod monitor;
pub mod pipeline;
pub mod place;
pub mod recorder;
#[cfg(feature = "ros")]
pub mod ros;
pub mod supervisor;
pub mod time;
pub mod topic;
