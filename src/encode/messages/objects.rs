//! `sensr_bridge/ObjectArray`

use prost_types::Timestamp;

use super::OutputHeader;
use super::geometry::{write_bounding_box, write_polygon_box, write_server_time, write_vector3};
use ros_cdr::Writer;
use sensr_protocol::wire::point_count;
use sensr_protocol::wire::proto::{History, Object, Prediction};

/// The objects of one output message.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectSet<'a> {
    /// Tracked objects.
    pub objects: &'a [Object],
    /// SENSR's separate list of static objects.
    pub static_objects: &'a [Object],
    /// Arrival of the first of the clouds that the objects were detected in.
    pub first_cloud_arrival: Option<Timestamp>,
}

impl<'a> ObjectSet<'a> {
    /// Returns all objects, the static ones last.
    pub fn all(&self) -> impl Iterator<Item = &'a Object> + Clone {
        self.objects.iter().chain(self.static_objects)
    }
}

/// Writes an `ObjectArray`.
pub fn object_array(buffer: &mut Vec<u8>, header: OutputHeader<'_>, set: &ObjectSet<'_>) {
    let mut out = Writer::begin(buffer);
    header.write_plain(&mut out);
    write_server_time(&mut out, set.first_cloud_arrival);
    for objects in [set.objects, set.static_objects] {
        out.write_sequence(objects.iter(), write_object);
    }
}

fn write_object(out: &mut Writer<'_>, object: &Object) {
    out.write_i32(object.id);
    out.write_i32(object.label);
    out.write_f32(object.confidence);
    write_bounding_box(out, object.bbox.as_ref());
    write_vector3(out, object.velocity);
    out.write_f32(object.yaw_rate);
    out.write_i32(object.tracking_status);
    out.write_bool(object.retro_reflective);
    write_server_time(out, object.last_observed_timestamp);
    out.write_bool(object.is_static);
    out.write_sequence(object.zone_ids.iter().copied(), Writer::write_i32);
    // Malformed points, which are not in points/objects either, count as none.
    out.write_length(point_count(&object.points).unwrap_or(0));
    write_history(out, object.history.as_ref());
    write_prediction(out, object.prediction.as_ref());
}

fn write_history(out: &mut Writer<'_>, history: Option<&History>) {
    let states = history.map_or(&[][..], |history| &history.states);
    out.write_sequence(states.iter(), |out, state| {
        write_vector3(out, state.position);
        write_server_time(out, state.timestamp);
    });
}

fn write_prediction(out: &mut Writer<'_>, prediction: Option<&Prediction>) {
    let empty = Prediction::default();
    let prediction = prediction.unwrap_or(&empty);
    out.write_sequence(prediction.positions.iter(), |out, position| {
        write_vector3(out, Some(*position));
    });
    out.write_sequence(prediction.reachable_set.iter(), |out, set| {
        out.write_f32(set.t_offset);
        write_polygon_box(out, set.space.as_ref());
    });
}
