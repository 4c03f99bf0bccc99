//! Errors of the configuration that a restart does not mend.

use super::ParameterError;
use super::overrides::OverrideError;
use super::resolve::ResolveError;

/// Configuration that cannot be used: arguments, parameters, or the contents of files. The process ends with exit
/// code 2, and the launch file does not start it again.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An argument after `--ros-args` is wrong.
    #[error("ROS arguments: {0}")]
    Arguments(String),
    /// A parameter file or a value given at start is wrong.
    #[error(transparent)]
    Override(OverrideError),
    /// Parameters do not fit together.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Parameters and files name no server.
    #[error(transparent)]
    Resolve(ResolveError),
}
