//! Clouds as LAS 1.2, point format 0: coordinates in whole millimetres, intensities as integers.

use std::io::Cursor;

use las::{Builder, Header, Point, Transform, Vector, Writer};

use super::{Cloud, PointField, PointFieldKind};

/// Resolution of the coordinates, metres. A LiDAR measures no better, and 32 bits reach 2,147 km.
const RESOLUTION_M: f64 = 0.001;

/// Error of making a LAS file.
#[derive(Debug, thiserror::Error)]
pub(super) enum LasError {
    /// The library refuses the header or a point.
    #[error(transparent)]
    Library(#[from] las::Error),
    /// The points lack x, y or z.
    #[error("its points have no fields x, y and z of floating-point numbers")]
    NoCoordinates,
}

/// Returns the file of a cloud, with intensities multiplied by `intensity_scale`, and the number of points that were left
/// out, because a coordinate is not finite or out of reach.
pub(super) fn encode(cloud: &Cloud<'_>, intensity_scale: f64) -> Result<(Vec<u8>, u64), LasError> {
    let field = |name| cloud.fields.iter().find(|field| field.name == name);
    let coordinate =
        |name| field(name).filter(|field| matches!(field.kind, PointFieldKind::Float(_)));
    let (Some(x), Some(y), Some(z)) = (coordinate("x"), coordinate("y"), coordinate("z")) else {
        return Err(LasError::NoCoordinates);
    };
    let intensity = field("intensity");
    let mut writer = Writer::new(Cursor::new(Vec::new()), header(cloud)?)?;
    let mut skipped = 0;
    for bytes in cloud.data.chunks_exact(cloud.point_step.max(1)) {
        let [x, y, z] = [x, y, z].map(|field| number_of(field, bytes));
        let reach = f64::from(i32::MAX) * RESOLUTION_M;
        // Neither does NaN pass.
        if ![x, y, z].iter().all(|value| value.abs() <= reach) {
            skipped += 1;
            continue;
        }
        let intensity = intensity.map_or(0.0, |field| number_of(field, bytes)) * intensity_scale;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped; NaN becomes 0"
        )]
        let intensity = intensity.round().clamp(0.0, f64::from(u16::MAX)) as u16;
        writer.write_point(Point {
            x,
            y,
            z,
            intensity,
            return_number: 1,
            number_of_returns: 1,
            ..Point::default()
        })?;
    }
    writer.close()?;
    Ok((writer.into_inner()?.into_inner(), skipped))
}

fn header(cloud: &Cloud<'_>) -> Result<Header, las::Error> {
    let mut builder = Builder::from((1, 2));
    "sensr_bag".clone_into(&mut builder.generating_software);
    let time = chrono::DateTime::from_timestamp(cloud.stamp_ns.div_euclid(1_000_000_000), 0);
    builder.date = time.map(|time| time.date_naive());
    let axis = Transform {
        scale: RESOLUTION_M,
        offset: 0.0,
    };
    builder.transforms = Vector {
        x: axis,
        y: axis,
        z: axis,
    };
    builder.into_header()
}

/// Returns the first number of a field.
fn number_of(field: &PointField<'_>, point: &[u8]) -> f64 {
    let mut bytes = [0; 8];
    let size = field.kind.bytes();
    bytes[..size].copy_from_slice(&point[field.offset..field.offset + size]);
    let unsigned = u64::from_le_bytes(bytes);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "integers have at most 32 bits, and the lower bytes are the number"
    )]
    match field.kind {
        PointFieldKind::Float(4) => f32::from_bits(unsigned as u32).into(),
        PointFieldKind::Float(_) => f64::from_bits(unsigned),
        PointFieldKind::Unsigned(_) => unsigned as f64,
        PointFieldKind::Signed(_) => {
            let unused = 64 - 8 * size as u32;
            ((unsigned << unused).cast_signed() >> unused) as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::cloud;
    use super::*;

    #[test]
    fn points_are_rounded_to_millimetres_and_those_without_a_place_are_left_out() {
        let cloud = cloud(&[
            [1.2344, -2.0, 0.0006, 7.4],
            [f32::NAN, 0.0, 0.0, 1.0],
            [1e9, 0.0, 0.0, 1.0],
            [3.0, 4.0, 5.0, f32::NAN],
            [3.0, 4.0, 5.0, 1e9],
        ]);
        let (file, skipped) = encode(&cloud, 10.0).expect("encoded");
        assert_eq!(skipped, 2);
        let mut reader = las::Reader::new(Cursor::new(file)).expect("LAS");
        let points = reader.read_all().expect("points");
        let points: Vec<Point> = points.points().collect::<Result<_, _>>().expect("valid");
        // In whole millimetres.
        let millimetres = |value: f64| format!("{:.6}", value * 1000.0);
        let found: Vec<String> = points
            .iter()
            .map(|point| {
                let [x, y, z] = [point.x, point.y, point.z].map(millimetres);
                format!("{x} {y} {z} {}", point.intensity)
            })
            .collect();
        assert_eq!(
            found,
            [
                "1234.000000 -2000.000000 1.000000 74",
                "3000.000000 4000.000000 5000.000000 0",
                "3000.000000 4000.000000 5000.000000 65535",
            ]
        );
    }

    #[test]
    fn clouds_without_coordinates_are_refused() {
        let mut cloud = cloud(&[[0.0; 4]]);
        cloud.fields.remove(1);
        assert!(matches!(encode(&cloud, 1.0), Err(LasError::NoCoordinates)));
    }

    #[test]
    fn integers_have_their_sign() {
        let field = |kind| PointField {
            name: "a",
            offset: 1,
            kind,
            count: 1,
        };
        let bytes = [9, 0xfe, 0xff, 0xff, 0xff];
        for (kind, value) in [
            (PointFieldKind::Signed(1), -2.0),
            (PointFieldKind::Unsigned(2), 65_534.0),
            (PointFieldKind::Signed(4), -2.0),
            (PointFieldKind::Unsigned(4), 4_294_967_294.0),
        ] {
            assert!(
                (number_of(&field(kind), &bytes) - value).abs() < 0.5,
                "{kind:?}"
            );
        }
    }
}
