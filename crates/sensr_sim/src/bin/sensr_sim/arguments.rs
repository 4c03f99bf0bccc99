//! Command line arguments.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use sensr_protocol::wire::{CloudType, OUTPUT_PORT, POINTS_PORT};
use sensr_sim::{BagOptions, Generation, MAX_SENSORS, Options, Source, TlsOptions, is_bag};

use super::faults::{FaultArguments, ScriptFailure, help_section};

/// Simulator of a SENSR server: serves both streams with a moving scene, recorded scans or a recorded bag.
///
/// Prints JSON on stdout, one line each: the port numbers once both ports are open, two lines for each fault (when it
/// begins, and when the server behaves normally again), and exact counts at the end. The log goes to stderr (`RUST_LOG`
/// sets its level).
///
/// The scene clock starts with the first client of the point stream, which gets every message from number 0 on. A client
/// that reads too slowly is closed with 1011 "Writing buffer is full", as SENSR does, and the event
/// `OUTPUT_BUFFER_OVERFLOW` is sent on the output stream.
///
/// Exit code: 0 at the end of the playback and after SIGINT or SIGTERM, 2 for invalid arguments and unreadable
/// recordings, 1 for any other error.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment, after_long_help = help_section())]
pub(super) struct Arguments {
    /// Address of both ports
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    bind: IpAddr,

    /// Port of the point stream, 0 for any
    #[arg(long, value_name = "PORT", default_value_t = POINTS_PORT)]
    points_port: u16,

    /// Port of the output stream (objects, zones, health), 0 for any
    #[arg(long, value_name = "PORT", default_value_t = OUTPUT_PORT)]
    output_port: u16,

    /// Generate clouds and objects of a scene
    #[arg(long, value_enum, value_name = "NAME", default_value = "street")]
    scene: Scene,

    /// Seed of the scene; the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "replay")]
    seed: u64,

    /// Replay recorded scans (a PCD file, or a folder of them in natural order) or a bag
    ///
    /// A bag is a *.mcap file or the folder of a rosbag2 recording with the bridge's `wire` topic (publish.wire). Only its
    /// frames are sent, on both streams, byte for byte as SENSR sent them and with the spacing of their arrival. The
    /// clock starts when both streams have a client. Options that generate or change messages cannot be used with a bag:
    /// --rate, --points, --types, --alternate, --sensors, --generation
    #[arg(long, value_name = "FILE_OR_DIR", conflicts_with = "scene")]
    replay: Option<PathBuf>,

    /// Restart the replay after the last scan or frame (a scene never ends)
    #[arg(long = "loop")]
    repeat: bool,

    /// Playback speed of a bag as a multiple of the recorded speed, 0 to 1000; 0 plays as fast as the clients
    /// read, without loss [default: 1]
    #[arg(
        long,
        value_name = "FACTOR",
        requires = "replay",
        allow_negative_numbers = true
    )]
    speed: Option<f64>,

    /// Topic of the bag with the frames, if several bridges were recorded
    #[arg(long, value_name = "NAME", requires = "replay")]
    topic: Option<String>,

    /// Point messages per second, such as 10 or 0.5 [default: 10]
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    rate: Option<f64>,

    /// Exact number of points of each RAW cloud [default: 65536 for a scene, as recorded for a replay]
    #[arg(long, value_name = "N")]
    points: Option<usize>,

    /// Cloud types of a message [default: raw,ground,background for a scene, raw for a replay; a replay sends
    /// the same scan under each type]
    #[arg(long, value_enum, value_name = "TYPES", value_delimiter = ',')]
    types: Vec<Type>,

    /// Send the types in turn, one per message, instead of all in each message
    #[arg(long)]
    alternate: bool,

    /// Calibrate this many sensors, 1 to 64: the RAW clouds name them in turn, one per message (ids `sim#lidar_1`, ...)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SENSORS)))]
    sensors: Option<u32>,

    /// End after this many point messages, once they are delivered; no fault begins after the last one
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Start the clock at once instead of with the first client of the point stream (for a bag: of each stream)
    #[arg(long)]
    free_running: bool,

    /// SENSR generation of the output stream [default: 3]
    #[arg(long, value_enum, value_name = "VERSION")]
    generation: Option<GenerationName>,

    /// Send buffer of one client; a client that exceeds it is too slow
    #[arg(long, value_name = "MIB", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    client_buffer_mib: u32,

    /// Interval of pings, 0 for none; a client that answers nothing for three intervals is closed
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = parse_interval,
          allow_negative_numbers = true)]
    ping_interval: f64,

    #[command(flatten)]
    tls: TlsArguments,

    #[command(flatten)]
    faults: FaultArguments,

    /// Arguments that `ros2 launch` appends, ignored
    #[arg(long, hide = true, num_args = 0.., allow_hyphen_values = true)]
    ros_args: Vec<String>,
}

/// TLS options.
#[derive(Debug, Args)]
struct TlsArguments {
    /// Serve both streams with TLS; the certificate of a throw-away CA is written to DIR/sensr-ca.crt
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,

