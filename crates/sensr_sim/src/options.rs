//! Options of a simulated server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::fault::{ChaosOptions, TimedFault};
use super::tls::TlsOptions;
use sensr_protocol::wire::{CloudType, OUTPUT_PORT, POINTS_PORT};

/// Default size of a RAW cloud of the scene, points.
pub const DEFAULT_SCENE_POINTS: usize = 65_536;

/// Largest size of a cloud, points: 64 MB on the wire, twice what SENSR sends.
pub const MAX_POINTS: usize = 4_000_000;

/// Highest rate of point messages, Hz.
pub const MAX_RATE_HZ: f64 = 10_000.0;

/// Most sensors.
pub const MAX_SENSORS: u32 = 64;

/// Highest playback speed of a bag, as a multiple of the recorded speed.
pub const MAX_SPEED: f64 = 1000.0;

/// Source of the clouds.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Ray-cast street with houses, traffic and people. The same seed gives the same bytes.
    Street {
        /// Seed of the houses, colours, traffic and noise.
        seed: u64,
    },
    /// PCD files, one cloud each.
    Replay {
        /// A file, or a folder whose `*.pcd` files are played in natural order of their names.
        path: PathBuf,
        /// Restart after the last file instead of ending.
        repeat: bool,
    },
    /// Frames of both streams as a bridge received them. [`Options::rate_hz`], [`Options::points`],
    /// [`Options::types`], [`Options::alternate`], [`Options::sensors`] and [`Options::generation`] are ignored.
    Bag(BagOptions),
}

/// Options of the replay of a bag.
#[derive(Debug, Clone, PartialEq)]
pub struct BagOptions {
    /// MCAP file or folder of a rosbag2 recording.
    pub path: PathBuf,
    /// Restart after the last frame instead of ending.
    pub repeat: bool,
    /// Topic with the frames; required if several topics have frames.
    pub topic: Option<String>,
    /// Multiple of the recorded speed, at most [`MAX_SPEED`]. 0: as fast as the clients read, without overflow; waits
    /// for a client of each stream unless [`Options::free_running`] is set.
    pub speed: f64,
}

impl BagOptions {
    /// Returns options to play a bag once at the recorded speed.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            repeat: false,
            topic: None,
            speed: 1.0,
        }
    }
}

/// SENSR generation of the output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// SENSR 2.5: its own custom part, label GATE, node status `INPUT_NOT_AVAILABLE`.
    V2_5,
    /// SENSR 3.3.
    #[default]
    V3,
}

