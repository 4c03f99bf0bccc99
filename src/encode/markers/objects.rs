//! The objects' markers.

use std::time::Duration;

use super::diff::MarkerDiff;
use super::track::Track;
use super::{FOR_EVER, MarkerArrayWriter};
use crate::encode::cdr::Header;
use sensr_protocol::wire::proto::Object;

/// In the order of the indices in [`track`](super::track).
const NAMESPACES: [&str; 6] = [
    "box",
    "label",
    "velocity",
    "history",
    "prediction",
    "reachable",
];

/// Of SENSR's separate list of static objects, whose ids may be those of others.
const STATIC_NAMESPACES: [&str; 6] = [
    "static box",
    "static label",
    "static velocity",
    "static history",
    "static prediction",
    "static reachable",
];

/// Writes the markers of objects; remembers what it has shown.
///
/// In the namespaces `box`, `label`, `velocity` (where the object will be in 1 s at its velocity),
/// `history`, `prediction` and `reachable`, and the same with `static` before them for
/// SENSR's list of static objects. The marker's id is the object's. Coloured by label; greyer if static;
/// greyer and paler if SENSR does not see the object at present. Of objects with the same id the first is shown. Objects
/// without a position are not.
#[derive(Debug)]
pub struct ObjectMarkers {
    objects: MarkerDiff<6>,
    static_objects: MarkerDiff<6>,
    /// Have the objects of a bridge that ran before been cleared away?
    is_cleared: bool,
    buffer: Vec<u8>,
}

impl Default for ObjectMarkers {
    fn default() -> Self {
        Self {
            objects: MarkerDiff::new(NAMESPACES),
            static_objects: MarkerDiff::new(STATIC_NAMESPACES),
            is_cleared: false,
            buffer: Vec::new(),
        }
    }
}

impl ObjectMarkers {
    /// The serialized `MarkerArray` that makes rviz show the objects in place of those before. Static objects stay.
    ///
    /// After `lifetime` rviz removes what is not shown again, for when the link is lost, or a message; 0 is
    /// for ever. The first array of all deletes what a bridge that ran before has left.
    pub fn update(&mut self, header: Header<'_>, lifetime: Duration, objects: &[Object]) -> &[u8] {
        if !self.is_cleared {
            return self.redraw(header, lifetime, objects, &[]);
        }
        let mut array = MarkerArrayWriter::begin(&mut self.buffer, header, lifetime);
        draw_all(&mut array, &mut self.objects, objects, false);
        array.finish();
        &self.buffer
    }

    /// The serialized `MarkerArray` that makes rviz show these objects, the static ones for ever, and nothing else of
    /// the topic, whatever it showed before.
    pub fn redraw(
        &mut self,
        header: Header<'_>,
        lifetime: Duration,
        objects: &[Object],
        static_objects: &[Object],
    ) -> &[u8] {
        self.is_cleared = true;
        self.objects.forget();
        self.static_objects.forget();
        let mut array = MarkerArrayWriter::begin(&mut self.buffer, header, lifetime);
        array.delete_all();
        draw_all(&mut array, &mut self.objects, objects, false);
        array.lifetime = FOR_EVER;
        draw_all(&mut array, &mut self.static_objects, static_objects, true);
        array.finish();
        &self.buffer
    }

    /// The serialized `MarkerArray` that deletes all that rviz shows of the topic.
    pub fn clear(&mut self, header: Header<'_>) -> &[u8] {
        self.objects.forget();
        super::clear(&mut self.buffer, header)
    }
}

