//! A SENSR server to try things with. See `sensr_sim --help`.

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use log::LevelFilter;
use sensr_bridge::sensr::wire::{CloudType, OUTPUT_PORT, POINTS_PORT};
use sensr_bridge::sim::{
    BagOptions, ChaosOptions, Fault, FaultEvent, Generation, Injector, Options, Report,
    ScriptError, Server, SimError, Source, TimedFault, TlsOptions, is_bag, parse_script,
};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The arguments or the input cannot be used.
const EXIT_BAD_REQUEST: u8 = 2;

/// Something else went wrong.
const EXIT_FAILURE: u8 = 1;

/// Lines of stdin that are read ahead.
const LINES_AHEAD: usize = 16;

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
struct Arguments {
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

    /// End after this many point messages, when they are delivered
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

    /// Let something go wrong, such as "at 2 cut points"; may be given more than once
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<TimedFault>,

    /// The same from a file, one fault a line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Carry out each line of stdin at once, without `at`; a bad one is answered with a line on stdout
    #[arg(long)]
    control: bool,

    /// Let all kinds of faults happen at random, one after the other: the same seed gives the same faults and
    /// pauses
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,

    /// The mean pause between the end of a fault and the next [default: 1.75]
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "chaos",
        allow_negative_numbers = true
    )]
    chaos_pause: Option<f64>,

    /// Serve both streams with TLS; the certificate of a throw-away CA is written to DIR/sensr-ca.crt
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,

    /// A DNS name or IP address in the server's certificate; may be given more than once [default:
    /// localhost, 127.0.0.1, ::1 and the address that is listened on]
    #[arg(long = "tls-name", value_name = "NAME", requires = "tls")]
    tls_names: Vec<String>,

    /// Use a certificate that expired yesterday
    #[arg(long, requires = "tls")]
    tls_expired: bool,

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
    fn options(self) -> Result<Options, Unusable> {
        let Scene::Street = self.scene;
        let faults = self.all_faults()?;
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
            faults,
            chaos: self.chaos.map(|seed| {
                let usual = ChaosOptions::new(seed);
                ChaosOptions {
                    mean_pause_secs: self.chaos_pause.unwrap_or(usual.mean_pause_secs),
                    ..usual
                }
            }),
            tls: self.tls.map(|dir| TlsOptions {
                dir,
                names: self.tls_names,
                is_expired: self.tls_expired,
            }),
        })
    }

    fn all_faults(&self) -> Result<Vec<TimedFault>, Unusable> {
        let mut faults = self.faults.clone();
        if let Some(path) = &self.script {
            let text = fs::read_to_string(path).map_err(|source| Unusable::Unreadable {
                path: path.clone(),
                source,
            })?;
            faults.extend(parse_script(&text).map_err(|source| Unusable::Script {
                path: path.clone(),
                source,
            })?);
        }
        Ok(faults)
    }

    /// Whether it is a bag can only be seen by looking at it.
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

/// Arguments that cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("{0} cannot be used with a bag: its frames are sent as they were recorded")]
    WithBag(&'static str),
    #[error("{0} can only be used with a bag: a *.mcap file or the folder of a recording")]
    WithScans(&'static str),
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}, {source}")]
    Script { path: PathBuf, source: ScriptError },
}

/// What is printed on stdout.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Listening {
        bind: IpAddr,
        points_port: u16,
        output_port: u16,
        tls: bool,
    },
    /// A line of stdin was not carried out.
    Error {
        line: String,
        message: String,
    },
    Done(Box<Report>),
}

fn main() -> ExitCode {
    init_log();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return refuse(&one_line(&error), EXIT_BAD_REQUEST),
        Err(help) => help.exit(),
    };
    let is_controlled = arguments.control;
    let options = match arguments.options() {
        Ok(options) => options,
        Err(unusable) => return refuse(&unusable.to_string(), EXIT_BAD_REQUEST),
    };
    match run(options, is_controlled) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Sim(error)) if error.is_bad_request() => {
            refuse(&error.to_string(), EXIT_BAD_REQUEST)
        }
        Err(error) => refuse(&error.to_string(), EXIT_FAILURE),
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn run(options: Options, is_controlled: bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let asked_to_stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::pin!(asked_to_stop);
        let (bind, tls) = (options.bind, options.tls.is_some());
        // Looking through a bag that has no summary can take long.
        let server = tokio::select! {
            started = Server::start(options) => started?,
            () = &mut asked_to_stop => return Ok(()),
        };
        let mut faults = server.fault_events();
        let port = |address: SocketAddr| address.port();
        print(&Event::Listening {
            bind,
            points_port: port(server.points_addr()),
            output_port: port(server.output_addr()),
            tls,
        })?;
        let injector = server.injector();
        let report = tokio::select! {
            report = server.run_until(asked_to_stop) => report?,
            failed = tell(&mut faults) => return failed,
            failed = obey(injector), if is_controlled => return failed,
        };
        while let Ok(fault) = faults.try_recv() {
            print(&fault)?;
        }
        print(&Event::Done(Box::new(report)))?;
        Ok(())
    });
    // Nobody waits for the rest of a file that is still being read.
    runtime.shutdown_background();
    ended
}

/// Prints the events of faults. Returns only if that fails.
async fn tell(faults: &mut mpsc::UnboundedReceiver<FaultEvent>) -> Result<(), Failure> {
    while let Some(fault) = faults.recv().await {
        print(&fault)?;
    }
    std::future::pending().await
}

