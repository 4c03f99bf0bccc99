//! Reflectivity of materials.

use super::geometry::{Hit, Vec3};

/// Material of a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Material {
    /// Uniform reflectivity, the share of light that is reflected, 0 to 1; above 1 for retro-reflective material.
    Plain(f64),
    /// Wall of this reflectivity with rows of dark windows.
    Facade(f64),
    /// Ground: asphalt with lane markings, grass farther out.
    Ground,
}

/// Extent of the road in y, between the inner edges of the kerbs, metres.
pub(super) const ROAD: std::ops::Range<f64> = 4.0..12.0;

impl Material {
    fn reflectivity_at(self, at: Vec3) -> f64 {
        match self {
            Self::Plain(share) => share,
            Self::Facade(share) => {
                let window = at.z > 1.0
                    && (at.z - 1.0).rem_euclid(3.0) < 1.5
                    && (at.x + at.y).rem_euclid(2.8) < 1.2;
                if window { 0.06 } else { share }
            }
            Self::Ground => ground_reflectivity(at.x, at.y),
        }
    }

    /// Returns the intensity of the echo, 0 to 255, before noise.
    pub(super) fn echo_intensity(self, hit: Hit, at: Vec3) -> f64 {
        let falloff = 1.0 / (1.0 + (hit.range / 90.0).powi(2));
        255.0 * self.reflectivity_at(at) * hit.cosine.clamp(0.0, 1.0).sqrt() * falloff
    }
}

fn ground_reflectivity(x: f64, y: f64) -> f64 {
    let middle = f64::midpoint(ROAD.start, ROAD.end);
    let dashed = (y - middle).abs() < 0.12 && x.rem_euclid(9.0) < 4.5;
    let edge = (y - ROAD.start - 0.25).abs() < 0.1 || (y - ROAD.end + 0.25).abs() < 0.1;
    let crossing = (14.0..17.0).contains(&x) && ROAD.contains(&y) && y.rem_euclid(1.0) < 0.5;
    if dashed || edge || crossing {
        0.85
    } else if ROAD.contains(&y) {
        0.2
    } else if (-24.0..ROAD.start).contains(&y) {
        0.32
    } else {
        0.45
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(range: f64, cosine: f64) -> f64 {
        Material::Plain(0.5).echo_intensity(Hit { range, cosine }, Vec3::new(0.0, 0.0, 0.0))
    }

    #[test]
    fn echoes_fade_with_range_and_angle() {
        assert!(echo(10.0, 1.0) > echo(50.0, 1.0));
        assert!(echo(10.0, 1.0) > echo(10.0, 0.3));
        assert!((0.0..=255.0).contains(&echo(0.1, 1.0)));
    }

    #[test]
    fn markings_are_brighter_than_asphalt() {
        assert!(ground_reflectivity(1.0, 8.0) > 2.0 * ground_reflectivity(6.0, 8.0));
    }
}
