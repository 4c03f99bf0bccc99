//! Fields before the points in a serialized `sensor_msgs/PointCloud2`.
//!
//! Source: [PointCloud2](https://docs.ros.org/en/jazzy/p/sensor_msgs/msg/PointCloud2.html).

use ros_cdr::{Header, Writer};

/// Name, `sensor_msgs/PointField` datatype and offset of a field.
pub(super) type FieldLayout = (&'static str, u8, usize);

const UINT8: u8 = 2;
const INT32: u8 = 5;
const FLOAT32: u8 = 7;

pub(super) const X_Y_Z_INTENSITY: [FieldLayout; 4] = [
    ("x", FLOAT32, 0),
    ("y", FLOAT32, 4),
    ("z", FLOAT32, 8),
    ("intensity", FLOAT32, 12),
];

pub(super) const X_Y_Z_INTENSITY_OBJECT: [FieldLayout; 6] = [
    ("x", FLOAT32, 0),
    ("y", FLOAT32, 4),
    ("z", FLOAT32, 8),
    ("intensity", FLOAT32, 12),
    ("object_id", INT32, 16),
    ("label", UINT8, 20),
];

/// Writes the fields before the points of an unorganized cloud (height 1) of `width` points. The points and `is_dense`
/// follow.
pub(super) fn write_cloud_header(
    out: &mut Writer<'_>,
    header: Header<'_>,
    fields: &[FieldLayout],
    point_step: usize,
    width: usize,
) {
    out.write_header(header);
    out.write_u32(1); // height
    out.write_length(width);
    out.write_sequence(fields.iter(), |out, &(name, datatype, offset)| {
        out.write_string(name);
        out.write_length(offset);
        out.write_u8(datatype);
        out.write_u32(1); // count
    });
    out.write_bool(false); // is_bigendian
    out.write_length(point_step);
    out.write_length(width * point_step); // row_step
    out.write_length(width * point_step); // length of data
}
