//! The parameters: declared once in [`table`], turned into a checked [`Config`] exactly once.

pub mod address;
mod config_error;
mod escape;
pub mod hosts;
pub mod overrides;
pub mod parameter;
pub mod path;
pub mod render;
pub mod resolve;
pub mod ros_arguments;
pub mod set_request;
pub mod settings;
mod suggest;
pub mod table;
pub mod text_file;
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
use hosts::Site;
pub use parameter::{ParameterError, Value};
pub use settings::Settings;

/// Checked parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address, or the name of a site in the hosts file.
    pub host: String,
    /// The hosts file. None for the one that comes with the package.
    pub hosts_file: Option<PathBuf>,
    /// TCP port of the output stream, where the hosts file does not name another.
    pub output_port: u16,
    /// TCP port of the point stream, where the hosts file does not name another.
    pub points_port: u16,
    /// Whether to speak TLS with the server.
    pub tls_enabled: bool,
    /// And how, if so.
    pub tls: TlsOptions,
    /// At most one cloud per topic and interval. Zero lets all pass.
    pub pointcloud_interval: Duration,
    /// The same for objects and their pictures.
    pub output_data_interval: Duration,
    /// Which topics are wanted, in the order of [`Switch::ALL`].
    pub publish: [bool; Switch::ALL.len()],
    /// Frame of all coordinates.
    pub frame_id: String,
    /// What the frame is tied to. None: nothing.
    pub parent_frame: Option<String>,
    /// The clock of all stamps.
    pub stamp_source: StampSource,
    /// Quality of service of the cloud topics.
    pub qos: CloudQos,
    /// Bound of the queue between reader and publisher, per stream.
    pub queue_max_bytes: usize,
    /// A larger message closes the link.
    pub max_message_bytes: usize,
    /// Time after the start during which events, zones, health and status wait for the first subscriber of their topic.
    pub startup_hold: Duration,
    /// The pauses between attempts to connect.
    pub reconnect: backoff::BackoffLimits,
    /// How long silence of the server is borne.
    pub patience: KeepAliveTimeouts,
    /// How often statistics are published.
    pub statistics_period: Duration,
}

/// The clock that stamps are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampSource {
    /// Ours, when the frame was complete.
    Receive,
    /// The server's.
    Server,
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
            hosts_file: some(settings.path("hosts_file")?),
            output_port: settings.unsigned("output_port"),
            points_port: settings.unsigned("points_port"),
            tls_enabled: settings.bool("tls.enabled"),
            tls: TlsOptions {
                ca_file: settings.path("tls.ca_file")?,
                server_name: some(settings.string("tls.server_name").to_owned()),
                verify_name: settings.bool("tls.verify_name"),
            },
            pointcloud_interval: settings.seconds("pointcloud_interval"),
            output_data_interval: settings.seconds("output_data_interval"),
            publish: Switch::ALL.map(|switch| settings.bool(switch.parameter())),
            frame_id: settings.string("frame_id").to_owned(),
            parent_frame: some(settings.string("parent_frame").to_owned()),
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
            patience: KeepAliveTimeouts {
                stall_timeout: settings.seconds("stall_timeout"),
                ping_interval: settings.seconds("ping_interval"),
            },
            statistics_period: settings.seconds("statistics_period"),
        };
        config.check_pairs()?;
        Ok(config)
    }

    /// Whether the parameters want a topic at all.
    #[must_use]
    pub fn publishes(&self, topic: Topic) -> bool {
        topic
            .switch()
            .is_none_or(|switch| self.publish[switch as usize])
    }

    /// The parameters as they are for a site: what the hosts file says of it comes first. A `host` that is no
    /// site is an address.
    pub fn for_site(self, hosts: &Hosts) -> Result<Self, ParameterError> {
        let site = hosts.site(&self.host).cloned();
        self.at(site)
    }

    /// The same with the site itself. None: `host` is an address.
    pub fn at(mut self, site: Option<Site>) -> Result<Self, ParameterError> {
        let needed_by = if self.tls_enabled {
            "tls.enabled"
        } else {
            "tls of the site in the hosts file"
        };
        if let Some(site) = site {
            self.host = site.address;
            self.output_port = site.output_port.unwrap_or(self.output_port);
            self.points_port = site.points_port.unwrap_or(self.points_port);
            self.frame_id = site.frame_id.unwrap_or(self.frame_id);
            self.parent_frame = site.parent_frame.or(self.parent_frame);
            if let Some(tls) = site.tls {
                self.tls_enabled = tls.enabled;
                self.tls.ca_file = tls.ca_file.unwrap_or(self.tls.ca_file);
                self.tls.server_name = tls.server_name.or(self.tls.server_name);
                self.tls.verify_name = tls.verify_name.unwrap_or(self.tls.verify_name);
            }
        }
        self.check_pairs()?;
        if self.tls_enabled && self.tls.ca_file.as_os_str().is_empty() {
            return Err(ParameterError::Missing {
                name: "tls.ca_file",
                needed_by,
            });
        }
        Ok(self)
    }

    /// The parameters that tell others where the data come from, where they are and how they are offered, for programs.
    #[must_use]
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "host": self.host,
            "output_port": self.output_port,
            "points_port": self.points_port,
            "tls.enabled": self.tls_enabled,
            "frame_id": self.frame_id,
            "parent_frame": self.parent_frame.as_deref().unwrap_or_default(),
            "qos.reliability": if self.qos.reliable { "reliable" } else { "best_effort" },
        })
    }

    /// How to speak TLS with the server. None: not at all.
    #[must_use]
    pub fn wanted_tls(&self) -> Option<&TlsOptions> {
        self.tls_enabled.then_some(&self.tls)
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
        if self.parent_frame.as_ref() == Some(&self.frame_id) {
            return Err(ParameterError::Conflict {
                name: "parent_frame",
                value: self.frame_id.clone(),
                rule: "another than frame_id",
                other: self.frame_id.clone(),
            });
        }
        if self.patience.ping_interval >= self.patience.stall_timeout {
            return Err(ParameterError::Conflict {
                name: "ping_interval",
                value: self.patience.ping_interval.as_secs_f64().to_string(),
                rule: "below stall_timeout",
                other: self.patience.stall_timeout.as_secs_f64().to_string(),
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

/// `None` for an empty text.
fn some<T: AsRef<OsStr>>(text: T) -> Option<T> {
    (!text.as_ref().is_empty()).then_some(text)
}

impl Default for Config {
    fn default() -> Self {
        Self::from_settings(&Settings::default()).expect("the defaults are tested to be valid")
    }
}

#[cfg(test)]
mod tests;
