//! Checked parameters of `sensr_recorder`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::RECORDER;
use super::{ParameterError, Settings, Value, path, topic_pattern};
use crate::connection::backoff;

/// Smallest limit of the size of a split, bytes.
const MIN_SPLIT_BYTES: u64 = 1 << 20;
/// Shortest limit of the duration of a split.
const MIN_SPLIT_DURATION: Duration = Duration::from_secs(1);

/// Checked parameters of `sensr_recorder`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecorderConfig {
    /// Folder for recordings, absolute.
    pub output_dir: PathBuf,
    /// Longest duration of a split. Zero: unlimited.
    pub split_duration: Duration,
    /// Largest size of a split in bytes. 0: unlimited.
    pub split_size: u64,
    /// Number of closed splits to keep. 0: all.
    pub keep_splits: u64,
    /// Total size in bytes of the recordings to keep. 0: unlimited.
    pub keep_bytes: u64,
    /// Floor of free disk space in bytes.
    pub min_free_bytes: u64,
    /// Floor of free disk space in percent of the disk. The higher of both floors applies.
    pub min_free_percent: f64,
    /// MCAP preset of the stock recorder. `None` for its default.
    pub storage_preset: Option<String>,
    /// Names of the topics to record, relative to the namespace or absolute, `*` for any part of a name. Empty: all
    /// topics of the bridge, `/diagnostics`, `/tf_static` and `/rosout`.
    pub topics: Vec<String>,
    /// Names of topics to leave out, written like `topics`.
    pub exclude: Vec<String>,
    /// Size in bytes of each of the two caches of the stock recorder.
    pub max_cache_bytes: u64,
    /// Delays between starts of the stock recorder.
    pub restart: backoff::BackoffLimits,
    /// Time without growth of the open split, while the bridge publishes, after which the stock recorder counts as
    /// stalled.
    pub stall_timeout: Duration,
}

impl RecorderConfig {
    /// Converts settings, and checks that they are consistent with one another. A relative `output_dir` is resolved
    /// against the working directory of the process.
    ///
    /// # Panics
    ///
    /// If the settings are not those of [`RECORDER`], or the table declares a parameter with another type. A test reads
    /// all.
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
        let output_dir = path::make_absolute(settings.path("output_dir")?);
        Ok(Self {
            output_dir: output_dir.map_err(|problem| ParameterError::Path {
                name: "output_dir",
                problem,
            })?,
            split_duration: settings.seconds("split_duration"),
            split_size: settings.unsigned("split_size"),
            keep_splits: settings.unsigned("keep_splits"),
            keep_bytes: settings.unsigned("keep_bytes"),
            min_free_bytes: settings.unsigned("min_free_bytes"),
            min_free_percent: settings.double("min_free_percent"),
            storage_preset: Some(settings.string("storage_preset"))
                .filter(|preset| *preset != "none")
                .map(str::to_owned),
            topics: patterns(settings.string("topics")),
            exclude: patterns(settings.string("exclude")),
            max_cache_bytes: settings.unsigned("max_cache_bytes"),
            restart: backoff::BackoffLimits {
                initial_delay: settings.seconds("restart.initial_delay"),
                max_delay: settings.seconds("restart.max_delay"),
            },
            stall_timeout: settings.seconds("stall_timeout"),
        })
    }

    /// Returns the configuration as JSON with the names and units of the parameters, for programs such as the launch
    /// file.
    #[must_use]
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "output_dir": self.output_dir.display().to_string(),
            "split_duration": self.split_duration.as_secs_f64(),
            "split_size": self.split_size,
            "keep_splits": self.keep_splits,
            "keep_bytes": self.keep_bytes,
            "min_free_bytes": self.min_free_bytes,
            "min_free_percent": self.min_free_percent,
            "storage_preset": self.storage_preset.as_deref().unwrap_or("none"),
            "topics": self.topics.join(" "),
            "exclude": self.exclude.join(" "),
            "max_cache_bytes": self.max_cache_bytes,
            "restart.initial_delay": self.restart.initial_delay.as_secs_f64(),
            "restart.max_delay": self.restart.max_delay.as_secs_f64(),
            "stall_timeout": self.stall_timeout.as_secs_f64(),
        })
    }

    fn conflicts(&self) -> Vec<ParameterError> {
        let mut conflicts = Vec::new();
        if self.restart.initial_delay > self.restart.max_delay {
            conflicts.push(ParameterError::Conflict {
                name: "restart.initial_delay",
                value: self.restart.initial_delay.as_secs_f64().to_string(),
                rule: "not above restart.max_delay",
                other: self.restart.max_delay.as_secs_f64().to_string(),
            });
        }
        if self.split_duration > Duration::ZERO && self.split_duration < MIN_SPLIT_DURATION {
            conflicts.push(ParameterError::Range {
                name: "split_duration",
                value: Value::Double(self.split_duration.as_secs_f64()),
                allowed: format!("0.0, or {:?} and more", MIN_SPLIT_DURATION.as_secs_f64()),
            });
        }
        if self.split_size > 0 && self.split_size < MIN_SPLIT_BYTES {
            conflicts.push(ParameterError::Range {
                name: "split_size",
                value: Value::Integer(self.split_size.cast_signed()),
                allowed: format!("0, or {MIN_SPLIT_BYTES} and more"),
            });
        }
        conflicts
    }
}

