//! Ranges of the parameters and settings that place a site, and their conversion.

use std::ops::RangeInclusive;

use super::Settings;
use super::hosts::{SiteOrigin, SiteTransform};
use crate::place::{Origin, Rotation, Transform};

/// Components of a translation, metres: as far as places on earth are apart.
pub(super) const TRANSLATION_M: RangeInclusive<f64> = -10_000_000.0..=10_000_000.0;
/// Roll, pitch and yaw, degrees.
pub(super) const ANGLE_DEG: RangeInclusive<f64> = -360.0..=360.0;
/// Degrees north.
pub(super) const LATITUDE_DEG: RangeInclusive<f64> = -90.0..=90.0;
/// Degrees east.
pub(super) const LONGITUDE_DEG: RangeInclusive<f64> = -180.0..=180.0;
/// Metres above the ellipsoid: land, and mines.
pub(super) const ALTITUDE_M: RangeInclusive<f64> = -1000.0..=10_000.0;
/// Degrees clockwise from true north.
pub(super) const HEADING_DEG: RangeInclusive<f64> = 0.0..=360.0;

/// Place of SENSR's frame: its transform within the parent frame, and the origin on earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Origin of SENSR's frame in its parent frame, metres along x, y and z.
    pub translation_m: [f64; 3],
    /// Roll, pitch and yaw about the fixed axes of the parent frame, degrees.
    pub rpy_deg: [f64; 3],
    /// The site has an origin on earth.
    pub has_origin: bool,
    /// Origin of the parent frame on earth, or of SENSR's frame if it has no parent.
    pub origin: Origin,
}

impl Place {
    /// Reads the parameters.
    pub(super) fn from_settings(settings: &Settings) -> Self {
        let double = |name| settings.double(name);
        Self {
            translation_m: ["transform.x_m", "transform.y_m", "transform.z_m"].map(double),
            rpy_deg: [
                "transform.roll_deg",
                "transform.pitch_deg",
                "transform.yaw_deg",
            ]
            .map(double),
            has_origin: settings.bool("origin.enabled"),
            origin: Origin {
                latitude_deg: double("origin.latitude_deg"),
                longitude_deg: double("origin.longitude_deg"),
                altitude_m: double("origin.altitude_m"),
                heading_deg: double("origin.heading_deg"),
            },
        }
    }

    /// Applies the settings of a site, which override the parameters.
    pub(super) fn apply_site(
        &mut self,
        transform: Option<SiteTransform>,
        origin: Option<SiteOrigin>,
    ) {
        if let Some(given) = transform {
            for axis in 0..3 {
                override_with(&mut self.translation_m[axis], given.translation_m[axis]);
                override_with(&mut self.rpy_deg[axis], given.rpy_deg[axis]);
            }
        }
        if let Some(given) = origin {
            self.has_origin = given.enabled;
            self.origin.latitude_deg = given.latitude_deg;
            self.origin.longitude_deg = given.longitude_deg;
            override_with(&mut self.origin.altitude_m, given.altitude_m);
            override_with(&mut self.origin.heading_deg, given.heading_deg);
        }
    }

    /// Transform from the parent frame to SENSR's frame.
    #[must_use]
    pub fn transform(&self) -> Transform {
        Transform {
            translation: self.translation_m,
            rotation: Rotation::from_rpy_deg(self.rpy_deg),
        }
    }

    /// Origin on earth, if the site has one.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.has_origin.then_some(self.origin)
    }
}

fn override_with(value: &mut f64, given: Option<f64>) {
    *value = given.unwrap_or(*value);
}
