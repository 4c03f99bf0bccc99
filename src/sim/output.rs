//! Messages of the output stream.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use prost_types::Timestamp;

use super::number::{float_len, narrow};
use super::scene::Track;
use crate::sensr::wire::proto::system_health::{Node, Status, node};
use crate::sensr::wire::proto::{
    BoundingBox, EventMessage, Object, OutputMessage, PolygonBox, SensorStatus, StreamMessage,
    SystemHealth, TrackingStatus, Vector2, Vector3, ZoneConfig, ZoneType,
};

/// Every how many messages zones and health are sent to everyone: 10 s.
const FULL_EVERY: u64 = 100;

/// A track is reported as being validated for so long after its first point.
const VALIDATING_NS: i64 = 500_000_000;

/// A track without points is drifting, then being invalidated, then gone.
const DRIFTING_NS: i64 = 500_000_000;
const INVALIDATING_NS: i64 = 1_000_000_000;

/// Nanoseconds between the arrival of the first cloud and the message made of it.
const PROCESSING_NS: i64 = 40_000_000;

/// Turns tracks into messages; remembers when each was seen.
#[derive(Debug)]
pub(super) struct OutputMaker {
    zones: Vec<ZoneConfig>,
    /// First and last time with a point, by track id, of the tracks that exist.
    seen_ns: BTreeMap<i32, (i64, i64)>,
}

/// One moment, encoded as often as somebody needs it.
#[derive(Debug)]
pub(super) struct OutputFrames {
    message: OutputMessage,
    zones: Vec<ZoneConfig>,
    everyone_gets_all: bool,
    plain: Option<Bytes>,
    full: Option<Bytes>,
}

impl OutputMaker {
    pub(super) fn new(with_zones: bool) -> Self {
        Self {
            zones: if with_zones { zones() } else { Vec::new() },
            seen_ns: BTreeMap::new(),
        }
    }

    /// Message number `k` at server time `now_ns`, nanoseconds since 1970.
    pub(super) fn frames(&mut self, k: u64, now_ns: i64, tracks: Vec<Track>) -> OutputFrames {
        let seen_ns = std::mem::take(&mut self.seen_ns);
        let mut objects = Vec::with_capacity(tracks.len());
        for track in tracks {
            let before = seen_ns.get(&track.id).copied();
            let seen = match (before, track.points.is_empty()) {
                (None, true) => continue,
                (None, false) => (now_ns, now_ns),
                (Some((first_ns, _)), false) => (first_ns, now_ns),
                (Some(seen), true) => seen,
            };
            if now_ns - seen.1 > INVALIDATING_NS {
                continue;
            }
            self.seen_ns.insert(track.id, seen);
            objects.push(object(track, seen, now_ns, &self.zones));
        }
        let stream = StreamMessage {
            objects,
            has_objects: true,
            first_cloud_arrival_timestamp: Some(timestamp(now_ns - PROCESSING_NS)),
            ..StreamMessage::default()
        };
        OutputFrames {
            message: OutputMessage {
                timestamp: Some(timestamp(now_ns)),
                stream: Some(stream),
                ..OutputMessage::default()
            },
            zones: self.zones.clone(),
            everyone_gets_all: k.is_multiple_of(FULL_EVERY),
            plain: None,
            full: None,
        }
    }
}

impl OutputFrames {
    /// The message, with zones and health when it is a client's `first` or their turn has come.
    pub(super) fn encoded(&mut self, first: bool) -> Bytes {
        let Self { message, .. } = self;
        if !(first || self.everyone_gets_all) {
            let plain = self.plain.get_or_insert_with(|| encode(message));
            return plain.clone();
        }
        let zones = &self.zones;
        let full = self.full.get_or_insert_with(|| {
            let mut message = message.clone();
            if let Some(stream) = &mut message.stream {
                stream.has_zones = true;
                stream.zones.clone_from(zones);
                stream.health = Some(health());
            }
            encode(&message)
        });
        full.clone()
    }
}

