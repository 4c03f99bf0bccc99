//! Model of rviz for tests: reads arrays by the message definitions and applies them as rviz does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::ObjectMarkers;
use super::shape::Point;
use ros_cdr::{Header, ReadError, Reader, Time};
use sensr_protocol::wire::proto::Object;

pub(super) const HEADER: Header<'static> = Header {
    stamp: Time { sec: 1, nanosec: 2 },
    frame_id: "sensr",
};
pub(super) const LIFETIME: Duration = Duration::from_millis(1500);

#[derive(Debug, Clone)]
pub(super) struct Marker {
    pub(super) namespace: String,
    pub(super) id: i32,
    pub(super) kind: i32,
    pub(super) action: i32,
    pub(super) position: Point,
    pub(super) orientation: [f64; 4],
    pub(super) scale: [f64; 3],
    pub(super) color: [f32; 4],
    pub(super) lifetime: Duration,
    pub(super) points: Vec<Point>,
    pub(super) colors: Vec<[f32; 4]>,
    pub(super) text: String,
}

fn read_array<T: std::fmt::Debug, const N: usize>(
    mut read_element: impl FnMut() -> Result<T, ReadError>,
) -> Result<[T; N], ReadError> {
    let elements: Vec<T> = (0..N).map(|_| read_element()).collect::<Result<_, _>>()?;
    Ok(elements.try_into().expect("N elements"))
}

fn read_f64s<const N: usize>(reader: &mut Reader<'_>) -> Result<[f64; N], ReadError> {
    read_array(|| reader.read_f64())
}

fn read_f32s<const N: usize>(reader: &mut Reader<'_>) -> Result<[f32; N], ReadError> {
    read_array(|| reader.read_f32())
}

fn read_marker(reader: &mut Reader<'_>) -> Result<Marker, ReadError> {
    assert_eq!(reader.read_header()?, HEADER);
    let marker = Marker {
        namespace: reader.read_string()?.to_owned(),
        id: reader.read_i32()?,
        kind: reader.read_i32()?,
        action: reader.read_i32()?,
        position: read_f64s(reader)?,
        orientation: read_f64s(reader)?,
        scale: read_f64s(reader)?,
        color: read_f32s(reader)?,
        lifetime: Duration::new(
            reader.read_i32()?.try_into().expect("positive"),
            reader.read_u32()?,
        ),
        points: {
            assert!(!reader.read_bool()?, "not frame_locked");
            reader.read_sequence(read_f64s)?
        },
        colors: reader.read_sequence(read_f32s)?,
        text: {
            assert_no_texture(reader)?;
            reader.read_string()?.to_owned()
        },
    };
    assert_no_mesh(reader)?;
    Ok(marker)
}

fn assert_no_texture(reader: &mut Reader<'_>) -> Result<(), ReadError> {
    assert_eq!(reader.read_string()?, "", "texture_resource");
    let header = reader.read_header()?;
    assert_eq!(
        (header.stamp, header.frame_id),
        (Time::default(), ""),
        "texture.header"
    );
    assert_eq!(reader.read_string()?, "", "texture.format");
    assert_eq!(
        (reader.read_u32()?, reader.read_u32()?),
        (0, 0),
        "texture.data, uv_coordinates"
    );
    Ok(())
}

fn assert_no_mesh(reader: &mut Reader<'_>) -> Result<(), ReadError> {
    assert_eq!(reader.read_string()?, "", "mesh_resource");
    assert_eq!(reader.read_string()?, "", "mesh_file.filename");
    assert_eq!(
        (reader.read_u32()?, reader.read_bool()?),
        (0, false),
        "mesh_file.data, embedded"
    );
    Ok(())
}

/// Reads the markers of an array.
pub(super) fn read_markers(message: &[u8]) -> Vec<Marker> {
    assert_eq!(message[..4], [0, 1, 0, 0], "CDR, little endian");
    let read = || {
        let mut reader = Reader::new(message)?;
        let markers = reader.read_sequence(read_marker)?;
        reader.expect_end()?;
        Ok::<_, ReadError>(markers)
    };
    read().expect("a MarkerArray")
}

/// Markers that rviz shows, by namespace and id. Lifetimes do not end.
#[derive(Debug, Default)]
pub(super) struct Rviz(BTreeMap<(String, i32), Marker>);

impl Rviz {
    /// # Panics
    ///
    /// If rviz would report an error, or if a marker is deleted that is not shown.
    pub(super) fn apply(&mut self, message: &[u8]) {
        let mut named = BTreeSet::new();
        for marker in read_markers(message) {
            let key = (marker.namespace.clone(), marker.id);
            assert!(named.insert(key.clone()), "twice in an array: {key:?}");
            match marker.action {
                0 => {
                    assert_drawable(&marker);
                    self.0.insert(key, marker);
                }
                2 => assert!(self.0.remove(&key).is_some(), "not shown: {key:?}"),
                3 => self.0.clear(),
                other => panic!("no such action: {other}"),
            }
        }
    }

    pub(super) fn shown(&self) -> BTreeSet<(&str, i32)> {
        self.0
            .keys()
            .map(|(namespace, id)| (namespace.as_str(), *id))
            .collect()
    }
}

/// Asserts rviz's own checks, and that nothing makes it draw nothing or crash.
fn assert_drawable(marker: &Marker) {
    let Marker {
        position,
        orientation,
        scale,
        color,
        points,
        colors,
        ..
    } = marker;
    let coordinates = position.iter().chain(points.as_flattened()).chain(scale);
    assert!(
        coordinates.copied().all(|value| value.abs() < 1e9),
        "{marker:?}"
    );
    let norm: f64 = orientation.iter().map(|value| value * value).sum();
    assert!((norm - 1.0).abs() < 1e-6, "{marker:?}");
    let shades = color.iter().chain(colors.as_flattened());
    assert!(
        shades.copied().all(|value| (0.0..=1.0).contains(&value)),
        "{marker:?}"
    );
    assert!(
        colors.is_empty() || colors.len() == points.len(),
        "{marker:?}"
    );
    let (used, count_is_right) = match marker.kind {
        0 => (&scale[..], points.len() == 2),
        1 => (&scale[..], points.is_empty()),
        4 => (&scale[..1], points.len() >= 2),
        5 => (&scale[..1], points.len() >= 2 && points.len() % 2 == 0),
        9 => (
            &scale[2..],
            points.is_empty() && !marker.text.trim().is_empty(),
        ),
        11 => (&scale[..], points.len() >= 3 && points.len() % 3 == 0),
        other => panic!("no such kind: {other}"),
    };
    assert!(
        used.iter().all(|&value| value >= 0.01) && count_is_right,
        "{marker:?}"
    );
}

/// Returns the markers of an object, by namespace.
pub(super) fn markers_of(object: Object) -> BTreeMap<String, Marker> {
    let mut rviz = Rviz::default();
    rviz.apply(ObjectMarkers::default().update(HEADER, LIFETIME, &[object]));
    let markers = rviz.0.into_iter();
    markers
        .map(|((namespace, _), marker)| (namespace, marker))
        .collect()
}

/// Mostly coordinates of a street, sometimes any float.
pub(super) fn any_coordinate() -> impl Strategy<Value = f32> {
    prop_oneof![3 => -1e3f32..1e3, 1 => proptest::num::f32::ANY]
}
