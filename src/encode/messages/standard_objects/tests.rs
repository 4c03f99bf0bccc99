#![expect(clippy::float_cmp, reason = "copied and halved values are exact")]

use super::*;
use proptest::prelude::*;
use ros_cdr::{ReadError, Reader, Time};
use sensr_protocol::wire::proto::BoundingBox;
use std::f32::consts::FRAC_PI_2;

const HEADER: Header<'static> = Header {
    stamp: Time {
        sec: 7,
        nanosec: 800,
    },
    frame_id: "map",
};

fn vector(x: f32, y: f32, z: f32) -> Vector3 {
    Vector3 { x, y, z }
}

fn car() -> Object {
    Object {
        id: -5,
        label: LabelType::LabelCar as i32,
        confidence: 0.75,
        bbox: Some(BoundingBox {
            position: Some(vector(1.0, 2.0, 3.0)),
            size: Some(vector(4.0, 2.0, 1.5)),
            yaw: FRAC_PI_2,
        }),
        velocity: Some(vector(0.0, 10.0, 0.5)),
        yaw_rate: 0.25,
        is_static: true,
        ..Object::default()
    }
}

fn read_f64s<const N: usize>(reader: &mut Reader<'_>) -> Result<[f64; N], ReadError> {
    let mut values = [0.0; N];
    for value in &mut values {
        *value = reader.read_f64()?;
    }
    Ok(values)
}

/// A `Detection3D` as read back.
#[derive(Debug, PartialEq)]
struct Detection {
    class_id: String,
    score: f64,
    pose: [f64; 7],
    center: [f64; 7],
    size: [f64; 3],
    id: String,
}

fn read_detections(message: &[u8]) -> Result<Vec<Detection>, ReadError> {
    let mut reader = Reader::new(message)?;
    assert_eq!(reader.read_header()?, HEADER);
    let mut detections = Vec::new();
    for _ in 0..reader.read_length()? {
        assert_eq!(reader.read_header()?, HEADER);
        assert_eq!(reader.read_length()?, 1, "one hypothesis");
        let class_id = reader.read_string()?.to_owned();
        let score = reader.read_f64()?;
        let pose = read_f64s(&mut reader)?;
        assert_eq!(read_f64s(&mut reader)?, COVARIANCE);
        detections.push(Detection {
            class_id,
            score,
            pose,
            center: read_f64s(&mut reader)?,
            size: read_f64s(&mut reader)?,
            id: reader.read_string()?.to_owned(),
        });
    }
    reader.expect_end()?;
    Ok(detections)
}

/// A `TrackedObject` as read back.
#[derive(Debug, PartialEq)]
struct Tracked {
    id: [u8; 16],
    label: u8,
    probability: f32,
    pose: [f64; 7],
    twist: [f64; 6],
    is_stationary: bool,
    size: [f64; 3],
}

fn read_tracked(message: &[u8]) -> Result<Vec<Tracked>, ReadError> {
    let mut reader = Reader::new(message)?;
    assert_eq!(reader.read_header()?, HEADER);
    let mut objects = Vec::new();
    for _ in 0..reader.read_length()? {
        let id = reader.read_raw(16)?.try_into().expect("16 bytes");
        assert_eq!(reader.read_f32()?.to_bits(), 1_f32.to_bits());
        assert_eq!(reader.read_length()?, 1, "one classification");
        let (label, probability) = (reader.read_u8()?, reader.read_f32()?);
        let pose = read_f64s(&mut reader)?;
        assert_eq!(read_f64s(&mut reader)?, COVARIANCE);
        let twist = read_f64s(&mut reader)?;
        assert_eq!(read_f64s(&mut reader)?, COVARIANCE);
        assert_eq!(read_f64s(&mut reader)?, [0.0; 6]);
        assert_eq!(read_f64s(&mut reader)?, COVARIANCE);
        assert_eq!(reader.read_u8()?, ORIENTATION_AVAILABLE);
        let is_stationary = reader.read_bool()?;
        assert_eq!(reader.read_u8()?, BOUNDING_BOX);
        assert_eq!(reader.read_length()?, 0, "no footprint");
        objects.push(Tracked {
            id,
            label,
            probability,
            pose,
            twist,
            is_stationary,
            size: read_f64s(&mut reader)?,
        });
    }
    reader.expect_end()?;
    Ok(objects)
}

fn detections_of(objects: &[Object]) -> Vec<Detection> {
    let mut buffer = Vec::new();
    detection_array(&mut buffer, HEADER, objects);
    read_detections(&buffer).expect("a Detection3DArray")
}

fn tracked_of(ids: TrackIds, objects: &[Object]) -> Vec<Tracked> {
    let mut buffer = Vec::new();
    tracked_objects(&mut buffer, HEADER, ids, objects);
    read_tracked(&buffer).expect("a TrackedObjects")
}

