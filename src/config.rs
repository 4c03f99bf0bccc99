//! Configuration: parameters declared in a [`table`], parsed and checked as [`Config`] or [`RecorderConfig`]; that of the
//! bridge is resolved with the hosts file as [`ResolvedConfig`].

pub mod address;
mod config_error;
mod escape;
pub mod hosts;
pub mod overrides;
pub mod parameter;
pub mod path;
pub mod place;
mod recorder_config;
pub mod render;
pub mod resolve;
mod resolved_config;
pub mod ros_arguments;
pub mod schema;
pub mod set_request;
pub mod settings;
mod suggest;
pub mod table;
pub mod text_file;
mod topic_pattern;
pub mod yaml_tree;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use crate::connection::backoff;
use crate::connection::keepalive::KeepAliveTimeouts;
use crate::connection::tls::TlsOptions;
use crate::topic::{Switch, Topic};
pub use config_error::ConfigError;
pub use hosts::Hosts;
pub use parameter::{ParameterError, Value};
use place::Place;
pub use recorder_config::RecorderConfig;
pub use resolved_config::ResolvedConfig;
pub use settings::Settings;
use table::BRIDGE;

/// Checked parameters of `sensr_bridge`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address, or the name of a site in the hosts file.
    pub host: String,
    /// Hosts file. `None` for the one of the package.
    pub hosts_file: Option<PathBuf>,
    /// TCP port of the output stream.
    pub output_port: u16,
    /// TCP port of the point stream.
    pub points_port: u16,
    /// Use TLS on both links.
    pub tls_enabled: bool,
    /// TLS settings, used if `tls_enabled`.
    pub tls: TlsOptions,
    /// Rate limit: at most one cloud per topic and interval. Zero: no limit.
    pub pointcloud_interval: Duration,
    /// Rate limit of objects and markers. Zero: no limit.
    pub output_data_interval: Duration,
    /// Most points of a preview.
    pub preview_points: usize,
    /// Rate limit of the preview. Zero: no limit.
    pub preview_interval: Duration,
    /// Publish RAW clouds that name a sensor on the topic of that sensor as well.
    pub split_raw_by_sensor: bool,
    /// Enabled topics, in the order of [`Switch::ALL`].
    pub publish: [bool; Switch::ALL.len()],
    /// Coordinate frame of all messages.
    pub frame_id: String,
    /// Parent of that frame. `None`: no transform is published.
    pub parent_frame: Option<String>,
    /// Transform within the parent frame, and origin on earth.
    pub place: Place,
    /// Frame that is fixed to the earth. `None`: no transform to it is published.
    pub earth_frame: Option<String>,
    /// Clock of all stamps.
    pub stamp_source: StampSource,
    /// Quality of service of the cloud topics.
    pub qos: CloudQos,
    /// Bound of the queue between connection and publisher, per stream.
    pub queue_max_bytes: usize,
    /// Largest accepted message. A larger one closes the link.
    pub max_message_bytes: usize,
    /// Time after the start during which reliable messages wait for the first subscriber of their topic.
    pub startup_hold: Duration,
    /// Delays between connection attempts.
    pub reconnect: backoff::BackoffLimits,
    /// Keep-alive timeouts.
    pub keep_alive: KeepAliveTimeouts,
    /// Interval at which statistics are published.
    pub statistics_period: Duration,
}

/// Clock of the stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampSource {
    /// This machine's system clock, at the arrival of the complete frame.
    Receive,
    /// The server's clock.
    Server,
}

/// Quality of service of the cloud topics. Durability is volatile and history keep last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudQos {
    /// Reliable instead of best effort.
    pub reliable: bool,
    /// Clouds that the middleware keeps for slow subscribers, per topic.
    pub depth: usize,
}

impl Config {
    /// Converts settings, and checks that they are consistent with one another.
    ///
    /// # Panics
    ///
    /// If the table lacks a parameter that is read here, or declares it with another type. A test reads all.
    pub fn from_settings(settings: &Settings) -> Result<Self, ParameterError> {
        let config = Self::convert(settings)?;
        let first = config.conflicts().into_iter().next();
        first.map_or(Ok(config), Err)
    }

    /// Returns all errors with which [`from_settings`](Self::from_settings) would fail one after the other.
    #[must_use]
    pub fn errors_of(settings: &Settings) -> Vec<ParameterError> {
        Self::convert(settings).map_or_else(|error| vec![error], |config| config.conflicts())
    }