/// What a client that reads too slowly is told before it is closed.
pub(super) fn overflow_event(now_ns: i64) -> Bytes {
    encode(&OutputMessage {
        timestamp: Some(timestamp(now_ns)),
        event: Some(EventMessage {
            health: Some(SystemHealth {
                master: Status::OutputBufferOverflow.into(),
                ..health()
            }),
            ..EventMessage::default()
        }),
        ..OutputMessage::default()
    })
}

fn encode(message: &OutputMessage) -> Bytes {
    message.encode_to_vec().into()
}

fn timestamp(ns: i64) -> Timestamp {
    const PER_SECOND: i64 = 1_000_000_000;
    Timestamp {
        seconds: ns.div_euclid(PER_SECOND),
        nanos: i32::try_from(ns.rem_euclid(PER_SECOND)).unwrap_or_default(),
    }
}

fn vector([x, y, z]: [f64; 3]) -> Vector3 {
    let [x, y, z] = [x, y, z].map(narrow);
    Vector3 { x, y, z }
}

fn object(track: Track, seen: (i64, i64), now_ns: i64, zones: &[ZoneConfig]) -> Object {
    let (first_ns, last_ns) = seen;
    let status = if now_ns - last_ns > DRIFTING_NS {
        TrackingStatus::Invalidating
    } else if now_ns > last_ns {
        TrackingStatus::Drifting
    } else if now_ns - first_ns < VALIDATING_NS {
        TrackingStatus::Validating
    } else {
        TrackingStatus::Tracking
    };
    let bottom_centre = vector(track.bottom_centre);
    let points = float_len(track.intensities.len() / 4);
    Object {
        id: track.id,
        label: track.label.into(),
        confidence: narrow(0.5 + 0.5 * points / (points + 50.0)),
        bbox: Some(BoundingBox {
            position: Some(bottom_centre),
            size: Some(vector(track.size)),
            yaw: narrow(track.yaw),
        }),
        velocity: Some(vector(track.velocity)),
        tracking_status: status.into(),
        yaw_rate: narrow(track.yaw_rate),
        last_observed_timestamp: Some(timestamp(last_ns)),
        zone_ids: zones
            .iter()
            .filter(|zone| contains(zone, bottom_centre.x, bottom_centre.y))
            .map(|zone| zone.id)
            .collect(),
        points: track.points,
        intensities: track.intensities,
        ..Object::default()
    }
}

/// The zones of the street.
fn zones() -> Vec<ZoneConfig> {
    let zone = |id, name: &str, kind: ZoneType, corners: [(f32, f32); 4], max_z| ZoneConfig {
        id,
        name: name.to_owned(),
        pbox: Some(PolygonBox {
            points: corners.iter().map(|&(x, y)| Vector2 { x, y }).collect(),
            min_z: -0.5,
            max_z,
        }),
        r#type: kind.into(),
    };
    let rectangle = |x: (f32, f32), y: (f32, f32)| [(x.0, y.0), (x.1, y.0), (x.1, y.1), (x.0, y.1)];
    vec![
        zone(
            1,
            "crossing",
            ZoneType::Event,
            rectangle((11.0, 20.0), (4.0, 12.0)),
            4.0,
        ),
        zone(
            2,
            "square",
            ZoneType::Event,
            [(-28.0, -18.0), (18.0, -18.0), (14.0, -8.0), (-24.0, -8.0)],
            3.0,
        ),
        zone(
            3,
            "far roofs",
            ZoneType::Exclusion,
            rectangle((-190.0, 190.0), (17.0, 30.0)),
            20.0,
        ),
    ]
}

