//! Place of a site: the transform of SENSR's frame within its parent frame, and the origin on earth.
//!
//! Rotations and axes are those of REP 103 (x forward or east, y left or north, z up), the frame `earth` is that of
//! REP 105: Earth-Centred, Earth-Fixed, WGS 84.

use map_3d::Ellipsoid;

/// Transform from a parent frame to a child frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Origin of the child frame in the parent frame, metres.
    pub translation: [f64; 3],
    /// Rotation from the axes of the child frame to those of the parent frame.
    pub rotation: Rotation,
}

impl Transform {
    /// The transform of frames that coincide.
    pub const IDENTITY: Self = Self {
        translation: [0.0; 3],
        rotation: Rotation::IDENTITY,
    };

    /// Returns in the parent frame a point that is given in the child frame, metres.
    #[must_use]
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        let rotated = self.rotation.rotate(point);
        std::array::from_fn(|axis| self.translation[axis] + rotated[axis])
    }
}

/// Rotation as a unit quaternion x, y, z, w.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation(pub [f64; 4]);

impl Rotation {
    /// No rotation.
    pub const IDENTITY: Self = Self([0.0, 0.0, 0.0, 1.0]);

    /// Rotation by roll, pitch and yaw about the fixed axes x, y and z in this order, degrees.
    #[must_use]
    pub fn from_rpy_deg([roll, pitch, yaw]: [f64; 3]) -> Self {
        let about = Self::about_axis;
        about(2, yaw).after(about(1, pitch)).after(about(0, roll))
    }

    /// Rotates a vector: the vector part of q v q*.
    #[must_use]
    pub fn rotate(self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let [qx, qy, qz, qw] = self.0;
        let turned = self.after(Self([x, y, z, 0.0]));
        let Self([x, y, z, _]) = turned.after(Self([-qx, -qy, -qz, qw]));
        [x, y, z]
    }

    /// Rotation about the axis x, y or z: 0, 1 or 2.
    fn about_axis(axis: usize, angle_deg: f64) -> Self {
        let (sin, cos) = (angle_deg.to_radians() / 2.0).sin_cos();
        let mut quaternion = [0.0, 0.0, 0.0, cos];
        quaternion[axis] = sin;
        Self(quaternion)
    }

    /// The rotation that first rotates by `first`, then by this one: the product of the quaternions.
    fn after(self, first: Self) -> Self {
        let [ax, ay, az, aw] = self.0;
        let [bx, by, bz, bw] = first.0;
        Self([
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ])
    }
}

/// Origin of a frame on earth: WGS 84, with z up along the normal of the ellipsoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    /// Latitude, degrees north.
    pub latitude_deg: f64,
    /// Longitude, degrees east.
    pub longitude_deg: f64,
    /// Altitude above the ellipsoid, metres.
    pub altitude_m: f64,
    /// Heading of the x axis, degrees clockwise from true north.
    pub heading_deg: f64,
}

/// Heading of an x axis that points east, as REP 103 has it.
pub const EAST_DEG: f64 = 90.0;

/// A point on earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geodetic {
    /// Latitude, degrees north.
    pub latitude_deg: f64,
    /// Longitude, degrees east.
    pub longitude_deg: f64,
    /// Altitude above the ellipsoid, metres.
    pub altitude_m: f64,
}

impl Origin {
    /// Transform from the frame `earth` to the frame with this origin.
    #[must_use]
    pub fn in_earth_frame(&self) -> Transform {
        let (x, y, z) = map_3d::geodetic2ecef(
            self.latitude_deg.to_radians(),
            self.longitude_deg.to_radians(),
            self.altitude_m,
            Ellipsoid::WGS84,
        );
        let about = Rotation::about_axis;
        // East, north, up in the frame earth.
        let local_tangent =
            about(2, EAST_DEG + self.longitude_deg).after(about(0, EAST_DEG - self.latitude_deg));
        Transform {
            translation: [x, y, z],
            rotation: local_tangent.after(about(2, EAST_DEG - self.heading_deg)),
        }
    }

    /// Returns the place on earth of a point in the frame with this origin, metres.
    #[must_use]
    pub fn geodetic_of(&self, [x, y, z]: [f64; 3]) -> Geodetic {
        let (sin, cos) = (EAST_DEG - self.heading_deg).to_radians().sin_cos();
        let (latitude, longitude, altitude_m) = map_3d::enu2geodetic(
            x * cos - y * sin,
            x * sin + y * cos,
            z,
            self.latitude_deg.to_radians(),
            self.longitude_deg.to_radians(),
            self.altitude_m,
            Ellipsoid::WGS84,
        );
        Geodetic {
            latitude_deg: latitude.to_degrees(),
            longitude_deg: longitude.to_degrees(),
            altitude_m,
        }
    }
}

#[cfg(test)]
mod tests;
