//! Points of all objects as one cloud.

use r2r::sensor_msgs::msg::{PointCloud2, PointField};
use sensr_bridge::encode::point_cloud::{OBJECT_POINT_STEP, ObjectPointsEncoder};
use sensr_protocol::wire::proto::Object;

use crate::assert_reads_as;
use crate::fixture::{Lengths, Values};

fn field(name: &str, offset: u32, datatype: i8) -> PointField {
    PointField {
        name: name.to_owned(),
        offset,
        datatype: datatype.unsigned_abs(),
        count: 1,
    }
}

fn fields() -> Vec<PointField> {
    let float = PointField::FLOAT32 as i8;
    vec![
        field("x", 0, float),
        field("y", 4, float),
        field("z", 8, float),
        field("intensity", 12, float),
        field("object_id", 16, PointField::INT32 as i8),
        field("label", 20, PointField::UINT8 as i8),
    ]
}

/// Builds an object with the given number of points, and their expected bytes in the cloud.
fn object(values: &Values, label: i32, points: usize, has_intensities: bool) -> (Object, Vec<u8>) {
    let id = values.int();
    let (mut coordinates, mut intensities, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..points {
        let [x, y, z, intensity] = std::array::from_fn(|_| values.float());
        for value in [x, y, z] {
            coordinates.extend(value.to_le_bytes());
            expected.extend(value.to_le_bytes());
        }
        if has_intensities {
            intensities.extend(intensity.to_le_bytes());
        }
        expected.extend(if has_intensities { intensity } else { 0.0 }.to_le_bytes());
        expected.extend(id.to_le_bytes());
        expected.extend([u8::try_from(label).unwrap_or(255), 0, 0, 0]);
    }
    let object = Object {
        id,
        label,
        points: coordinates.into(),
        intensities: intensities.into(),
        ..Object::default()
    };
    (object, expected)
}

#[test]
fn object_points_read_as_the_same_message() {
    let mut encoder = ObjectPointsEncoder::default();
    for lengths in Lengths::all() {
        for dense in [true, false] {
            let values = Values::default();
            let labels = [1, 255, 256, -1];
            let (mut objects, data): (Vec<_>, Vec<_>) = lengths
                .list(|number| object(&values, labels[number], number + lengths.text, number != 1));
            let mut data = data.concat();
            if !dense {
                let nowhere = [f32::INFINITY, 0.0, 0.0].map(f32::to_le_bytes).concat();
                data.extend(&nowhere);
                data.extend([0; OBJECT_POINT_STEP - 12]);
                objects.push(Object {
                    points: nowhere.into(),
                    ..Object::default()
                });
            }
            let length = u32::try_from(data.len()).expect("small");
            let expected = PointCloud2 {
                header: lengths.header(),
                height: 1,
                width: length / 24,
                fields: fields(),
                is_bigendian: false,
                point_step: 24,
                row_step: length,
                data,
                is_dense: dense,
            };
            let message = encoder.encode(lengths.output_header().header, objects.iter());
            assert_reads_as(message, &expected);
        }
    }
}