    /// DNS name or IP address in the server's certificate; may be repeated [default: localhost, both loopback
    /// addresses and the address of the ports]
    #[arg(long = "tls-name", value_name = "NAME", requires = "tls")]
    tls_names: Vec<String>,

    /// Use a certificate that expired yesterday
    #[arg(long, requires = "tls")]
    tls_expired: bool,
}

impl TlsArguments {
    fn into_options(self) -> Option<TlsOptions> {
        Some(TlsOptions {
            dir: self.tls?,
            names: self.tls_names,
            is_expired: self.tls_expired,
        })
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scene {
    /// Houses, traffic and people, seen by a laser scanner on a pole
    Street,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum GenerationName {
    /// SENSR 2.5
    #[value(name = "2.5")]
    V2_5,
    /// SENSR 3.0 and later
    #[value(name = "3")]
    V3,
}

impl From<GenerationName> for Generation {
    fn from(name: GenerationName) -> Self {
        match name {
            GenerationName::V2_5 => Self::V2_5,
            GenerationName::V3 => Self::V3,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Type {
    Raw,
    Ground,
    Background,
}

impl From<Type> for CloudType {
    fn from(kind: Type) -> Self {
        match kind {
            Type::Raw => Self::Raw,
            Type::Ground => Self::Ground,
            Type::Background => Self::Background,
        }
    }
}

fn parse_interval(text: &str) -> Result<f64, String> {
    let secs = text.parse().ok();
    let allowed = secs.filter(|secs| (0.0..=3600.0).contains(secs));
    allowed.ok_or_else(|| "0 to 3600".to_owned())
}

impl Arguments {
    /// Parses the command line.
    pub(super) fn from_command_line() -> Result<Self, clap::Error> {
        Self::try_parse()
    }

    /// Returns whether commands are read from stdin.
    pub(super) fn reads_commands(&self) -> bool {
        self.faults.control
    }

    /// Validates the arguments and reads the fault script, if any.
    pub(super) fn into_options(self) -> Result<Options, ArgumentsError> {
        let Scene::Street = self.scene;
        let faults = self.faults.all_faults()?;
        let is_bag = self.replay.as_deref().is_some_and(is_bag);
        self.check_conflicts(is_bag)?;
        let source = match self.replay {
            None => Source::Street { seed: self.seed },
            Some(path) if is_bag => Source::Bag(BagOptions {
                path,
                repeat: self.repeat,
                topic: self.topic,
                speed: self.speed.unwrap_or(1.0),
            }),
            Some(path) => Source::Replay {
                path,
                repeat: self.repeat,
            },
        };
        let ping_interval = Duration::from_secs_f64(self.ping_interval);
        Ok(Options {
            bind: self.bind,
            points_port: self.points_port,
            output_port: self.output_port,
            source,
            rate_hz: self.rate.unwrap_or(Options::default().rate_hz),
            points: self.points,
            types: self.types.into_iter().map(CloudType::from).collect(),
            alternate: self.alternate,
            sensors: self.sensors.unwrap_or_default(),
            count: self.count,
            free_running: self.free_running,
            generation: self.generation.map(Generation::from).unwrap_or_default(),
            client_buffer_bytes: self.client_buffer_mib as usize * (1 << 20),
            ping_interval: Some(ping_interval).filter(|interval| !interval.is_zero()),
            chaos: self.faults.chaos_options(),
            faults,
            tls: self.tls.into_options(),
        })
    }

    /// Refuses options that do not fit the recording, whose kind is known only after looking at the path.
    fn check_conflicts(&self, is_bag: bool) -> Result<(), ArgumentsError> {
        let for_scans = [
            ("--rate", self.rate.is_some()),
            ("--points", self.points.is_some()),
            ("--types", !self.types.is_empty()),
            ("--alternate", self.alternate),
            ("--sensors", self.sensors.is_some()),
            ("--generation", self.generation.is_some()),
        ];
        let for_bags = [
            ("--speed", self.speed.is_some()),
            ("--topic", self.topic.is_some()),
        ];
        let first = |options: &[(&'static str, bool)]| {
            let mut given = options.iter().filter(|(_, is_given)| *is_given);
            given.next().map(|(option, _)| *option)
        };
        match (is_bag, first(&for_scans), first(&for_bags)) {
            (true, Some(option), _) => Err(ArgumentsError::WithBag(option)),
            (false, _, Some(option)) => Err(ArgumentsError::WithScans(option)),
            _ => Ok(()),
        }
    }
}

/// Error of the arguments.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArgumentsError {
    #[error("{0} cannot be used with a bag: its frames are sent as they were recorded")]
    WithBag(&'static str),
    #[error("{0} can only be used with a bag: a *.mcap file or the folder of a recording")]
    WithScans(&'static str),
    #[error(transparent)]
    Script(#[from] ScriptFailure),
}

/// Returns the message of a command line error as one line, without the usage.
pub(super) fn one_line_message(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let is_advice = |line: &str| line.starts_with("Usage:") || line.starts_with("For more");
    let message = lines.take_while(|line| !is_advice(line));
    let words: Vec<&str> = message.filter(|line| !line.is_empty()).collect();
    let text = words.join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests;
