//! Options of the server.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use sensr_protocol::wire::CloudType;
use sensr_sim::TlsOptions;

use crate::frames::PointFrame;

/// Extent of the measured part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// Seconds.
    Seconds(f64),
    /// Frames per client.
    Frames(u32),
}

/// Options of the server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Address to listen on.
    pub address: IpAddr,
    /// TCP port of the point stream of the first client, 0 for any. The others have those behind it.
    pub points_port: u16,
    /// TCP port of the output stream, 0 for any.
    pub output_port: u16,
    /// TLS on both ports, if given.
    pub tls: Option<TlsOptions>,
    /// Limit of the speed of each connection, Mbit/s.
    pub pace_mbit: Option<u32>,
    /// Points of a cloud. Successive frames have these sizes in turn.
    pub points: Vec<usize>,
    /// Types of the clouds of each frame.
    pub types: Vec<CloudType>,
    /// Number of different frames of each size.
    pub frames: usize,
    /// Frames per second in the measured part, 0 for as fast as the client reads.
    pub rate: f64,
    /// Frames that are sent without a pause in between.
    pub burst: NonZeroU32,
    /// Frames per second before the measured part.
    pub warmup_rate: f64,
    /// Extent of the measured part.
    pub extent: Extent,
    /// Number of frames after which the server closes the connection, again and again in the measured part.
    pub reconnect_every: Option<NonZeroU32>,
    /// Number of clients of the point stream, each with a port of its own.
    pub clients: u16,
    /// Objects in each message of the output stream.
    pub objects: usize,
    /// Points of each object.
    pub object_points: usize,
    /// Messages per second on the output stream, 0 for none.
    pub output_rate: f64,
    /// File for the record of the frames of the measured part.
    pub csv: Option<PathBuf>,
}

impl ServerOptions {
    /// Encodes the frames of the point stream in the order in which they are sent.
    pub(super) fn encode_point_frames(&self) -> Arc<Vec<PointFrame>> {
        let rounds = 0..self.frames.max(1);
        let frames = rounds.flat_map(|round| {
            let sizes = self.points.iter().enumerate();
            sizes.map(move |(i, &points)| {
                let seed = (round * self.points.len() + i) as u64;
                PointFrame::encode(points, &self.types, seed)
            })
        });
        Arc::new(frames.collect())
    }
}
