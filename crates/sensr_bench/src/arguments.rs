//! Command line.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use sensr_bench::MAX_NUMBER;
use sensr_bench::server::{Extent, ServerOptions};
use sensr_protocol::wire::CloudType;
use sensr_sim::TlsOptions;

/// Measures a bridge: a server, the least that a bridge does, and a subscriber. scripts/bench runs them.
///
/// Each frame carries its number as the x of the first point of each of its clouds. All times are of the monotonic clock, in
/// nanoseconds.
#[derive(Debug, Parser)]
#[command(name = "sensr_bench", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Server(ServerArguments),
    Floor(FloorArguments),
    Sink(SinkArguments),
}

/// Sends frames that were encoded in advance.
///
/// Prints `READY OUTPUT_PORT POINTS_PORT…`, with one port for each client of the point stream; begins the measured part at the first line of standard input and ends with
/// it. Prints `STEADY CLIENT NUMBER` with the first frame of the measured part of each client, and `END CLIENT NUMBER`
/// after its last.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("extent").required(true)))]
pub(crate) struct ServerArguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// TCP port of the point stream of the first client, 0 for any; the others have those behind it.
    #[arg(long, default_value_t = 0)]
    points_port: u16,
    /// TCP port of the output stream, 0 for any.
    #[arg(long, default_value_t = 0)]
    output_port: u16,
    /// Use TLS, with certificates made for the purpose; the authority's is written to sensr-ca.crt in this folder.
    #[arg(long, value_name = "FOLDER")]
    tls: Option<PathBuf>,
    /// Limit of the speed of each connection in Mbit/s, by the pacing of the kernel.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pace_mbit: Option<u32>,
    /// Points of a cloud; several numbers are the sizes of successive frames, in turn.
    #[arg(long, value_delimiter = ',', default_value = "131072", value_parser = parse_points)]
    points: Vec<usize>,
    /// Types of the clouds of each frame.
    #[arg(long, value_delimiter = ',', default_value = "raw", value_parser = parse_type)]
    types: Vec<CloudType>,
    /// Number of different frames of each size.
    #[arg(long, default_value_t = 8)]
    frames: usize,
    /// Frames per second in the measured part, 0 for as fast as the client reads.
    #[arg(long, default_value_t = 10.0, value_parser = parse_rate)]
    rate: f64,
    /// Frames that are sent without a pause in between; the mean rate stays.
    #[arg(long, default_value = "1")]
    burst: NonZeroU32,
    /// Frames per second before the measured part.
    #[arg(long, default_value_t = 10.0, value_parser = parse_rate)]
    warmup_rate: f64,
    /// Duration of the measured part.
    #[arg(long, group = "extent", value_parser = parse_rate)]
    seconds: Option<f64>,
    /// Frames of the measured part, per client.
    #[arg(long, group = "extent", value_parser = clap::value_parser!(u32).range(1..i64::from(MAX_NUMBER)))]
    count: Option<u32>,
    /// Close the connection after this many frames of the measured part, again and again.
    #[arg(long)]
    reconnect_every: Option<NonZeroU32>,
    /// Number of clients of the point stream; each has a port, frames and numbers of its own.
    #[arg(long, default_value_t = 1)]
    clients: u16,
    /// Objects in each message of the output stream.
    #[arg(long, default_value_t = 5)]
    objects: usize,
    /// Points of each object.
    #[arg(long, default_value_t = 0)]
    object_points: usize,
    /// Messages per second of the output stream, 0 for none.
    #[arg(long, default_value_t = 10.0, value_parser = parse_rate)]
    output_rate: f64,
    /// File for the frames of the measured part: client, number, time before and after sending, points.
    #[arg(long)]
    csv: Option<PathBuf>,
}

impl ServerArguments {
    pub(crate) fn into_options(self) -> Result<ServerOptions, String> {
        let extent = match (self.seconds, self.count) {
            (Some(seconds), None) => Extent::Seconds(seconds),
            (None, Some(count)) => Extent::Frames(count),
            _ => return Err("give either --seconds or --count".to_owned()),
        };
        Ok(ServerOptions {
            address: self.address,
            points_port: self.points_port,
            output_port: self.output_port,
            tls: self.tls.map(TlsOptions::new),
            pace_mbit: self.pace_mbit,
            points: self.points,
            types: self.types,
            frames: self.frames,
            rate: self.rate,
            burst: self.burst,
            warmup_rate: self.warmup_rate,
            extent,
            reconnect_every: self.reconnect_every,
            clients: self.clients,
            objects: self.objects,
            object_points: self.object_points,
            output_rate: self.output_rate,
            csv: self.csv,
        })
    }
}

/// The least that a bridge does: reads each frame into one buffer and publishes a message that is ready.
///
/// It decodes nothing: only the number of the frame is copied into the message. Of several clouds in a frame it
/// publishes the first. Ends when the server closes the connection.
#[derive(Debug, Args)]
pub(crate) struct FloorArguments {
    /// Address of the server.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// TCP port of the point stream.
    #[arg(long)]
    pub(crate) port: u16,
    /// Topic to publish on.
    #[arg(long, default_value = "/points/raw")]
    pub(crate) topic: String,
    /// Pause between reads while more than 256 KiB of a frame are to come, microseconds.
    #[arg(long)]
    pub(crate) pause_us: Option<u64>,
    /// Use TLS and verify the server with the authority's certificate in this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// History depth of the publisher.
    #[arg(long, default_value_t = 10)]
    pub(crate) depth: usize,
    /// Publish with the reliability best effort.
    #[arg(long)]
    pub(crate) best_effort: bool,
}

/// Subscribes without deserializing, and records when each message arrived.
///
/// Prints `READY`, `FIRST TOPIC_INDEX` at the first message of each topic, and at SIGINT or SIGTERM `DONE` with its
/// counts as JSON.
#[derive(Debug, Args)]
pub(crate) struct SinkArguments {
    /// Topics to subscribe to.
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// Type of the messages. Numbers are read from clouds only.
    #[arg(long = "type", default_value = "sensor_msgs/msg/PointCloud2")]
    pub(crate) message_type: String,
    /// File for the messages: index of the topic, number, time of arrival, points, bytes, age by the stamp.
    #[arg(long)]
    pub(crate) csv: PathBuf,
    /// History depth of the subscribers.
    #[arg(long, default_value_t = 10)]
    pub(crate) depth: usize,
    /// Subscribe with the reliability best effort.
    #[arg(long)]
    pub(crate) best_effort: bool,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("not a number from 0".to_owned()),
    }
}

fn parse_points(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(value) if (1..=sensr_sim::MAX_POINTS).contains(&value) => Ok(value),
        _ => Err(format!("not a number from 1 to {}", sensr_sim::MAX_POINTS)),
    }
}

fn parse_type(text: &str) -> Result<CloudType, String> {
    match text {
        "raw" => Ok(CloudType::Raw),
        "ground" => Ok(CloudType::Ground),
        "background" => Ok(CloudType::Background),
        _ => Err("not one of raw, ground, background".to_owned()),
    }
}
