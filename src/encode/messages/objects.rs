//! `sensr_bridge/ObjectArray`

use prost_types::Timestamp;

use super::Moment;
use super::geometry::{bounding_box, polygon_box, server_time, vector3};
use crate::encode::cdr::Writer;
use sensr_protocol::wire::point_count;
use sensr_protocol::wire::proto::{History, Object, Prediction};

/// The objects of one moment.
#[derive(Debug, Default)]
pub struct ObjectSet {
    /// All that are tracked.
    pub objects: Vec<Object>,
    /// Those that stand still, as SENSR lists them apart.
    pub static_objects: Vec<Object>,
    /// Of the clouds that the objects were found in.
    pub first_cloud_arrival: Option<Timestamp>,
}

/// Writes an `ObjectArray`.
pub fn object_array(buffer: &mut Vec<u8>, moment: Moment<'_>, set: &ObjectSet) {
    let mut out = Writer::begin(buffer);
    moment.write(&mut out);
    server_time(&mut out, set.first_cloud_arrival);
    for objects in [&set.objects, &set.static_objects] {
        out.sequence(objects.iter(), object);
    }
}

fn object(out: &mut Writer<'_>, object: &Object) {
    out.i32(object.id);
    out.i32(object.label);
    out.f32(object.confidence);
    bounding_box(out, object.bbox.as_ref());
    vector3(out, object.velocity);
    out.f32(object.yaw_rate);
    out.i32(object.tracking_status);
    out.bool(object.retro_reflective);
    server_time(out, object.last_observed_timestamp);
    out.bool(object.is_static);
    out.sequence(object.zone_ids.iter().copied(), Writer::i32);
    // Those that are no whole number are in no cloud.
    out.count(point_count(&object.points).unwrap_or(0));
    history(out, object.history.as_ref());
    prediction(out, object.prediction.as_ref());
}

fn history(out: &mut Writer<'_>, history: Option<&History>) {
    let states = history.map_or(&[][..], |history| &history.states);
    out.sequence(states.iter(), |out, state| {
        vector3(out, state.position);
        server_time(out, state.timestamp);
    });
}

fn prediction(out: &mut Writer<'_>, prediction: Option<&Prediction>) {
    let nothing = Prediction::default();
    let prediction = prediction.unwrap_or(&nothing);
    out.sequence(prediction.positions.iter(), |out, position| {
        vector3(out, Some(*position));
    });
    out.sequence(prediction.reachable_set.iter(), |out, set| {
        out.f32(set.t_offset);
        polygon_box(out, set.space.as_ref());
    });
}
