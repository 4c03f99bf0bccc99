//! Keys of the hosts file.

/// Keys of the file.
pub(in crate::config) const FILE_KEYS: &[&str] = &["sites"];
/// Keys of a site.
pub(in crate::config) const SITE_KEYS: &[&str] = &[
    "address",
    "output_port",
    "points_port",
    "frame_id",
    "parent_frame",
    "transform",
    "origin",
    "earth_frame",
    "tls",
];
/// Keys of the TLS settings of a site.
pub(in crate::config) const TLS_KEYS: &[&str] =
    &["enabled", "ca_file", "server_name", "verify_name"];

/// Keys of the transform of a site.
pub(in crate::config) const TRANSFORM_KEYS: &[&str] =
    &["x_m", "y_m", "z_m", "roll_deg", "pitch_deg", "yaw_deg"];
/// Keys of the origin of a site.
pub(in crate::config) const ORIGIN_KEYS: &[&str] = &[
    "enabled",
    "latitude_deg",
    "longitude_deg",
    "altitude_m",
    "heading_deg",
];
