//! Errors of the configuration, which a restart does not fix.

use super::ParameterError;
use super::overrides::OverrideError;
use super::resolve::ResolveError;

/// Invalid configuration: arguments, parameters, or the contents of files. The process exits with code 2, and the launch
/// file does not restart it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Invalid argument after `--ros-args`.
    #[error("ROS arguments: {0}")]
    Arguments(String),
    /// Invalid parameter file or value given at start.
    #[error(transparent)]
    Override(OverrideError),
    /// Inconsistent parameters.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Parameters and files from which no server can be resolved.
    #[error(transparent)]
    Resolve(ResolveError),
    /// Stock recorder that is not installed, or cannot do what the parameters ask for.
    #[error("{0}")]
    Recorder(String),
}
