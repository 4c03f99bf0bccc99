//! What a simulated server is asked to do.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::fault::{ChaosOptions, TimedFault};
use super::tls::TlsOptions;
use sensr_protocol::wire::{CloudType, OUTPUT_PORT, POINTS_PORT};

/// Points of one cloud of the scene unless told otherwise.
pub const DEFAULT_SCENE_POINTS: usize = 65_536;

/// The most points a cloud may be resampled to: 64 MB on the wire, twice what SENSR sends.
pub const MAX_POINTS: usize = 4_000_000;

/// The highest rate of point messages, Hz.
pub const MAX_RATE_HZ: f64 = 10_000.0;

/// The highest speed of a bag, times that of the recording.
pub const MAX_SPEED: f64 = 1000.0;

/// Where the clouds come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A street with houses, traffic and people, ray-cast. The same seed gives the same bytes.
    Street {
        /// Chooses the houses, the colours, the traffic and the noise.
        seed: u64,
    },
    /// PCD files, one cloud each.
    Replay {
        /// A file, or a folder whose `*.pcd` files are played in the order of their names.
        path: PathBuf,
        /// Start again after the last file, for ever, instead of ending.
        repeat: bool,
    },
    /// The frames of both streams as a bridge received them. [`Options::rate_hz`], [`Options::points`],
    /// [`Options::types`], [`Options::alternate`] and [`Options::generation`] have no meaning then.
    Bag(BagOptions),
}

/// A bag to replay.
#[derive(Debug, Clone, PartialEq)]
pub struct BagOptions {
    /// An MCAP file, or the folder of a rosbag2 recording.
    pub path: PathBuf,
    /// Start again after the last frame, for ever, instead of ending.
    pub repeat: bool,
    /// The topic with the frames, if there is more than one such.
    pub topic: Option<String>,
    /// Times the speed of the recording, at most [`MAX_SPEED`]. 0: as fast as the clients take it, and nobody
    /// overflows; a stream without a client is waited for, unless [`Options::free_running`].
    pub speed: f64,
}

impl BagOptions {
    /// Once, at the speed of the recording.
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

/// The SENSR whose output stream is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// SENSR 2.5: another custom part, gates among the labels, nodes without input.
    V2_5,
    /// SENSR 3.3.
    #[default]
    V3,
}

/// What a simulated server is asked to do. Checked by [`Server::start`](crate::Server::start).
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Address both ports listen on.
    pub bind: IpAddr,
    /// Port of the point stream; 0 lets the system choose.
    pub points_port: u16,
    /// Port of the output stream; 0 lets the system choose.
    pub output_port: u16,
    /// Where the clouds come from.
    pub source: Source,
    /// Point messages per second: more than 0, at most [`MAX_RATE_HZ`].
    pub rate_hz: f64,
    /// Size of every RAW cloud. In the scene GROUND and BACKGROUND are its parts, in a replay every
    /// listed type has this size. `None`: [`DEFAULT_SCENE_POINTS`], or each scan as it is.
    pub points: Option<usize>,
    /// The clouds of a point message, in this order. Empty: RAW, GROUND and BACKGROUND for the scene,
    /// as a server at run time sends them, and RAW for a replay. A replay sends the scan as it is
    /// under every listed type.
    pub types: Vec<CloudType>,
    /// Message `k` carries only type number `k % types.len()` instead of all of them.
    pub alternate: bool,
    /// End after this many point messages, once they are delivered. Of a bag also what was recorded between them
    /// on the output stream is sent.
    pub count: Option<u64>,
    /// Start the clock at once. Otherwise the world stands still until the first client of the point
    /// stream has connected, which therefore gets every message from the first one on; a bag waits for one of
    /// each stream.
    pub free_running: bool,
    /// Which SENSR it is.
    pub generation: Generation,
    /// Bytes that may wait for one client, at least 1. See
    /// [`CLOSE_OVERFLOW_REASON`](crate::CLOSE_OVERFLOW_REASON) for what happens beyond.
    pub client_buffer_bytes: usize,
    /// How often a client is pinged; one that answers nothing for three times as long is closed.
    /// `None`: never.
    pub ping_interval: Option<Duration>,
    /// What goes wrong, in any order.
    pub faults: Vec<TimedFault>,
    /// What goes wrong at random, besides.
    pub chaos: Option<ChaosOptions>,
    /// Both streams are served with TLS.
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
    /// The defaults on ports that the system chooses: what a test wants.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            points_port: 0,
            output_port: 0,
            ..Self::default()
        }
    }

    /// The clouds of a point message, defaults filled in.
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

    pub(super) fn check(&self) -> Result<(), OptionsError> {
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
                .find(|timed| !timed.fault.kind.fits_bag())
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

/// An option with a value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {given} is not allowed, it must be {allowed}")]
pub struct OptionsError {
    /// The option's name.
    pub name: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// What was given.
    pub given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: &Options) -> String {
        options.check().expect_err("must be refused").to_string()
    }

    #[test]
    fn defaults_are_allowed_and_bind_to_loopback() {
        Options::default().check().expect("defaults");
        assert!(Options::default().bind.is_loopback());
    }

    #[test]
    fn refusals_name_the_option_the_range_and_the_value() {
        for rate_hz in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let text = refused(&Options {
                rate_hz,
                ..Options::default()
            });
            assert!(text.contains("rate"), "{text}");
            assert!(text.contains(&rate_hz.to_string()), "{text}");
            assert!(text.contains("at most 10000 Hz"), "{text}");
        }
        for speed in [-1.0, 1000.5, f64::NAN] {
            let text = refused(&Options {
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
        let text = refused(&Options {
            points: Some(4_000_001),
            ..Options::default()
        });
        assert!(text.contains("4000001"), "{text}");
        let text = refused(&Options {
            chaos: Some(ChaosOptions {
                mean_pause_secs: 0.0,
                ..ChaosOptions::new(1)
            }),
            ..Options::default()
        });
        assert!(text.contains("at most 3600 s"), "{text}");
        let text = refused(&Options {
            source: Source::Bag(BagOptions::new("bag")),
            faults: vec!["clock".parse().expect("a fault")],
            ..Options::default()
        });
        assert!(text.contains("clock both"), "{text}");
        let text = refused(&Options {
            types: vec![CloudType::Raw, CloudType::Ground, CloudType::Raw],
            ..Options::default()
        });
        assert!(text.contains("raw twice"), "{text}");
    }

    #[test]
    fn a_replay_is_raw_unless_told_otherwise() {
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
