//! Clouds of SENSR, validated, and their serialization as `sensor_msgs/PointCloud2`.

mod encoder;
mod header;
mod interleave;
mod object_points;
mod preview;

pub use encoder::{CloudEncoder, POINT_STEP};
pub use interleave::interleave;
pub use object_points::{OBJECT_POINT_STEP, ObjectPointsEncoder};
pub use preview::PreviewEncoder;

use bytes::Bytes;

use sensr_protocol::wire::proto::Object;
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES, point_count};

/// A cloud with consistent lengths. A view: it keeps the received frame alive.
#[derive(Debug, Clone)]
pub struct Cloud {
    points: Bytes,
    /// Intensity of each point, or empty.
    intensities: Bytes,
    intensity_mismatch: bool,
}

/// Points of a length that is not a multiple of one x y z triple, so that it is unknown which bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes of points are not a multiple of {POINT_BYTES}")]
pub struct MalformedCloud {
    length: usize,
}

impl Cloud {
    /// Checks the byte fields of a [`PointCloud`](sensr_protocol::wire::PointCloud).
    ///
    /// A wrong number of intensities costs the intensities only: they become 0 and
    /// [`intensity_mismatch`](Self::intensity_mismatch) returns true. No intensities at all are no mismatch.
    pub fn new(points: Bytes, intensities: Bytes) -> Result<Self, MalformedCloud> {
        let intensity_mismatch = !intensities_fit(&points, &intensities)?;
        Ok(Self {
            points,
            intensities: if intensity_mismatch {
                Bytes::new()
            } else {
                intensities
            },
            intensity_mismatch,
        })
    }

    /// Returns the number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() / POINT_BYTES
    }

    /// Returns whether the cloud has no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Returns x, y, z of each point, little-endian float32, metres.
    #[must_use]
    pub fn points(&self) -> &[u8] {
        &self.points
    }

    /// Returns the intensity of each point, little-endian float32. `None` without usable intensities.
    #[must_use]
    pub fn intensities(&self) -> Option<&[u8]> {
        (!self.intensities.is_empty()).then_some(&self.intensities)
    }

    /// Returns whether there were intensities, but not one per point.
    #[must_use]
    pub fn intensity_mismatch(&self) -> bool {
        self.intensity_mismatch
    }
}

/// Returns whether there is one intensity per point, or none at all. Fails if the points are no whole number of x y z
/// triples.
fn intensities_fit(points: &[u8], intensities: &[u8]) -> Result<bool, MalformedCloud> {
    let Some(count) = point_count(points) else {
        return Err(MalformedCloud {
            length: points.len(),
        });
    };
    Ok(intensities.is_empty() || intensities.len() == count * INTENSITY_BYTES)
}

/// Returns whether all points of an object and their intensities can be published.
#[must_use]
pub fn has_whole_points(object: &Object) -> bool {
    intensities_fit(&object.points, &object.intensities).is_ok_and(|fit| fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(points: usize, intensities: usize) -> Result<Cloud, MalformedCloud> {
        Cloud::new(vec![0; points].into(), vec![0; intensities].into())
    }

    #[test]
    fn partial_points_are_malformed() {
        assert_eq!(cloud(24, 8).expect("fits").len(), 2);
        assert!(cloud(0, 0).expect("fits").is_empty());
        let error = cloud(25, 8).expect_err("one byte too many");
        assert!(error.to_string().contains("25"), "{error}");
    }

    #[test]
    fn wrong_number_of_intensities_drops_them_all() {
        let given = cloud(24, 8).expect("fits");
        assert!(given.intensities().is_some() && !given.intensity_mismatch());
        let absent = cloud(24, 0).expect("fits");
        assert!(absent.intensities().is_none() && !absent.intensity_mismatch());
        for wrong in [4, 7, 12] {
            let cloud = cloud(24, wrong).expect("the points are good");
            assert!(cloud.intensities().is_none() && cloud.intensity_mismatch());
        }
    }
}
