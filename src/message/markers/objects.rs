//! The objects' markers.

use std::time::Duration;

use super::Array;
use super::shown::Shown;
use super::track::Track;
use crate::cdr::Header;
use crate::message::ObjectSet;
use crate::sensr::wire::proto::Object;

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
/// [`ObjectSet::static_objects`]. The marker's id is the object's. Coloured by label; greyer if static;
/// greyer and paler if SENSR does not see the object at present.
#[derive(Debug)]
pub struct ObjectMarkers {
    objects: Shown<6>,
    static_objects: Shown<6>,
    buffer: Vec<u8>,
}

impl Default for ObjectMarkers {
    fn default() -> Self {
        Self {
            objects: Shown::new(NAMESPACES),
            static_objects: Shown::new(STATIC_NAMESPACES),
            buffer: Vec::new(),
        }
    }
}

impl ObjectMarkers {
    /// The serialized `MarkerArray` that makes rviz show the set in place of the one before.
    ///
    /// After `lifetime` rviz removes what is not shown again, for when the link is lost, or a message; 0 is
    /// for ever. Of objects with the same id the first is shown. Objects without a position are not.
    pub fn encode(&mut self, header: Header<'_>, lifetime: Duration, set: &ObjectSet) -> &[u8] {
        let mut array = Array::begin(&mut self.buffer, header, lifetime);
        draw_all(&mut array, &mut self.objects, &set.objects, false);
        draw_all(
            &mut array,
            &mut self.static_objects,
            &set.static_objects,
            true,
        );
        array.finish();
        &self.buffer
    }
}

fn draw_all(array: &mut Array<'_>, shown: &mut Shown<6>, objects: &[Object], is_static: bool) {
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
    use crate::sensr::wire::proto::history::State;
    use crate::sensr::wire::proto::prediction::ReachableSet;
    use crate::sensr::wire::proto::{
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

    fn set([objects, static_objects]: [&[(i32, u8)]; 2]) -> ObjectSet {
        let all = |list: &[(i32, u8)]| list.iter().copied().map(object).collect();
        ObjectSet {
            objects: all(objects),
            static_objects: all(static_objects),
            first_cloud_arrival: None,
        }
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
    fn what_is_no_longer_there_is_deleted_once() {
        let mut markers = ObjectMarkers::default();
        markers.encode(HEADER, LIFETIME, &set([&[(1, 1), (2, 1)], &[(1, 1)]]));
        let second = read(markers.encode(HEADER, LIFETIME, &set([&[(2, 1)], &[(1, 1)]])));
        let gone = second.iter().filter(|marker| marker.action == 2);
        let deleted: BTreeSet<_> = gone.map(|m| (m.namespace.as_str(), m.id)).collect();
        assert_eq!(deleted, BTreeSet::from([("box", 1), ("label", 1)]));
        let third = read(markers.encode(HEADER, LIFETIME, &set([&[(2, 1)], &[(1, 1)]])));
        assert!(third.iter().all(|marker| marker.action == 0));
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
        fn rviz_shows_the_set_it_was_sent_last(sets in vec([list(), list()], 1..8)) {
            let (mut markers, mut rviz) = (ObjectMarkers::default(), Rviz::default());
            for lists in &sets {
                let lists = lists.each_ref().map(Vec::as_slice);
                rviz.apply(markers.encode(HEADER, LIFETIME, &set(lists)));
                prop_assert_eq!(rviz.shown(), expected(lists));
            }
        }

        #[test]
        fn rviz_never_complains(objects in vec(any_object(), 0..5)) {
            let set = ObjectSet { objects, ..ObjectSet::default() };
            Rviz::default().apply(ObjectMarkers::default().encode(HEADER, LIFETIME, &set));
        }
    }
}