/// Options of a simulated server, checked by [`Server::start`](crate::Server::start).
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Address of both ports.
    pub bind: IpAddr,
    /// Port of the point stream; 0 for any free port.
    pub points_port: u16,
    /// Port of the output stream; 0 for any free port.
    pub output_port: u16,
    /// Source of the clouds.
    pub source: Source,
    /// Point messages per second: more than 0, at most [`MAX_RATE_HZ`].
    pub rate_hz: f64,
    /// Size of every RAW cloud. GROUND and BACKGROUND are parts of it in the scene; in a replay every listed type has
    /// this size. `None`: [`DEFAULT_SCENE_POINTS`] for the scene, the size of each scan for a replay.
    pub points: Option<usize>,
    /// Clouds of a point message, in this order. Empty: RAW, GROUND and BACKGROUND for the scene, as a SENSR server
    /// sends them at run time, and RAW for a replay. A replay sends the same scan under every listed type.
    pub types: Vec<CloudType>,
    /// Sends only type number `k % types.len()` in message `k` instead of all types.
    pub alternate: bool,
    /// Number of sensors, at most [`MAX_SENSORS`], that SENSR calibrates: RAW clouds name them in turn, one in each
    /// message, by ids of the form `algo#topic`. 0: run time, without ids. A replay sends each scan under every sensor.
    pub sensors: u32,
    /// Number of point messages after which the server ends, once they are delivered. Of a bag, the output frames
    /// recorded between them are sent too.
    pub count: Option<u64>,
    /// Starts the clock at once. Otherwise it starts with the first client of the point stream, which therefore
    /// gets every message from the first one on; a bag waits for one client of each stream.
    pub free_running: bool,
    /// SENSR generation of the output stream.
    pub generation: Generation,
    /// Capacity of the send queue of one client, bytes, at least 1. A client that exceeds it is closed with
    /// [`CLOSE_OVERFLOW_REASON`](crate::CLOSE_OVERFLOW_REASON).
    pub client_buffer_bytes: usize,
    /// Interval of pings; a client that answers nothing for three intervals is closed. `None` for no pings.
    pub ping_interval: Option<Duration>,
    /// Faults in any order.
    pub faults: Vec<TimedFault>,
    /// Additional random faults.
    pub chaos: Option<ChaosOptions>,
    /// TLS settings of both streams; `None` for plain TCP.
    pub tls: Option<TlsOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: Ipv4Addr::LOCALHOST.into(),
            points_port: POINTS_PORT,
            output_port: OUTPUT_PORT,
            source: Source::Street { seed: 1 },
            rate_hz: 10.0,
            points: None,
            types: Vec::new(),
            alternate: false,
            sensors: 0,
            count: None,
            free_running: false,
            generation: Generation::default(),
            client_buffer_bytes: 64 << 20,
            ping_interval: Some(Duration::from_secs(5)),
            faults: Vec::new(),
            chaos: None,
            tls: None,
        }
    }
}