#[test]
fn a_detection_has_the_center_of_the_box_and_the_label_as_a_number() {
    let [detection] = detections_of(&[car()]).try_into().expect("one");
    assert_eq!(
        (&*detection.class_id, detection.score, &*detection.id),
        ("1", 0.75, "-5")
    );
    assert_eq!(detection.pose[..3], [1.0, 2.0, 3.75]);
    let half_turn = std::f64::consts::FRAC_1_SQRT_2;
    assert!((detection.pose[5] - half_turn).abs() < 1e-6);
    assert!((detection.pose[6] - half_turn).abs() < 1e-6);
    assert_eq!(detection.center, detection.pose);
    assert_eq!(detection.size, [4.0, 2.0, 1.5]);
}

#[test]
fn a_tracked_object_moves_in_its_own_frame() {
    let [object] = tracked_of(TrackIds::default(), &[car()])
        .try_into()
        .expect("one");
    assert_eq!((object.label, object.probability), (1, 0.75));
    assert_eq!(object.pose[..3], [1.0, 2.0, 3.75]);
    // It heads for +y, and moves there: forward.
    let [forward, left, up, roll, pitch, yaw] = object.twist;
    assert!((forward - 10.0).abs() < 1e-5 && left.abs() < 1e-5);
    assert_eq!([up, roll, pitch, yaw], [0.5, 0.0, 0.0, 0.25]);
    assert!(object.is_stationary);
    assert_eq!(object.size, [4.0, 2.0, 1.5]);
}

#[test]
fn an_empty_object_has_zeros_and_no_rotation() {
    let empty = [Object::default()];
    let [detection] = detections_of(&empty).try_into().expect("one");
    assert_eq!(detection.pose, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!((&*detection.class_id, &*detection.id), ("0", "0"));
    let [object] = tracked_of(TrackIds::default(), &empty)
        .try_into()
        .expect("one");
    assert_eq!(object.pose, detection.pose);
    assert_eq!(object.twist, [0.0; 6]);
    assert!(detections_of(&[]).is_empty());
    assert!(tracked_of(TrackIds::default(), &[]).is_empty());
}

#[test]
fn numbers_that_are_not_finite_stay_what_they_are() {
    let mut object = car();
    object.velocity = Some(vector(f32::INFINITY, 0.0, 0.0));
    if let Some(bbox) = &mut object.bbox {
        bbox.position = Some(vector(f32::NAN, 2.0, 3.0));
        bbox.yaw = f32::NAN;
    }
    let objects = [object];
    let [detection] = detections_of(&objects).try_into().expect("one");
    assert!(detection.pose[0].is_nan());
    assert_eq!(detection.pose[1..3], [2.0, 3.75]);
    assert_eq!(detection.pose[3..5], [0.0; 2]);
    assert!(detection.pose[5..].iter().all(|one| one.is_nan()));
    let [tracked] = tracked_of(TrackIds::default(), &objects)
        .try_into()
        .expect("one");
    assert!(tracked.pose[0].is_nan());
    assert!(!tracked.twist[1].is_finite());
}

#[test]
fn labels_are_those_of_autoware_as_far_as_it_has_them() {
    let labels: Vec<i32> = (-1..=8).collect();
    let object = |label: &i32| Object {
        label: *label,
        ..Object::default()
    };
    let objects: Vec<Object> = labels.iter().map(object).collect();
    let tracked = tracked_of(TrackIds::default(), &objects);
    let autoware: Vec<u8> = tracked.iter().map(|object| object.label).collect();
    assert_eq!(autoware, [0, 0, 1, 7, 6, 0, 0, 0, 0, 0]);
    let detections = detections_of(&objects);
    let numbers = detections.iter().map(|detection| &*detection.class_id);
    assert!(numbers.eq(labels.iter().map(ToString::to_string)));
}

#[test]
fn label_info_names_every_label() {
    let mut buffer = Vec::new();
    label_info(&mut buffer, HEADER);
    let mut reader = Reader::new(&buffer).expect("CDR");
    assert_eq!(reader.read_header().expect("header"), HEADER);
    let count = reader.read_length().expect("length");
    let classes: Vec<(u16, String)> = (0..count)
        .map(|_| {
            let number = reader.read_u16().expect("number");
            (number, reader.read_string().expect("name").to_owned())
        })
        .collect();
    assert_eq!(reader.read_f32().expect("threshold").to_bits(), 0);
    reader.expect_end().expect("complete");
    let names = [
        "none",
        "car",
        "pedestrian",
        "cyclist",
        "misc",
        "ground",
        "gate",
    ];
    assert!(classes.iter().map(|(number, _)| *number).eq(0..7));
    assert!(classes.iter().map(|(_, name)| &**name).eq(names));
}

proptest! {
    #[test]
    fn ids_differ_by_run_server_and_object_and_are_valid(
        (run, server, object) in (any::<u64>(), 0..u64::from(u16::MAX), any::<i32>()),
        (other_run, other_server, other_object) in (any::<u64>(), 0..u64::from(u16::MAX), any::<i32>()),
    ) {
        let ids = TrackIds { run, server };
        let id = ids.id_of(object);
        prop_assert_eq!(id[6] >> 4, 8, "version");
        prop_assert_eq!(id[8] >> 6, 0b10, "variant");
        let others = TrackIds { run: other_run, server: other_server };
        let is_same = (ids, object) == (others, other_object);
        prop_assert_eq!(others.id_of(other_object) == id, is_same);
    }
}
