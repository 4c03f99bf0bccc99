//! Markers of all objects.

use std::time::Duration;

use super::diff::MarkerDiff;
use super::drawable_object::DrawableObject;
use super::{MarkerArrayWriter, UNLIMITED_LIFETIME};
use ros_cdr::Header;
use sensr_protocol::wire::proto::Object;

/// Namespaces of tracked objects, in the order of the indices in [`drawable_object`](super::drawable_object).
const NAMESPACES: [&str; 6] = [
    "box",
    "label",
    "velocity",
    "history",
    "prediction",
    "reachable",
];

/// Namespaces of SENSR's separate list of static objects, whose ids may be those of tracked objects.
const STATIC_NAMESPACES: [&str; 6] = [
    "static box",
    "static label",
    "static velocity",
    "static history",
    "static prediction",
    "static reachable",
];

/// Writes the markers of objects, and remembers the markers that rviz shows.
///
/// The namespaces are `box`, `label`, `velocity` (to the position in 1 s), `history`, `prediction` and `reachable`, and
/// the same with the prefix `static` for SENSR's list of static objects. The marker's id is the object's. The color
/// depends on the label; static objects are greyer, and objects that SENSR does not see at present are greyer and more
/// transparent. Of objects with the same id the first is drawn. Objects without a position are not drawn.
#[derive(Debug)]
pub struct ObjectMarkers {
    objects: MarkerDiff<6>,
    static_objects: MarkerDiff<6>,
    /// Markers left by an earlier run of the bridge have been deleted.
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
    /// Serializes the `MarkerArray` that replaces the objects shown before. Static objects stay.
    ///
    /// rviz removes markers that are not sent again within `lifetime`, in case the link or a message is lost; 0 means
    /// never. The first array deletes the markers left by an earlier run of the bridge.
    pub fn update(&mut self, header: Header<'_>, lifetime: Duration, objects: &[Object]) -> &[u8] {
        if !self.is_cleared {
            return self.redraw(header, lifetime, objects, &[]);
        }
        let mut array = MarkerArrayWriter::begin(&mut self.buffer, header, lifetime);
        draw_objects(&mut array, &mut self.objects, objects, false);
        array.finish();
        &self.buffer
    }

    /// Serializes the `MarkerArray` that deletes all markers of the topic and shows these objects, the static ones with
    /// unlimited lifetime.
    pub fn redraw(
        &mut self,
        header: Header<'_>,
        lifetime: Duration,
        objects: &[Object],
        static_objects: &[Object],
    ) -> &[u8] {
        self.is_cleared = true;
        self.objects.forget_shown();
        self.static_objects.forget_shown();
        let mut array = MarkerArrayWriter::begin(&mut self.buffer, header, lifetime);
        array.delete_all();
        draw_objects(&mut array, &mut self.objects, objects, false);
        array.lifetime = UNLIMITED_LIFETIME;
        draw_objects(&mut array, &mut self.static_objects, static_objects, true);
        array.finish();
        &self.buffer
    }

    /// Serializes the `MarkerArray` that deletes all markers of the topic.
    pub fn clear(&mut self, header: Header<'_>) -> &[u8] {
        self.objects.forget_shown();
        super::encode_clear(&mut self.buffer, header)
    }
}