impl Options {
    /// Returns the defaults with any free ports, for tests.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            points_port: 0,
            output_port: 0,
            ..Self::default()
        }
    }

    /// Returns the clouds of a point message, with defaults filled in.
    #[must_use]
    pub fn effective_types(&self) -> Vec<CloudType> {
        match (&self.source, self.types.as_slice()) {
            (Source::Street { .. }, []) => {
                vec![CloudType::Raw, CloudType::Ground, CloudType::Background]
            }
            (Source::Replay { .. } | Source::Bag(_), []) => vec![CloudType::Raw],
            (_, listed) => listed.to_vec(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), OptionsError> {
        let refuse = |name, allowed, given| {
            Err(OptionsError {
                name,
                allowed,
                given,
            })
        };
        if !(self.rate_hz > 0.0 && self.rate_hz <= MAX_RATE_HZ) {
            let given = self.rate_hz.to_string();
            return refuse("rate", "more than 0 and at most 10000 Hz", given);
        }
        if let Some(points) = self.points.filter(|&points| points > MAX_POINTS) {
            return refuse("points", "0 to 4000000", points.to_string());
        }
        if self.sensors > MAX_SENSORS {
            return refuse("sensors", "0 to 64", self.sensors.to_string());
        }
        if self.sensors > 0 && !self.effective_types().contains(&CloudType::Raw) {
            let given = format!("{} without RAW clouds", self.sensors);
            return refuse("sensors", "used with types that include raw", given);
        }
        if self.count == Some(0) {
            return refuse("count", "1 or more", "0".to_owned());
        }
        if self.client_buffer_bytes == 0 {
            return refuse("client buffer", "1 byte or more", "0".to_owned());
        }
        if self.ping_interval == Some(Duration::ZERO) {
            return refuse("ping interval", "more than 0 s", "0".to_owned());
        }
        if self.types.contains(&CloudType::None) {
            let allowed = "raw, ground or background";
            return refuse("types", allowed, "none".to_owned());
        }
        if let Source::Bag(bag) = &self.source
            && !(0.0..=MAX_SPEED).contains(&bag.speed)
        {
            return refuse("speed", "0 to 1000", bag.speed.to_string());
        }
        if let Source::Bag(_) = &self.source
            && let Some(timed) = self
                .faults
                .iter()
                .find(|timed| !timed.fault.kind.supports_bags())
        {
            let allowed = "one that can happen to recorded frames";
            return refuse("fault", allowed, timed.fault.to_string());
        }
        if let Some(chaos) = &self.chaos
            && !(chaos.mean_pause_secs > 0.0 && chaos.mean_pause_secs <= 3600.0)
        {
            let given = chaos.mean_pause_secs.to_string();
            return refuse("chaos pause", "more than 0 and at most 3600 s", given);
        }
        if let Some(twice) = first_repeated(&self.types) {
            let given = twice.as_str_name().to_lowercase() + " twice";
            return refuse("types", "each of raw, ground, background once", given);
        }
        Ok(())
    }
}

fn first_repeated(types: &[CloudType]) -> Option<CloudType> {
    let repeated = |(index, kind): (usize, &CloudType)| types[..index].contains(kind);
    let mut entries = types.iter().enumerate();
    entries
        .find(|&entry| repeated(entry))
        .map(|(_, &kind)| kind)
}

/// Error of an option with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {given} is not allowed, it must be {allowed}")]
pub struct OptionsError {
    /// Name of the option.
    pub name: &'static str,
    /// Allowed values.
    pub allowed: &'static str,
    /// Given value.
    pub given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validation_error(options: &Options) -> String {
        options.validate().expect_err("must be refused").to_string()
    }

    #[test]
    fn defaults_are_valid_and_bind_to_loopback() {
        Options::default().validate().expect("defaults");
        assert!(Options::default().bind.is_loopback());
    }

    #[test]
    fn errors_name_the_option_the_range_and_the_value() {
        for rate_hz in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let text = validation_error(&Options {
                rate_hz,
                ..Options::default()
            });
            assert!(text.contains("rate"), "{text}");
            assert!(text.contains(&rate_hz.to_string()), "{text}");
            assert!(text.contains("at most 10000 Hz"), "{text}");
        }
        for speed in [-1.0, 1000.5, f64::NAN] {
            let text = validation_error(&Options {
                source: Source::Bag(BagOptions {
                    speed,
                    ..BagOptions::new("bag")
                }),
                ..Options::default()
            });
            assert!(
                text.contains("speed") && text.contains("0 to 1000"),
                "{text}"
            );
        }
        let text = validation_error(&Options {
            points: Some(4_000_001),
            ..Options::default()
        });
        assert!(text.contains("4000001"), "{text}");
        let text = validation_error(&Options {
            chaos: Some(ChaosOptions {
                mean_pause_secs: 0.0,
                ..ChaosOptions::new(1)
            }),
            ..Options::default()
        });
        assert!(text.contains("at most 3600 s"), "{text}");
        let text = validation_error(&Options {
            source: Source::Bag(BagOptions::new("bag")),
            faults: vec!["clock".parse().expect("a fault")],
            ..Options::default()
        });
        assert!(text.contains("clock both"), "{text}");
        let text = validation_error(&Options {
            types: vec![CloudType::Raw, CloudType::Ground, CloudType::Raw],
            ..Options::default()
        });
        assert!(text.contains("raw twice"), "{text}");
        let text = validation_error(&Options {
            sensors: 65,
            ..Options::default()
        });
        assert!(text.contains("65") && text.contains("0 to 64"), "{text}");
        let text = validation_error(&Options {
            sensors: 2,
            types: vec![CloudType::Ground],
            ..Options::default()
        });
        assert!(text.contains("2 without RAW clouds"), "{text}");
    }

    #[test]
    fn replay_sends_raw_by_default() {
        let mut options = Options {
            source: Source::Replay {
                path: "scans".into(),
                repeat: false,
            },
            ..Options::default()
        };
        assert_eq!(options.effective_types(), [CloudType::Raw]);
        options.types = vec![CloudType::Ground];
        assert_eq!(options.effective_types(), [CloudType::Ground]);
    }
}
