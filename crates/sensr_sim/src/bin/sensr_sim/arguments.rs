//! Command line arguments.

mod faults;
mod tls;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sensr_protocol::wire::{CloudType, OUTPUT_PORT, POINTS_PORT};
use sensr_sim::{BagOptions, Generation, Options, Source, is_bag};

use faults::{FaultArguments, ScriptFailure};
use tls::TlsArguments;

/// A SENSR server on both ports, with a moving scene, recorded scans or a recorded bag.
///
/// When both ports are open, one line of JSON with their numbers is printed on stdout; another one with
/// exact counts at the end, and in between two for each fault: when it begins, and when the server behaves
/// well again. The log goes to stderr (`RUST_LOG` chooses what).
///
/// The world stands still until the first client of the point stream has connected; that client gets
/// every message from number 0 on. A client that reads too slowly is closed with 1011 "Writing buffer is
/// full", as SENSR does, and the output stream is told (`OUTPUT_BUFFER_OVERFLOW`).
///
/// Faults (--fault, --script, --control, --chaos):
///
///   [at SECONDS] FAULT [points|output|both] [for SECONDS]
///
/// They happen to every client of that stream (default: both) at that moment and leave the other stream alone.
/// Messages are made meanwhile as always. `at` counts from when the clock starts (see --free-running).
/// One that costs the connection is the last thing written on it; then it ends in order.
///
///   refuse      cuts connections and closes the port for a while (default: 1 s)
///   restart     the same, announced with close frame 1001
///   mute        cuts connections; accepts new ones and never answers, for a while (1 s)
///   reject      cuts connections; answers new ones with HTTP 503, for a while (1 s)
///   cut         ends the connection in the middle of the next message
///   stall       writes and answers nothing for a while (1 s), then goes on
///   halfopen    writes and answers nothing until the client leaves (120 s at most); serves new ones
///   silent      answers pings but sends no message for a while (1 s), then all at once
///   garbage     adds a binary message of random bytes
///   truncated   adds a copy of the next message, cut short so that it is none
///   text        adds a text message
///   nonsense    sends bytes that are no WebSocket frame; costs the connection
///   oversized   begins a message that announces 1 GiB + 1 byte; costs the connection
///   fragmented  sends messages in 2 to 7 frames with pings in between, for a while (1 s)
///   pings       sends 100 pings at once
///   drip        sends the next message in small pieces, over a while (1 s)
///   overflow    closes the client as if it were too slow
///   clock       sets the server's time forward or back by SECONDS (30 either way) for good; not of a bag
///   empty       empties the clouds of the next point message; adds an output message with only the time
///   nan         gives the next point message coordinates that are NaN or infinite; points only
///   close       closes with 1000 after what is waiting
///
/// Exit code: 0 at the end of what was asked for and after SIGINT or SIGTERM, 2 for bad arguments and
/// unreadable recordings, 1 for anything else.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
pub(super) struct Arguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    bind: IpAddr,

    /// Port of the point stream, 0 for any
    #[arg(long, value_name = "PORT", default_value_t = POINTS_PORT)]
    points_port: u16,

    /// Port of the output stream (objects, zones, health), 0 for any
    #[arg(long, value_name = "PORT", default_value_t = OUTPUT_PORT)]
    output_port: u16,

    /// Make up clouds and objects
    #[arg(long, value_enum, value_name = "NAME", default_value = "street")]
    scene: Scene,

    /// Choose another scene of the kind: the same number gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "replay")]
    seed: u64,

    /// Send recorded scans instead: a PCD file, or a folder of them, sorted by name. Or a bag
    ///
    /// A bag is a *.mcap file or the folder of a rosbag2 recording, with the bridge's `wire` topic
    /// (publish.wire). Its frames go out on both streams as they came from SENSR, byte for byte, with the
    /// spacing of their arrival, and nothing else does. The clock starts when both streams have a client.
    /// What makes up or changes messages cannot be used with it: --rate, --points, --types, --alternate,
    /// --generation
    #[arg(long, value_name = "FILE_OR_DIR", conflicts_with = "scene")]
    replay: Option<PathBuf>,

    /// Begin the replay anew after the last scan or frame (a scene never ends)
    #[arg(long = "loop")]
    repeat: bool,

    /// Play a bag this many times as fast, 0 to 1000; 0: as fast as the clients take it, without loss
    /// [default: 1]
    #[arg(
        long,
        value_name = "FACTOR",
        requires = "replay",
        allow_negative_numbers = true
    )]
    speed: Option<f64>,

    /// The topic of the bag with the frames, if several bridges were recorded
    #[arg(long, value_name = "NAME", requires = "replay")]
    topic: Option<String>,

    /// Point messages per second, such as 10 or 0.5 [default: 10]
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    rate: Option<f64>,

    /// Exact size of each RAW cloud [default: 65536 for a scene, as recorded for a replay]
    #[arg(long, value_name = "N")]
    points: Option<usize>,

    /// The clouds of a message [default: raw,ground,background for a scene, raw for a replay, which
    /// sends the scan as it is under each type]
    #[arg(long, value_enum, value_name = "TYPES", value_delimiter = ',')]
    types: Vec<Type>,

    /// Send one of the types in each message, in turn, instead of all of them
    #[arg(long)]
    alternate: bool,

    /// End after this many point messages, when they are delivered; no fault begins any more then
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Start the clock at once instead of with the first client of the point stream (of a bag: of each stream)
    #[arg(long)]
    free_running: bool,

    /// Speak the output stream of SENSR 2.5 or of SENSR 3 [default: 3]
    #[arg(long = "generation", value_enum, value_name = "VERSION")]
    release: Option<Release>,

    /// What may wait for one client before it counts as too slow
    #[arg(long, value_name = "MIB", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    client_buffer_mib: u32,

    /// Seconds between pings, 0 for none; a client that leaves three unanswered is closed
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds,
          allow_negative_numbers = true)]
    ping_interval: f64,

    #[command(flatten)]
    faults: FaultArguments,

    #[command(flatten)]
    tls: TlsArguments,

    /// What `ros2 launch` appends to the arguments of whatever it starts: ignored
    #[arg(long, hide = true, num_args = 0.., allow_hyphen_values = true)]
    ros_args: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scene {
    /// Houses, traffic and people, seen by a laser scanner on a pole
    Street,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Release {
    /// 2.5
    #[value(name = "2.5")]
    V2_5,
    /// 3.0 and later
    #[value(name = "3")]
    V3,
}

impl From<Release> for Generation {
    fn from(release: Release) -> Self {
        match release {
            Release::V2_5 => Self::V2_5,
            Release::V3 => Self::V3,
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

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    let allowed = seconds.filter(|seconds| (0.0..=3600.0).contains(seconds));
    allowed.ok_or_else(|| "0 to 3600".to_owned())
}

impl Arguments {
    /// Parses the command line.
    pub(super) fn from_command_line() -> Result<Self, clap::Error> {
        Self::try_parse()
    }

    /// Returns whether commands are read from stdin.
    pub(super) fn is_controlled(&self) -> bool {
        self.faults.control
    }

    /// Validates the arguments and reads the fault script, if any.
    pub(super) fn options(self) -> Result<Options, Unusable> {
        let Scene::Street = self.scene;
        let faults = self.faults.all()?;
        let is_bag = self.replay.as_deref().is_some_and(is_bag);
        self.refuse_conflicts(is_bag)?;
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
            count: self.count,
            free_running: self.free_running,
            generation: self.release.map(Generation::from).unwrap_or_default(),
            client_buffer_bytes: self.client_buffer_mib as usize * (1 << 20),
            ping_interval: Some(ping_interval).filter(|interval| !interval.is_zero()),
            chaos: self.faults.chaos(),
            faults,
            tls: self.tls.into_options(),
        })
    }

    /// Refuses options that do not fit the recording, whose kind is known only after looking at the path.
    fn refuse_conflicts(&self, is_bag: bool) -> Result<(), Unusable> {
        let for_scans = [
            ("--rate", self.rate.is_some()),
            ("--points", self.points.is_some()),
            ("--types", !self.types.is_empty()),
            ("--alternate", self.alternate),
            ("--generation", self.release.is_some()),
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
            (true, Some(option), _) => Err(Unusable::WithBag(option)),
            (false, _, Some(option)) => Err(Unusable::WithScans(option)),
            _ => Ok(()),
        }
    }
}

/// Error of the arguments.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0} cannot be used with a bag: its frames are sent as they were recorded")]
    WithBag(&'static str),
    #[error("{0} can only be used with a bag: a *.mcap file or the folder of a recording")]
    WithScans(&'static str),
    #[error(transparent)]
    Script(#[from] ScriptFailure),
}

/// Returns the message of a command line error as one line, without the usage.
pub(super) fn one_line(error: &clap::Error) -> String {
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
