//! `visualization_msgs/MarkerArray`: objects and zones as rviz draws them.
//!
//! rviz keeps a marker, known by its namespace and id, until it is deleted or its lifetime is over. So each
//! array adds what there is and deletes what the array before showed and this one does not. An array never
//! holds the same namespace and id twice, numbers that are not finite, a scale of 0 where rviz uses it, or
//! a line without length: rviz answers each of these with an error in place of the marker.
//!
//! Positions are in the frame of the header, metres; colours and sizes are chosen for rviz's dark background
//! and a site of some 100 m.

mod colors;
mod diff;
mod lines;
mod names;
mod objects;
#[cfg(test)]
mod rviz;
mod shape;
mod style;
mod track;
mod zones;

/// Lifetime of markers that rviz does not remove by itself: they are drawn too seldom.
const FOR_EVER: Duration = Duration::ZERO;

pub use objects::ObjectMarkers;
pub use zones::ZoneMarkers;

use std::fmt::Arguments;
use std::time::Duration;

use super::messages::geometry::quaternion_of_yaw;
use crate::encode::cdr::{Header, Length, Writer};
use colors::Color;
use shape::Point;
use style::MarkerStyle;

/// `Marker.action`
#[derive(Debug, Clone, Copy)]
enum Action {
    Add = 0,
    Delete = 2,
    DeleteAll = 3,
}

/// What rviz knows a marker by.
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
    /// Of what is added. 0 is for ever.
    lifetime: Duration,
    length: Length,
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

    /// Adds a marker that its look says everything about.
    fn add(&mut self, key: MarkerId, look: MarkerStyle) {
        self.marker(key, Action::Add, look, no_points, format_args!(""));
    }

    fn add_text(&mut self, key: MarkerId, look: MarkerStyle, text: Arguments<'_>) {
        self.marker(key, Action::Add, look, no_points, text);
    }

    /// Adds a marker made of points. There are as many `colors` as points, or none: then all have the look's.
    fn add_points(
        &mut self,
        key: MarkerId,
        look: MarkerStyle,
        points: impl Iterator<Item = Point>,
        colors: impl Iterator<Item = Color>,
    ) {
        let write = |out: &mut Writer<'_>| {
            sequence(out, points, vector3);
            sequence(out, colors, color);
        };
        self.marker(key, Action::Add, look, write, format_args!(""));
    }

    fn delete(&mut self, key: MarkerId) {
        self.marker(
            key,
            Action::Delete,
            MarkerStyle::none(),
            no_points,
            format_args!(""),
        );
    }

    /// Deletes all that came by the same topic, from whomever.
    fn delete_all(&mut self) {
        let key = MarkerId {
            namespace: "",
            id: 0,
        };
        self.marker(
            key,
            Action::DeleteAll,
            MarkerStyle::none(),
            no_points,
            format_args!(""),
        );
    }

    /// Writes a `Marker`: all its fields, in their order.
    fn marker(
        &mut self,
        key: MarkerId,
        action: Action,
        look: MarkerStyle,
        points_and_colors: impl FnOnce(&mut Writer<'_>),
        text: Arguments<'_>,
    ) {
        let out = &mut self.out;
        out.header(self.header);
        out.string(key.namespace);
        out.i32(key.id);
        out.i32(look.kind as i32);
        out.i32(action as i32);
        vector3(out, look.position);
        for value in quaternion_of_yaw(look.yaw) {
            out.f64(value);
        }
        vector3(out, look.scale);
        color(out, look.color);
        duration(out, self.lifetime);
        out.bool(false); // frame_locked
        points_and_colors(out);
        texture(out);
        out.text(text);
        mesh(out);
        self.count += 1;
    }
}

/// Writes an array that deletes all that came by the same topic.
fn clear<'a>(buffer: &'a mut Vec<u8>, header: Header<'_>) -> &'a [u8] {
    let mut array = MarkerArrayWriter::begin(buffer, header, FOR_EVER);
    array.delete_all();
    array.finish();
    buffer
}

fn no_points(out: &mut Writer<'_>) {
    out.count(0);
    out.count(0);
}

/// A sequence whose length only its end tells.
fn sequence<T>(
    out: &mut Writer<'_>,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut Writer<'_>, T),
) {
    let length = out.begin_sequence();
    let mut count = 0;
    for item in items {
        write(out, item);
        count += 1;
    }
    out.end_sequence(length, count);
}

/// A `geometry_msgs/Point` or `geometry_msgs/Vector3`.
fn vector3(out: &mut Writer<'_>, vector: [f64; 3]) {
    for value in vector {
        out.f64(value);
    }
}

/// A `std_msgs/ColorRGBA`.
fn color(out: &mut Writer<'_>, color: Color) {
    for value in color.rgba() {
        out.f32(value);
    }
}

/// A `builtin_interfaces/Duration`; the longest there is for longer ones.
fn duration(out: &mut Writer<'_>, duration: Duration) {
    out.i32(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
    out.u32(duration.subsec_nanos());
}

/// No `texture_resource`, `texture` (a `sensor_msgs/CompressedImage`), `uv_coordinates`.
fn texture(out: &mut Writer<'_>) {
    out.string("");
    out.header(Header {
        stamp: crate::time::stamp::Stamp::default(),
        frame_id: "",
    });
    out.string("");
    out.count(0);
    out.count(0);
}

/// No `mesh_resource`, `mesh_file`, `mesh_use_embedded_materials`.
fn mesh(out: &mut Writer<'_>) {
    out.string("");
    out.string("");
    out.count(0);
    out.bool(false);
}