impl Default for RecorderConfig {
    /// Returns the defaults of the table. In a process without a working directory `output_dir` is below the root.
    fn default() -> Self {
        let mut settings = Settings::of(&RECORDER);
        Self::from_settings(&settings)
            .or_else(|_| {
                let below_root = Path::new("/").join(settings.string("output_dir"));
                let below_root = below_root.to_string_lossy().into_owned();
                settings.set("output_dir", Value::String(below_root))?;
                Self::from_settings(&settings)
            })
            .expect("the defaults are tested to be valid")
    }
}

fn patterns(list: &str) -> Vec<String> {
    topic_pattern::split(list).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_with(changes: &[(&str, Value)]) -> Result<RecorderConfig, ParameterError> {
        let mut settings = Settings::of(&RECORDER);
        for (name, value) in changes {
            settings.set(name, value.clone())?;
        }
        RecorderConfig::from_settings(&settings)
    }

    #[track_caller]
    fn refusal(name: &str, value: Value) -> String {
        config_with(&[(name, value)])
            .expect_err("refused")
            .to_string()
    }

    fn text(value: &str) -> Value {
        Value::String(value.to_owned())
    }

    #[test]
    fn defaults_are_valid() {
        let config = RecorderConfig::default();
        assert!(config.output_dir.is_absolute() && config.output_dir.ends_with("bags"));
        assert_eq!(config.split_duration, Duration::from_secs(600));
        assert_eq!(config.min_free_bytes, 1 << 30);
        assert_eq!(config.storage_preset, None);
        assert_eq!(config.topics, [] as [&str; 0]);
        assert_eq!(config.restart.max_delay, Duration::from_secs(30));
    }

    #[test]
    fn every_parameter_is_in_the_json_with_its_value() {
        let json = config_with(&[("output_dir", text("/data"))])
            .expect("valid")
            .as_json();
        let json = json.as_object().expect("an object");
        let names: Vec<&str> = RECORDER.names().collect();
        assert_eq!(json.len(), names.len());
        for name in names {
            let default = RECORDER.find(name).expect("declared").default();
            let expected = match (name, default) {
                ("output_dir", _) => "/data".into(),
                (_, Value::Integer(value)) => value.into(),
                (_, Value::Double(value)) => value.into(),
                (_, Value::String(value)) => value.into(),
                (_, Value::Bool(value)) => value.into(),
            };
            assert_eq!(json.get(name), Some(&expected), "{name}");
        }
    }

    #[test]
    fn names_are_separated_by_commas_and_blanks() {
        let config = config_with(&[
            ("topics", text("points/raw, objects\n/rosout,,")),
            ("exclude", text("points/*")),
            ("storage_preset", text("zstd_fast")),
            ("output_dir", text("/data/bags")),
        ])
        .expect("valid");
        assert_eq!(config.topics, ["points/raw", "objects", "/rosout"]);
        assert_eq!(config.exclude, ["points/*"]);
        assert_eq!(config.storage_preset.as_deref(), Some("zstd_fast"));
        assert_eq!(config.output_dir, Path::new("/data/bags"));
    }

    #[test]
    fn values_that_make_no_sense_together_are_refused() {
        assert_eq!(
            refusal("restart.initial_delay", Value::Double(31.0)),
            "parameter restart.initial_delay must be not above restart.max_delay, which is 30; got 31"
        );
        assert_eq!(
            refusal("split_size", Value::Integer(1000)),
            "parameter split_size allows 0, or 1048576 and more, got 1000"
        );
        assert_eq!(
            refusal("split_duration", Value::Double(0.5)),
            "parameter split_duration allows 0.0, or 1.0 and more, got 0.5"
        );
        config_with(&[
            ("split_size", Value::Integer(1 << 20)),
            ("split_duration", Value::Integer(0)),
        ])
        .expect("valid");
    }

    #[test]
    fn texts_of_the_wrong_form_are_refused_with_the_rule() {
        assert_eq!(
            refusal("output_dir", text("")),
            "parameter output_dir allows not empty, got \"\""
        );
        assert!(refusal("output_dir", text("~kim/bags")).contains("give the whole path"));
        assert!(refusal("storage_preset", text("best")).contains("one of none, fastwrite"));
        for wrong in ["points raw;", "a.b", "9lives", "/", "a//b", "a/", "(x|y)"] {
            let refusal = refusal("topics", text(wrong));
            assert!(
                refusal.contains("separated by commas or blanks"),
                "{refusal}"
            );
        }
    }
}
