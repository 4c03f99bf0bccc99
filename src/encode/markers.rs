//! `visualization_msgs/MarkerArray`: objects and zones for rviz.
//!
//! rviz keeps a marker, identified by namespace and id, until it is deleted or its lifetime ends. Each array therefore
//! adds the current markers and deletes those of the array before that are gone. An array never contains the same
//! namespace and id twice, non-finite numbers, a scale of 0 where rviz uses it, or a line without length: rviz shows an
//! error instead of the marker for each of these.
//!
//! Positions are in the frame of the header, in metres; colors and sizes suit rviz's dark background and a site of about
//! 100 m.

mod diff;
mod drawable_object;
mod lines;
mod object_markers;
#[cfg(test)]
mod rviz;
mod shape;
mod style;
mod zone_markers;

/// Lifetime of markers that rviz keeps until they are deleted, because they are sent only when they change.
const UNLIMITED_LIFETIME: Duration = Duration::ZERO;

pub use object_markers::ObjectMarkers;
pub use zone_markers::ZoneMarkers;

use std::fmt::Arguments;
use std::time::Duration;

use super::messages::geometry::quaternion_of_yaw;
use ros_cdr::{Header, SequenceLength, Writer};
use shape::Point;
use style::{Color, MarkerStyle};

/// `Marker.action`
#[derive(Debug, Clone, Copy)]
enum Action {
    Add = 0,
    Delete = 2,
    DeleteAll = 3,
}

/// Identity of a marker in rviz.
#[derive(Debug, Clone, Copy)]
struct MarkerId {
    namespace: &'static str,
    id: i32,
}

/// Writes one `MarkerArray`.
#[derive(Debug)]
struct MarkerArrayWriter<'a> {
    out: Writer<'a>,
    header: Header<'a>,
    /// Lifetime of added markers. 0 is unlimited.
    lifetime: Duration,
    length: SequenceLength,
    count: usize,
}

impl<'a> MarkerArrayWriter<'a> {
    fn begin(buffer: &'a mut Vec<u8>, header: Header<'a>, lifetime: Duration) -> Self {
        let mut out = Writer::begin(buffer);
        let length = out.begin_sequence();
        Self {
            out,
            header,
            lifetime,
            length,
            count: 0,
        }
    }

    fn finish(mut self) {
        self.out.end_sequence(self.length, self.count);
    }

    /// Adds a marker without points and text.
    fn add_shape(&mut self, id: MarkerId, style: MarkerStyle) {
        self.write_marker(id, Action::Add, style, write_no_points, format_args!(""));
    }

    fn add_text(&mut self, id: MarkerId, style: MarkerStyle, text: Arguments<'_>) {
        self.write_marker(id, Action::Add, style, write_no_points, text);
    }

    /// Adds a marker made of points. `colors` has one color per point, or none: then all have that of the style.
    fn add_points(
        &mut self,
        id: MarkerId,
        style: MarkerStyle,
        points: impl Iterator<Item = Point>,
        colors: impl Iterator<Item = Color>,
    ) {
        let write = |out: &mut Writer<'_>| {
            out.write_counted_sequence(points, write_vector3);
            out.write_counted_sequence(colors, write_color);
        };
        self.write_marker(id, Action::Add, style, write, format_args!(""));
    }

    fn delete(&mut self, id: MarkerId) {
        self.write_marker(
            id,
            Action::Delete,
            MarkerStyle::unused(),
            write_no_points,
            format_args!(""),
        );
    }

    /// Deletes all markers of the topic, also those of other publishers.
    fn delete_all(&mut self) {
        let id = MarkerId {
            namespace: "",
            id: 0,
        };
        self.write_marker(
            id,
            Action::DeleteAll,
            MarkerStyle::unused(),
            write_no_points,
            format_args!(""),
        );
    }

    /// Writes a `Marker`: all its fields, in their order.
    fn write_marker(
        &mut self,
        id: MarkerId,
        action: Action,
        style: MarkerStyle,
        points_and_colors: impl FnOnce(&mut Writer<'_>),
        text: Arguments<'_>,
    ) {
        let out = &mut self.out;
        out.write_header(self.header);
        out.write_string(id.namespace);
        out.write_i32(id.id);
        out.write_i32(style.marker_type as i32);
        out.write_i32(action as i32);
        write_vector3(out, style.position);
        out.write_f64s(quaternion_of_yaw(style.yaw));
        write_vector3(out, style.scale);
        write_color(out, style.color);
        write_duration(out, self.lifetime);
        out.write_bool(false); // frame_locked
        points_and_colors(out);
        out.write_fields(&NO_TEXTURE);
        out.write_formatted(text);
        out.write_fields(&NO_MESH);
        self.count += 1;
    }
}

/// Serializes an array that deletes all markers of the topic.
fn encode_clear<'a>(buffer: &'a mut Vec<u8>, header: Header<'_>) -> &'a [u8] {
    let mut array = MarkerArrayWriter::begin(buffer, header, UNLIMITED_LIFETIME);
    array.delete_all();
    array.finish();
    buffer
}

fn write_no_points(out: &mut Writer<'_>) {
    out.write_length(0);
    out.write_length(0);
}

/// Writes a `geometry_msgs/Point` or `geometry_msgs/Vector3`.
fn write_vector3(out: &mut Writer<'_>, vector: [f64; 3]) {
    out.write_f64s(vector);
}

/// Writes a `std_msgs/ColorRGBA`.
fn write_color(out: &mut Writer<'_>, color: Color) {
    out.write_f32s(color.rgba());
}

/// Writes a `builtin_interfaces/Duration`, saturating.
fn write_duration(out: &mut Writer<'_>, duration: Duration) {
    out.write_i32(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
    out.write_u32(duration.subsec_nanos());
}

/// Serialized empty `texture_resource`, `texture` (a `sensor_msgs/CompressedImage`), `uv_coordinates`. Every marker has
/// them.
#[rustfmt::skip]
const NO_TEXTURE: [u8; 40] = [
    1, 0, 0, 0, 0, 0, 0, 0, // texture_resource: length with the NUL, NUL, padding
    0, 0, 0, 0, 0, 0, 0, 0, // texture.header.stamp
    1, 0, 0, 0, 0, 0, 0, 0, // texture.header.frame_id
    1, 0, 0, 0, 0, 0, 0, 0, // texture.format
    0, 0, 0, 0, // length of texture.data
    0, 0, 0, 0, // length of uv_coordinates
];

/// Serialized empty `mesh_resource`, `mesh_file`, `mesh_use_embedded_materials`.
#[rustfmt::skip]
const NO_MESH: [u8; 21] = [
    1, 0, 0, 0, 0, 0, 0, 0, // mesh_resource: length with the NUL, NUL, padding
    1, 0, 0, 0, 0, 0, 0, 0, // mesh_file.filename
    0, 0, 0, 0, // length of mesh_file.data
    0, // mesh_use_embedded_materials
];
