//! What stands before the points in a serialized `sensor_msgs/PointCloud2`.
//!
//! Source: [PointCloud2](https://docs.ros.org/en/jazzy/p/sensor_msgs/msg/PointCloud2.html).

use crate::encode::cdr::{Header, Writer};

/// Name, `sensor_msgs/PointField` datatype and offset of a field.
pub(super) type Field = (&'static str, u8, usize);

const UINT8: u8 = 2;
const INT32: u8 = 5;
const FLOAT32: u8 = 7;

pub(super) const X_Y_Z_INTENSITY: [Field; 4] = [
    ("x", FLOAT32, 0),
    ("y", FLOAT32, 4),
    ("z", FLOAT32, 8),
    ("intensity", FLOAT32, 12),
];

pub(super) const X_Y_Z_INTENSITY_OBJECT: [Field; 6] = [
    ("x", FLOAT32, 0),
    ("y", FLOAT32, 4),
    ("z", FLOAT32, 8),
    ("intensity", FLOAT32, 12),
    ("object_id", INT32, 16),
    ("label", UINT8, 20),
];

/// Writes everything up to the points of an unorganized cloud (height 1) of `width` points. Behind it come
/// the points and `is_dense`.
pub(super) fn write(
    out: &mut Writer<'_>,
    header: Header<'_>,
    fields: &[Field],
    point_step: usize,
    width: usize,
) {
    out.header(header);
    out.u32(1); // height
    out.count(width);
    out.sequence(fields.iter(), |out, &(name, datatype, offset)| {
        out.string(name);
        out.count(offset);
        out.u8(datatype);
        out.u32(1); // count
    });
    out.bool(false); // is_bigendian
    out.count(point_step);
    out.count(width * point_step); // row_step
    out.count(width * point_step); // length of data
}
