//! For tests: reads arrays, by hand from the message definitions, and does with them what rviz does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::ObjectMarkers;
use super::shape::Point;
use crate::encode::cdr::Header;
use crate::time::stamp::Stamp;
use sensr_protocol::wire::proto::Object;

pub(super) const HEADER: Header<'static> = Header {
    stamp: Stamp { sec: 1, nanosec: 2 },
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

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// A primitive, aligned to its size.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let begin = self.at.next_multiple_of(N);
        self.at = begin + N;
        self.bytes[begin..self.at].try_into().expect("N bytes")
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take())
    }

    fn f32s<const N: usize>(&mut self) -> [f32; N] {
        std::array::from_fn(|_| f32::from_le_bytes(self.take()))
    }

    fn f64s<const N: usize>(&mut self) -> [f64; N] {
        std::array::from_fn(|_| f64::from_le_bytes(self.take()))
    }

    fn string(&mut self) -> String {
        let length = self.u32() as usize;
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        let (nul, text) = bytes.split_last().expect("ends with NUL");
        assert!(*nul == 0 && !text.contains(&0));
        String::from_utf8(text.to_vec()).expect("UTF-8")
    }

    fn sequence<T>(&mut self, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.u32()).map(|_| read(self)).collect()
    }

    fn header(&mut self) -> (i32, u32, String) {
        (self.i32(), self.u32(), self.string())
    }

    fn marker(&mut self) -> Marker {
        assert_eq!(self.header(), (1, 2, "sensr".to_owned()));
        let marker = Marker {
            namespace: self.string(),
            id: self.i32(),
            kind: self.i32(),
            action: self.i32(),
            position: self.f64s(),
            orientation: self.f64s(),
            scale: self.f64s(),
            color: self.f32s(),
            lifetime: Duration::new(self.i32().try_into().expect("positive"), self.u32()),
            points: {
                assert_eq!(self.take(), [0], "not frame_locked");
                self.sequence(Self::f64s)
            },
            colors: self.sequence(Self::f32s),
            text: {
                self.no_texture();
                self.string()
            },
        };
        self.no_mesh();
        marker
    }

    fn no_texture(&mut self) {
        assert_eq!(self.string(), "", "texture_resource");
        assert_eq!(self.header(), (0, 0, String::new()), "texture.header");
        assert_eq!(self.string(), "", "texture.format");
        assert_eq!(
            (self.u32(), self.u32()),
            (0, 0),
            "texture.data, uv_coordinates"
        );
    }

    fn no_mesh(&mut self) {
        assert_eq!(self.string(), "", "mesh_resource");
        assert_eq!(self.string(), "", "mesh_file.filename");
        assert_eq!(
            (self.u32(), self.take()),
            (0, [0]),
            "mesh_file.data, embedded"
        );
    }
}

/// The markers of an array.
pub(super) fn read(message: &[u8]) -> Vec<Marker> {
    assert_eq!(message[..4], [0, 1, 0, 0], "CDR, little endian");
    let mut reader = Reader {
        bytes: &message[4..],
        at: 0,
    };
    let markers = reader.sequence(Reader::marker);
    assert_eq!(reader.at, reader.bytes.len(), "nothing behind");
    markers
}

/// What rviz shows, by namespace and id. Lifetimes are never over.
#[derive(Debug, Default)]
pub(super) struct Rviz(BTreeMap<(String, i32), Marker>);

impl Rviz {
    /// # Panics
    ///
    /// If rviz would complain, or if something is deleted that is not shown.
    pub(super) fn apply(&mut self, message: &[u8]) {
        let mut named = BTreeSet::new();
        for marker in read(message) {
            let key = (marker.namespace.clone(), marker.id);
            assert!(named.insert(key.clone()), "twice in an array: {key:?}");
            match marker.action {
                0 => {
                    check(&marker);
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

/// rviz's own checks, and what makes it draw nothing or crash.
fn check(marker: &Marker) {
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

/// The markers of an object, by namespace.
pub(super) fn markers_of(object: Object) -> BTreeMap<String, Marker> {
    let mut rviz = Rviz::default();
    rviz.apply(ObjectMarkers::default().update(HEADER, LIFETIME, &[object]));
    let markers = rviz.0.into_iter();
    markers
        .map(|((namespace, _), marker)| (namespace, marker))
        .collect()
}

/// Some of a street, some of everything else there is.
pub(super) fn float() -> impl Strategy<Value = f32> {
    prop_oneof![3 => -1e3f32..1e3, 1 => proptest::num::f32::ANY]
}