fn draw_all(
    array: &mut MarkerArrayWriter<'_>,
    shown: &mut MarkerDiff<6>,
    objects: &[Object],
    is_static: bool,
) {
    shown.begin();
    for object in objects {
        if let Some(track) = Track::of(object, is_static)
            && let Some(markers) = shown.begin_thing(object.id)
        {
            track.draw(array, markers);
        }
    }
    shown.delete_the_rest(array);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::rviz::{HEADER, LIFETIME, Rviz, float, read};
    use super::*;
    use sensr_protocol::wire::proto::history::State;
    use sensr_protocol::wire::proto::prediction::ReachableSet;
    use sensr_protocol::wire::proto::{
        BoundingBox, History, PolygonBox, Prediction, Vector2, Vector3,
    };

    /// An object that is drawn in all namespaces, or in three if it stands still, or in none.
    fn object((id, how): (i32, u8)) -> Object {
        let x = if how == 0 { f32::NAN } else { 1.0 };
        let vector = Vector3 { x, y: 2.0, z: 3.0 };
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)];
        let space = PolygonBox {
            points: corners.map(|(x, y)| Vector2 { x, y }).to_vec(),
            ..PolygonBox::default()
        };
        let reachable_set = ReachableSet {
            t_offset: 1.0,
            space: Some(space),
        };
        let state = State {
            position: Some(vector),
            timestamp: None,
        };
        Object {
            id,
            bbox: Some(BoundingBox {
                position: Some(vector),
                ..BoundingBox::default()
            }),
            velocity: (how > 1).then_some(vector),
            history: Some(History {
                states: vec![state; usize::from(how)],
            }),
            prediction: (how > 1).then(|| Prediction {
                positions: vec![vector],
                reachable_set: vec![reachable_set],
            }),
            ..Object::default()
        }
    }

    /// The namespaces of such an object.
    fn namespaces(how: u8) -> std::ops::Range<usize> {
        0..[0, 2, 6][usize::from(how)]
    }

    fn all(list: &[(i32, u8)]) -> Vec<Object> {
        list.iter().copied().map(object).collect()
    }

    /// The markers that are there after a set: of each id, those of the first object that can be drawn.
    fn expected([objects, static_objects]: [&[(i32, u8)]; 2]) -> BTreeSet<(&'static str, i32)> {
        let mut expected = BTreeSet::new();
        for (names, list) in [(NAMESPACES, objects), (STATIC_NAMESPACES, static_objects)] {
            let mut ids = BTreeSet::new();
            for &(id, how) in list.iter().filter(|(_, how)| *how > 0) {
                if ids.insert(id) {
                    expected.extend(names[namespaces(how)].iter().map(|&name| (name, id)));
                }
            }
        }
        // What is static has no velocity.
        expected.retain(|&(name, _)| name != "static velocity");
        expected
    }

    #[test]
    fn what_is_no_longer_there_is_deleted_once_and_static_objects_stay() {
        let mut markers = ObjectMarkers::default();
        let mut draw = |list: &[(i32, u8)]| read(markers.update(HEADER, LIFETIME, &all(list)));
        draw(&[(1, 1), (2, 1)]);
        let second = draw(&[(2, 1)]);
        let gone = second.iter().filter(|marker| marker.action == 2);
        let deleted: BTreeSet<_> = gone.map(|m| (m.namespace.as_str(), m.id)).collect();
        assert_eq!(deleted, BTreeSet::from([("box", 1), ("label", 1)]));
        let third = draw(&[(2, 1)]);
        assert!(third.iter().all(|marker| marker.action == 0));
    }

    #[test]
    fn static_objects_have_no_lifetime_and_others_do() {
        let mut markers = ObjectMarkers::default();
        let array = read(markers.redraw(HEADER, LIFETIME, &all(&[(1, 1)]), &all(&[(1, 1)])));
        for marker in array.iter().filter(|marker| marker.action == 0) {
            let is_static = marker.namespace.starts_with("static ");
            let expected = if is_static { Duration::ZERO } else { LIFETIME };
            assert_eq!(marker.lifetime, expected, "{marker:?}");
        }
    }

    #[test]
    fn the_first_array_clears_what_a_former_bridge_left() {
        let mut markers = ObjectMarkers::default();
        let mut clears = || {
            let array = read(markers.update(HEADER, LIFETIME, &all(&[(1, 1)])));
            array.iter().position(|marker| marker.action == 3)
        };
        assert_eq!((clears(), clears()), (Some(0), None));
    }

    fn list() -> impl Strategy<Value = Vec<(i32, u8)>> {
        vec((0..8, 0..3u8), 0..10)
    }

    fn any_vector() -> impl Strategy<Value = Option<Vector3>> {
        proptest::option::of((float(), float(), float()).prop_map(|(x, y, z)| Vector3 { x, y, z }))
    }

    prop_compose! {
        fn any_space()(points in vec((float(), float()), 0..5), min_z in float(), max_z in float()) -> PolygonBox {
            let points = points.into_iter().map(|(x, y)| Vector2 { x, y }).collect();
            PolygonBox { points, min_z, max_z }
        }
    }

    prop_compose! {
        fn any_object()(
            (id, label, tracking_status) in any::<(i32, i32, i32)>(),
            (position, size, velocity) in (any_vector(), any_vector(), any_vector()),
            yaw in float(),
            past in vec(any_vector(), 0..4),
            future in vec(any_vector(), 0..4),
            spaces in vec(any_space(), 0..4),
        ) -> Object {
            let state = |position| State { position, timestamp: None };
            let reachable = |space| ReachableSet { t_offset: yaw, space: Some(space) };
            Object {
                id,
                label,
                tracking_status,
                bbox: Some(BoundingBox { position, size, yaw }),
                velocity,
                history: Some(History { states: past.into_iter().map(state).collect() }),
                prediction: Some(Prediction {
                    positions: future.into_iter().flatten().collect(),
                    reachable_set: spaces.into_iter().map(reachable).collect(),
                }),
                ..Object::default()
            }
        }
    }

    proptest! {
        #[test]
        fn rviz_shows_the_objects_it_was_sent_last(arrays in vec((0..4u8, list(), list()), 1..10)) {
            let (mut markers, mut rviz) = (ObjectMarkers::default(), Rviz::default());
            let mut shown_for_ever = Vec::new();
            for (how, objects, static_objects) in &arrays {
                let drawn = all(objects);
                let objects: &[_] = match how {
                    0 => {
                        rviz.apply(markers.redraw(HEADER, LIFETIME, &drawn, &all(static_objects)));
                        shown_for_ever.clone_from(static_objects);
                        objects
                    }
                    1 => {
                        rviz.apply(markers.clear(HEADER));
                        shown_for_ever.clear();
                        &[]
                    }
                    _ => {
                        rviz.apply(markers.update(HEADER, LIFETIME, &drawn));
                        objects
                    }
                };
                prop_assert_eq!(rviz.shown(), expected([objects, &shown_for_ever]));
            }
        }

        #[test]
        fn rviz_never_complains(objects in vec(any_object(), 0..5)) {
            Rviz::default().apply(ObjectMarkers::default().redraw(HEADER, LIFETIME, &objects, &objects));
        }
    }
}