    fn convert(settings: &Settings) -> Result<Self, ParameterError> {
        Ok(Self {
            host: settings.string("host").to_owned(),
            hosts_file: non_empty(settings.path("hosts_file")?),
            output_port: settings.unsigned("output_port"),
            points_port: settings.unsigned("points_port"),
            tls_enabled: settings.bool("tls.enabled"),
            tls: TlsOptions {
                ca_file: settings.path("tls.ca_file")?,
                server_name: non_empty(settings.string("tls.server_name").to_owned()),
                verify_name: settings.bool("tls.verify_name"),
            },
            pointcloud_interval: settings.seconds("pointcloud_interval"),
            output_data_interval: settings.seconds("output_data_interval"),
            preview_points: settings.unsigned("preview.points"),
            preview_interval: settings.seconds("preview.interval"),
            split_raw_by_sensor: settings.bool("split_raw_by_sensor"),
            publish: Switch::ALL.map(|switch| settings.bool(switch.parameter())),
            frame_id: settings.string("frame_id").to_owned(),
            parent_frame: non_empty(settings.string("parent_frame").to_owned()),
            place: Place::from_settings(settings),
            earth_frame: non_empty(settings.string("earth_frame").to_owned()),
            stamp_source: if settings.string("stamp_source") == "server" {
                StampSource::Server
            } else {
                StampSource::Receive
            },
            qos: CloudQos {
                reliable: settings.string("qos.reliability") == "reliable",
                depth: settings.unsigned("qos.depth"),
            },
            queue_max_bytes: settings.unsigned("queue_max_bytes"),
            max_message_bytes: settings.unsigned("max_message_bytes"),
            startup_hold: settings.seconds("startup_hold"),
            reconnect: backoff::BackoffLimits {
                initial_delay: settings.seconds("reconnect.initial_delay"),
                max_delay: settings.seconds("reconnect.max_delay"),
            },
            keep_alive: KeepAliveTimeouts {
                stall_timeout: settings.seconds("stall_timeout"),
                ping_interval: settings.seconds("ping_interval"),
            },
            statistics_period: settings.seconds("statistics_period"),
        })
    }

    /// Returns whether a topic is enabled.
    #[must_use]
    pub fn publishes(&self, topic: Topic) -> bool {
        topic
            .switch()
            .is_none_or(|switch| self.publish[switch as usize])
    }

    /// Frame that the origin on earth belongs to: the root of the site's own frames.
    #[must_use]
    pub fn origin_frame(&self) -> &str {
        self.parent_frame.as_ref().unwrap_or(&self.frame_id)
    }

    /// Returns the TLS settings if TLS is enabled.
    #[must_use]
    pub fn enabled_tls(&self) -> Option<&TlsOptions> {
        self.tls_enabled.then_some(&self.tls)
    }

    /// Returns all conflicts of values with one another.
    fn conflicts(&self) -> Vec<ParameterError> {
        let mut conflicts = Vec::new();
        if self.reconnect.initial_delay > self.reconnect.max_delay {
            conflicts.push(ParameterError::Conflict {
                name: "reconnect.initial_delay",
                value: self.reconnect.initial_delay.as_secs_f64().to_string(),
                rule: "not above reconnect.max_delay",
                other: self.reconnect.max_delay.as_secs_f64().to_string(),
            });
        }
        if self.parent_frame.as_ref() == Some(&self.frame_id) {
            conflicts.push(ParameterError::Conflict {
                name: "parent_frame",
                value: self.frame_id.clone(),
                rule: "different from frame_id",
                other: self.frame_id.clone(),
            });
        }
        for (frame, rule) in [
            (Some(&self.frame_id), "different from frame_id"),
            (self.parent_frame.as_ref(), "different from parent_frame"),
        ] {
            if let Some(frame) = frame.filter(|frame| self.earth_frame.as_ref() == Some(*frame)) {
                conflicts.push(ParameterError::Conflict {
                    name: "earth_frame",
                    value: frame.clone(),
                    rule,
                    other: frame.clone(),
                });
            }
        }
        let origin = &self.place.origin;
        if self.place.has_origin && (origin.latitude_deg, origin.longitude_deg) == (0.0, 0.0) {
            // The defaults, a place in the ocean.
            conflicts.push(ParameterError::Missing {
                name: "origin.latitude_deg",
                needed_by: "origin.enabled",
            });
        }
        if self.keep_alive.ping_interval >= self.keep_alive.stall_timeout {
            conflicts.push(ParameterError::Conflict {
                name: "ping_interval",
                value: self.keep_alive.ping_interval.as_secs_f64().to_string(),
                rule: "below stall_timeout",
                other: self.keep_alive.stall_timeout.as_secs_f64().to_string(),
            });
        }
        if self.max_message_bytes > self.queue_max_bytes {
            conflicts.push(ParameterError::Conflict {
                name: "max_message_bytes",
                value: self.max_message_bytes.to_string(),
                rule: "not above queue_max_bytes",
                other: self.queue_max_bytes.to_string(),
            });
        }
        conflicts
    }
}

/// Returns `None` for an empty string.
fn non_empty<T: AsRef<OsStr>>(text: T) -> Option<T> {
    (!text.as_ref().is_empty()).then_some(text)
}

impl Default for Config {
    fn default() -> Self {
        Self::from_settings(&Settings::of(&BRIDGE)).expect("the defaults are tested to be valid")
    }
}

#[cfg(test)]
mod tests;
