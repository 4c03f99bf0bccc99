//! The new configuration: sites, parameters and launch arguments, each with the old key it came from.

use std::path::PathBuf;

use crate::config::Settings;
use crate::config::table::{BRIDGE, RECORDER};

/// The new configuration.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) sites: Vec<NewSite>,
    /// Names of the sites to be launched.
    pub(super) launched: Vec<String>,
    /// All parameters, with the defaults of those that are not set.
    pub(super) bridge: Settings,
    pub(super) recorder: Settings,
    /// Names of the parameters of the bridge that are set, each with its old key.
    pub(super) set_in_bridge: Vec<(String, String)>,
    /// Names of the parameters of the recorder that are set, each with its old key.
    pub(super) set_in_recorder: Vec<(String, String)>,
    /// Level of the log, with its old key.
    pub(super) log_level: Option<(String, String)>,
    pub(super) record: bool,
}

/// A site of the new hosts file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NewSite {
    pub(super) name: String,
    /// Old key of the address.
    pub(super) from: String,
    pub(super) address: String,
    pub(super) output_port: Option<u16>,
    pub(super) points_port: Option<u16>,
    pub(super) frame_id: Option<String>,
    pub(super) tls_enabled: Option<bool>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) server_name: Option<String>,
    pub(super) verify_name: Option<bool>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            sites: Vec::new(),
            launched: Vec::new(),
            bridge: Settings::of(&BRIDGE),
            recorder: Settings::of(&RECORDER),
            set_in_bridge: Vec::new(),
            set_in_recorder: Vec::new(),
            log_level: None,
            record: true,
        }
    }
}