fn draw_objects(
    array: &mut MarkerArrayWriter<'_>,
    shown: &mut MarkerDiff<6>,
    objects: &[Object],
    is_static: bool,
) {
    shown.begin_array();
    for object in objects {
        if let Some(drawable) = DrawableObject::new(object, is_static)
            && let Some(ids) = shown.begin_markers(object.id)
        {
            drawable.draw_markers(array, ids);
        }
    }
    shown.delete_stale(array);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::rviz::{HEADER, LIFETIME, Rviz, any_coordinate, read_markers};
    use super::*;
    use sensr_protocol::wire::proto::history::State;
    use sensr_protocol::wire::proto::prediction::ReachableSet;
    use sensr_protocol::wire::proto::{
        BoundingBox, History, PolygonBox, Prediction, Vector2, Vector3,
    };

    /// Builds an object that is drawn in no namespace (0), in two (1), or in all (2).
    fn object((id, detail): (i32, u8)) -> Object {
        let x = if detail == 0 { f32::NAN } else { 1.0 };
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
            velocity: (detail > 1).then_some(vector),
            history: Some(History {
                states: vec![state; usize::from(detail)],
            }),
            prediction: (detail > 1).then(|| Prediction {
                positions: vec![vector],
                reachable_set: vec![reachable_set],
            }),
            ..Object::default()
        }
    }

    /// Returns the namespaces of such an object.
    fn namespaces(detail: u8) -> std::ops::Range<usize> {
        0..[0, 2, 6][usize::from(detail)]
    }

    fn all(list: &[(i32, u8)]) -> Vec<Object> {
        list.iter().copied().map(object).collect()
    }

    /// Returns the expected markers: of each id, those of the first object that can be drawn.
    fn expected([objects, static_objects]: [&[(i32, u8)]; 2]) -> BTreeSet<(&'static str, i32)> {
        let mut expected = BTreeSet::new();
        for (names, list) in [(NAMESPACES, objects), (STATIC_NAMESPACES, static_objects)] {
            let mut ids = BTreeSet::new();
            for &(id, detail) in list.iter().filter(|(_, detail)| *detail > 0) {
                if ids.insert(id) {
                    expected.extend(names[namespaces(detail)].iter().map(|&name| (name, id)));
                }
            }
        }
        // Static objects have no velocity.
        expected.retain(|&(name, _)| name != "static velocity");
        expected
    }

    #[test]
    fn missing_objects_are_deleted_once_and_static_objects_stay() {
        let mut markers = ObjectMarkers::default();
        let mut draw =
            |list: &[(i32, u8)]| read_markers(markers.update(HEADER, LIFETIME, &all(list)));
        draw(&[(1, 1), (2, 1)]);
        let second = draw(&[(2, 1)]);
        let gone = second.iter().filter(|marker| marker.action == 2);
        let deleted: BTreeSet<_> = gone.map(|m| (m.namespace.as_str(), m.id)).collect();
        assert_eq!(deleted, BTreeSet::from([("box", 1), ("label", 1)]));
        let third = draw(&[(2, 1)]);
        assert!(third.iter().all(|marker| marker.action == 0));
    }

    #[test]
    fn static_objects_have_unlimited_lifetime_and_others_do_not() {
        let mut markers = ObjectMarkers::default();
        let array =
            read_markers(markers.redraw(HEADER, LIFETIME, &all(&[(1, 1)]), &all(&[(1, 1)])));
        for marker in array.iter().filter(|marker| marker.action == 0) {
            let is_static = marker.namespace.starts_with("static ");
            let expected = if is_static { Duration::ZERO } else { LIFETIME };
            assert_eq!(marker.lifetime, expected, "{marker:?}");
        }
    }

    #[test]
    fn first_array_deletes_markers_of_an_earlier_run() {
        let mut markers = ObjectMarkers::default();
        let mut clears = || {
            let array = read_markers(markers.update(HEADER, LIFETIME, &all(&[(1, 1)])));
            array.iter().position(|marker| marker.action == 3)
        };
        assert_eq!((clears(), clears()), (Some(0), None));
    }

    fn list() -> impl Strategy<Value = Vec<(i32, u8)>> {
        vec((0..8, 0..3u8), 0..10)
    }

    fn any_vector() -> impl Strategy<Value = Option<Vector3>> {
        proptest::option::of(
            (any_coordinate(), any_coordinate(), any_coordinate()).prop_map(|(x, y, z)| Vector3 {
                x,
                y,
                z,
            }),
        )
    }

    prop_compose! {
        fn any_space()(points in vec((any_coordinate(), any_coordinate()), 0..5), min_z in any_coordinate(), max_z in any_coordinate()) -> PolygonBox {
            let points = points.into_iter().map(|(x, y)| Vector2 { x, y }).collect();
            PolygonBox { points, min_z, max_z }
        }
    }

    prop_compose! {
        fn any_object()(
            (id, label, tracking_status) in any::<(i32, i32, i32)>(),
            (position, size, velocity) in (any_vector(), any_vector(), any_vector()),
            yaw in any_coordinate(),
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
        fn rviz_shows_the_objects_sent_last(arrays in vec((0..4u8, list(), list()), 1..10)) {
            let (mut markers, mut rviz) = (ObjectMarkers::default(), Rviz::default());
            let mut shown_static = Vec::new();
            for (action, objects, static_objects) in &arrays {
                let drawn = all(objects);
                let objects: &[_] = match action {
                    0 => {
                        rviz.apply(markers.redraw(HEADER, LIFETIME, &drawn, &all(static_objects)));
                        shown_static.clone_from(static_objects);
                        objects
                    }
                    1 => {
                        rviz.apply(markers.clear(HEADER));
                        shown_static.clear();
                        &[]
                    }
                    _ => {
                        rviz.apply(markers.update(HEADER, LIFETIME, &drawn));
                        objects
                    }
                };
                prop_assert_eq!(rviz.shown(), expected([objects, &shown_static]));
            }
        }

        #[test]
        fn rviz_accepts_any_objects(objects in vec(any_object(), 0..5)) {
            Rviz::default().apply(ObjectMarkers::default().redraw(HEADER, LIFETIME, &objects, &objects));
        }
    }
}