/// Is the position within the zone's outline? Counts the edges crossed by a ray towards +x.
fn contains(zone: &ZoneConfig, x: f32, y: f32) -> bool {
    let corners = zone.pbox.as_ref().map_or(&[][..], |pbox| &pbox.points);
    let following = corners.iter().cycle().skip(1);
    let crossed = corners
        .iter()
        .zip(following)
        .filter(|(a, b)| (a.y > y) != (b.y > y) && x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
    crossed.count() % 2 == 1
}

/// All is well.
fn health() -> SystemHealth {
    let sensors = BTreeMap::from([("lidar_0".to_owned(), SensorStatus::SensorAlive.into())]);
    let node = Node {
        status: node::Status::Ok.into(),
        sensors,
        ..Node::default()
    };
    SystemHealth {
        master: Status::Ok.into(),
        nodes: BTreeMap::from([("sensr_sim".to_owned(), node)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensr::wire::proto::LabelType;

    const SECOND_NS: i64 = 1_000_000_000;

    fn track(points: usize) -> Track {
        Track {
            id: 5,
            label: LabelType::LabelCar,
            bottom_centre: [15.0, 6.0, 0.0],
            size: [4.0, 1.8, 1.5],
            yaw: 0.1,
            velocity: [9.0, 0.0, 0.0],
            yaw_rate: 0.0,
            points: vec![0; points * 12].into(),
            intensities: vec![0; points * 4].into(),
        }
    }

    fn stream(frames: &mut OutputFrames, first: bool) -> StreamMessage {
        let message = OutputMessage::decode(frames.encoded(first)).expect("valid");
        message.stream.expect("always there")
    }

    /// The status of the only object; `None` when it is not reported.
    fn status(maker: &mut OutputMaker, now_ns: i64, points: usize) -> Option<TrackingStatus> {
        let mut frames = maker.frames(1, now_ns, vec![track(points)]);
        let stream = stream(&mut frames, false);
        stream.objects.first().map(Object::tracking_status)
    }

    #[test]
    fn a_track_begins_with_its_first_point_and_fades_after_its_last() {
        let mut maker = OutputMaker::new(true);
        let mut at = |tenths: i64, points| status(&mut maker, tenths * SECOND_NS / 10, points);
        assert_eq!(at(0, 0), None, "never seen");
        assert_eq!(at(1, 9), Some(TrackingStatus::Validating));
        assert_eq!(at(5, 9), Some(TrackingStatus::Validating));
        assert_eq!(at(6, 9), Some(TrackingStatus::Tracking));
        assert_eq!(at(7, 0), Some(TrackingStatus::Drifting));
        assert_eq!(at(12, 0), Some(TrackingStatus::Invalidating));
        assert_eq!(at(17, 0), None, "gone");
        assert_eq!(at(18, 9), Some(TrackingStatus::Validating), "again");
    }

    #[test]
    fn an_object_says_when_it_was_seen_and_in_which_zones_it_is() {
        let mut maker = OutputMaker::new(true);
        maker.frames(0, SECOND_NS, vec![track(50)]);
        let mut frames = maker.frames(1, SECOND_NS + 100_000_000, vec![track(0)]);
        let stream = stream(&mut frames, false);
        let object = &stream.objects[0];
        assert_eq!(object.last_observed_timestamp, Some(timestamp(SECOND_NS)));
        assert_eq!(object.zone_ids, [1], "on the crossing");
        assert_eq!(object.label(), LabelType::LabelCar);
    }

    #[test]
    fn zones_go_to_newcomers_and_to_everyone_every_10_s() {
        let mut maker = OutputMaker::new(true);
        for (k, first, zones) in [(0, false, 3), (1, false, 0), (1, true, 3), (100, false, 3)] {
            let stream = stream(&mut maker.frames(k, 0, Vec::new()), first);
            assert_eq!(stream.zones.len(), zones, "message {k}");
            assert_eq!(stream.has_zones, zones > 0);
            assert_eq!(stream.health.is_some(), zones > 0);
            assert!(stream.has_objects);
        }
    }

    #[test]
    fn a_message_is_encoded_once() {
        let mut frames = OutputMaker::new(true).frames(1, 0, vec![track(10)]);
        for first in [false, true] {
            let once = frames.encoded(first);
            assert_eq!(once.as_ptr(), frames.encoded(first).as_ptr());
        }
    }

    #[test]
    fn an_outline_contains_what_is_inside() {
        let zones = zones();
        assert!(contains(&zones[1], 0.0, -12.0));
        assert!(!contains(&zones[1], 0.0, -7.0));
        assert!(!contains(&zones[1], -27.0, -9.0), "beyond the slanted side");
        assert!(!contains(&ZoneConfig::default(), 0.0, 0.0));
    }

    #[test]
    fn timestamps_before_1970_are_normalized() {
        let before = timestamp(-1);
        assert_eq!((before.seconds, before.nanos), (-1, 999_999_999));
    }
}