/// Carries out the lines of stdin, to its end and not further. Returns only if that fails.
async fn obey(injector: Injector) -> Result<(), Failure> {
    let mut lines = stdin_lines()?;
    while let Some(line) = lines.recv().await {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let begun = match line.parse::<Fault>() {
            Ok(fault) => injector.inject(fault).await.map_err(|no| no.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = begun {
            print(&Event::Error { line, message })?;
        }
    }
    std::future::pending().await
}

/// The lines of stdin, read in a thread of its own: nothing else can wait for them and for a signal.
fn stdin_lines() -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let read = move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(read)?;
    Ok(receiver)
}

/// Prints one line and makes sure that it is seen.
fn print(event: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

/// The message of an error of the command line without the usage.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let is_advice = |line: &str| line.starts_with("Usage:") || line.starts_with("For more");
    let message = lines.take_while(|line| !is_advice(line));
    let words: Vec<&str> = message.filter(|line| !line.is_empty()).collect();
    let text = words.join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

#[expect(clippy::print_stderr, reason = "the one place that reports the error")]
fn refuse(message: &str, code: u8) -> ExitCode {
    eprintln!("sensr_sim: {message}");
    ExitCode::from(code)
}

fn init_log() {
    let start = Instant::now();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_default_env()
        .format(move |out, record| {
            let at = start.elapsed().as_secs_f64();
            writeln!(out, "{at:9.3} {:5} {}", record.level(), record.args())
        })
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Options, String> {
        let words = std::iter::once("sensr_sim").chain(line.split_whitespace());
        let parsed = Arguments::try_parse_from(words);
        let arguments = parsed.map_err(|error| one_line(&error))?;
        arguments.options().map_err(|unusable| unusable.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_arguments_are_the_defaults() {
        assert_eq!(parse(""), Ok(Options::default()));
    }

    #[test]
    fn arguments_become_options() {
        let options = parse(
            "--replay scans --loop --types raw,ground --alternate --rate 0.5 --generation 2.5",
        );
        let expected = Options {
            source: Source::Replay {
                path: "scans".into(),
                repeat: true,
            },
            types: vec![CloudType::Raw, CloudType::Ground],
            alternate: true,
            rate_hz: 0.5,
            generation: Generation::V2_5,
            ..Options::default()
        };
        assert_eq!(options, Ok(expected));
    }

    #[test]
    fn a_bag_is_told_from_scans_by_its_name() {
        let options = parse("--replay x/site.mcap --loop --speed 0 --topic /a/wire --count 5");
        let expected = Options {
            source: Source::Bag(BagOptions {
                repeat: true,
                topic: Some("/a/wire".into()),
                speed: 0.0,
                ..BagOptions::new("x/site.mcap")
            }),
            count: Some(5),
            ..Options::default()
        };
        assert_eq!(options, Ok(expected));
        let options = parse("--replay x.mcap").expect("allowed");
        assert_eq!(options.source, Source::Bag(BagOptions::new("x.mcap")));
    }

    #[test]
    fn faults_and_tls_become_options() {
        let options =
            parse("--fault cut --fault stall --chaos 7 --tls x --tls-name a --tls-expired");
        let expected = Options {
            faults: ["cut", "stall"]
                .map(|text| text.parse().expect("a fault"))
                .to_vec(),
            chaos: Some(ChaosOptions::new(7)),
            tls: Some(TlsOptions {
                names: vec!["a".to_owned()],
                is_expired: true,
                ..TlsOptions::new("x")
            }),
            ..Options::default()
        };
        assert_eq!(options, Ok(expected));
        let options = parse("--chaos 7 --chaos-pause 0.2").expect("allowed");
        let chaos = options.chaos.expect("asked for");
        assert!((chaos.mean_pause_secs - 0.2).abs() < 1e-9);
    }

    #[test]
    fn ros2_launch_may_start_it() {
        let line = "--points 7 --ros-args -r __ns:=/samyang --params-file x.yaml";
        assert_eq!(parse(line), parse("--points 7"));
        assert_eq!(parse("--ros-args"), Ok(Options::default()));
    }

    #[test]
    fn refusals_are_one_line_that_says_what_is_allowed() {
        for (line, word) in [
            ("--scene street --replay x", "--replay"),
            ("--scene moon", "street"),
            ("--types raw,sky", "background"),
            ("--client-buffer-mib 0", "1..=65536"),
            ("--ping-interval -1", "0 to 3600"),
            ("--rate fast", "--rate"),
            ("--generation 4", "2.5, 3"),
            ("--points -1", "-1"),
            (
                "--replay x.mcap --rate 10",
                "--rate cannot be used with a bag",
            ),
            ("--replay x.mcap --points 7", "--points cannot"),
            ("--replay x.mcap --types raw", "--types cannot"),
            ("--replay x.mcap --alternate", "--alternate cannot"),
            ("--replay x.mcap --generation 3", "--generation cannot"),
            ("--replay x.mcap --seed 7", "--seed"),
            ("--replay x.mcap --scene street", "--scene"),
            (
                "--replay x.pcd --speed 2",
                "--speed can only be used with a bag",
            ),
            ("--replay x.pcd --topic wire", "--topic can only"),
            ("--speed 2", "--replay"),
            ("--fault explode", "refuse, restart, mute"),
            ("--script /nowhere/script", "/nowhere/script"),
            ("--chaos x", "--chaos"),
            ("--chaos-pause 1", "--chaos"),
            ("--tls-name x", "--tls"),
            ("--tls-expired", "--tls"),
        ] {
            let text = parse(line).expect_err(line);
            assert!(text.contains(word), "{text}");
            assert!(!text.contains('\n') && !text.contains("--help"), "{text}");
        }
    }
}
