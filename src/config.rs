//! The parameters: declared once in [`table`], turned into a checked [`Config`] exactly once.

pub mod hosts;
pub mod table;
pub mod yaml;

use std::path::PathBuf;
use std::time::Duration;

use crate::sensr::backoff;
use crate::topic::CloudTopic;
pub use table::{ParameterError, Settings, Value};

/// Checked parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address, or the name of a site in the hosts file.
    pub host: String,
    /// The hosts file. None for the one that comes with the package.
    pub hosts_file: Option<PathBuf>,
    /// TCP port of the point stream, where the hosts file does not name another.
    pub points_port: u16,
    /// At most one message per topic and interval. Zero lets all pass.
    pub pointcloud_interval: Duration,
    /// Which topics are wanted, in the order of [`CloudTopic::ALL`].
    pub publish: [bool; CloudTopic::COUNT],
    /// Frame of all clouds.
    pub frame_id: String,
    /// Quality of service of the cloud topics.
    pub qos: CloudQos,
    /// Bound of the queue between reader and publisher, per stream.
    pub queue_max_bytes: usize,
    /// A larger message closes the link.
    pub max_message_bytes: usize,
    /// The pauses between attempts to connect.
    pub reconnect: backoff::Bounds,
    /// How often statistics are published.
    pub statistics_period: Duration,
}

/// Quality of service of the cloud topics. Always volatile, keep last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudQos {
    /// Reliable, or best effort.
    pub reliable: bool,
    /// How many clouds the middleware keeps for a slow subscriber.
    pub depth: usize,
}

impl Config {
    /// Checks what no range can: how values fit together.
    ///
    /// # Panics
    ///
    /// If the table lacks a parameter that is read here, or has it with another type. A test reads them
    /// all.
    pub fn from_settings(settings: &Settings) -> Result<Self, ParameterError> {
        let config = Self {
            host: settings.string("host").to_owned(),
            hosts_file: match settings.string("hosts_file") {
                "" => None,
                path => Some(path.into()),
            },
            points_port: settings.unsigned("points_port"),
            pointcloud_interval: settings.seconds("pointcloud_interval"),
            publish: CloudTopic::ALL.map(|topic| {
                settings.bool(match topic {
                    CloudTopic::Raw => "publish.raw",
                    CloudTopic::Ground => "publish.ground",
                    CloudTopic::Background => "publish.background",
                })
            }),
            frame_id: settings.string("frame_id").to_owned(),
            qos: CloudQos {
                reliable: settings.string("qos.reliability") == "reliable",
                depth: settings.unsigned("qos.depth"),
            },
            queue_max_bytes: settings.unsigned("queue_max_bytes"),
            max_message_bytes: settings.unsigned("max_message_bytes"),
            reconnect: backoff::Bounds {
                initial_delay: settings.seconds("reconnect.initial_delay"),
                max_delay: settings.seconds("reconnect.max_delay"),
            },
            statistics_period: settings.seconds("statistics_period"),
        };
        config.check_pairs()?;
        Ok(config)
    }

    fn check_pairs(&self) -> Result<(), ParameterError> {
        if self.reconnect.initial_delay > self.reconnect.max_delay {
            return Err(ParameterError::Conflict {
                name: "reconnect.initial_delay",
                value: self.reconnect.initial_delay.as_secs_f64().to_string(),
                rule: "not above reconnect.max_delay",
                other: self.reconnect.max_delay.as_secs_f64().to_string(),
            });
        }
        if self.max_message_bytes > self.queue_max_bytes {
            return Err(ParameterError::Conflict {
                name: "max_message_bytes",
                value: self.max_message_bytes.to_string(),
                rule: "not above queue_max_bytes",
                other: self.queue_max_bytes.to_string(),
            });
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::from_settings(&Settings::default()).expect("the defaults are tested to be valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[(&str, Value)]) -> Result<Config, ParameterError> {
        let mut settings = Settings::default();
        for (name, value) in changes {
            settings.set(name, value.clone())?;
        }
        Config::from_settings(&settings)
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = Config::default();
        assert_eq!(config.host, "localhost");
        assert_eq!(config.hosts_file, None);
        assert_eq!(config.points_port, 5051);
        assert_eq!(config.publish, [true; 3]);
        assert!(config.qos.reliable);
    }

    #[test]
    fn values_arrive() {
        let config = changed(&[
            ("pointcloud_interval", Value::Double(0.25)),
            ("publish.ground", Value::Bool(false)),
            ("qos.reliability", Value::String("best_effort".into())),
            ("reconnect.max_delay", Value::Integer(3)),
            ("hosts_file", Value::String("sites.yaml".into())),
        ])
        .expect("valid");
        assert_eq!(config.pointcloud_interval, Duration::from_millis(250));
        assert_eq!(config.publish, [true, false, true]);
        assert!(!config.qos.reliable);
        assert_eq!(config.reconnect.max_delay, Duration::from_secs(3));
        assert_eq!(config.hosts_file, Some("sites.yaml".into()));
    }

    #[test]
    fn pairs_that_do_not_fit_are_refused_with_both_values() {
        let error = changed(&[("reconnect.initial_delay", Value::Double(40.0))])
            .expect_err("above max_delay")
            .to_string();
        for part in ["reconnect.initial_delay", "40", "reconnect.max_delay", "30"] {
            assert!(error.contains(part), "{error}");
        }
        let error = changed(&[("queue_max_bytes", Value::Integer(1 << 20))])
            .expect_err("below max_message_bytes")
            .to_string();
        assert!(error.contains("max_message_bytes"), "{error}");
    }
}
