//! WebSocket frames of both streams, encoded in advance.

use std::f32::consts::TAU;

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::Timestamp;
use sensr_protocol::wire::proto::{
    BoundingBox, History, LabelType, Object, Prediction, StreamMessage, TrackingStatus, Vector3,
    history,
};
use sensr_protocol::wire::{CloudType, INTENSITY_BYTES, POINT_BYTES};

use crate::websocket::write_frame_header;

/// Bytes of the number in each cloud: the x of its first point.
pub const NUMBER_BYTES: usize = 4;

/// Numbers of fields in `PointResult` and its clouds.
mod field {
    pub(super) const RESULT_CLOUDS: u32 = 1;
    pub(super) const CLOUD_TYPE: u32 = 1;
    pub(super) const CLOUD_POINTS: u32 = 3;
    pub(super) const CLOUD_INTENSITIES: u32 = 4;
    pub(super) const OUTPUT_TIMESTAMP: u32 = 1;
    pub(super) const OUTPUT_STREAM: u32 = 3;
}

/// Frame of the point stream. Its number belongs between each two successive parts.
#[derive(Debug, Clone)]
pub struct PointFrame {
    parts: Vec<Vec<u8>>,
    points: usize,
}

impl PointFrame {
    /// Encodes a frame with one cloud of `points` points per type. `seed` varies the points.
    ///
    /// # Panics
    ///
    /// If there are no points.
    #[must_use]
    pub fn encode(points: usize, types: &[CloudType], seed: u64) -> Self {
        assert!(points > 0, "the number of the frame is in the first point");
        let mut values = Values::new(seed);
        let mut parts = vec![Vec::new()];
        for kind in types {
            let mut head = Vec::new();
            encode_key(field::CLOUD_TYPE, WireType::Varint, &mut head);
            encode_varint(u64::from(kind.as_u32()), &mut head);
            write_bytes_head(field::CLOUD_POINTS, points * POINT_BYTES, &mut head);
            let mut rest = Vec::with_capacity(points * (POINT_BYTES + INTENSITY_BYTES) + 16);
            values.write(points * 3 - 1, 200.0, -100.0, &mut rest);
            write_bytes_head(
                field::CLOUD_INTENSITIES,
                points * INTENSITY_BYTES,
                &mut rest,
            );
            values.write(points, 255.0, 0.0, &mut rest);
            let part = parts.last_mut().expect("one at least");
            let cloud_bytes = head.len() + NUMBER_BYTES + rest.len();
            write_bytes_head(field::RESULT_CLOUDS, cloud_bytes, part);
            part.extend_from_slice(&head);
            parts.push(rest);
        }
        let payload: usize = parts.iter().map(Vec::len).sum::<usize>() + types.len() * NUMBER_BYTES;
        let mut first = Vec::new();
        write_frame_header(payload, &mut first);
        first.append(&mut parts[0]);
        parts[0] = first;
        Self { parts, points }
    }

    /// Parts of the frame, header included.
    #[must_use]
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }

    /// Points of each cloud.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points
    }
}

/// Type of a cloud as a number on the wire.
trait AsU32 {
    fn as_u32(&self) -> u32;
}

impl AsU32 for CloudType {
    fn as_u32(&self) -> u32 {
        u32::try_from(i32::from(*self)).expect("types are not negative")
    }
}

/// Repeatable pseudo-random floats (xorshift).
struct Values(u64);

impl Values {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bits = (self.0 >> 32) as u32;
        // As the fraction of a number between 1 and 2.
        f32::from_bits(0x3f80_0000 | bits >> 9) - 1.0
    }

    /// Appends `count` floats between `offset` and `offset + width`.
    fn write(&mut self, count: usize, width: f32, offset: f32, out: &mut Vec<u8>) {
        for _ in 0..count {
            out.extend_from_slice(&(self.next() * width + offset).to_le_bytes());
        }
    }
}

/// Writes key and length of a field of bytes.
fn write_bytes_head(number: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

/// Messages of the output stream, complete but for their timestamp.
#[derive(Debug, Clone)]
pub struct OutputFrames {
    streams: Vec<Vec<u8>>,
}

impl OutputFrames {
    /// Encodes `count` different messages with `objects` objects of `points` points each, which move from message to
    /// message. `now` is the time at which they were observed.
    #[must_use]
    pub fn encode(count: usize, objects: usize, points: usize, now: Timestamp) -> Self {
        let streams = (0..count.max(1)).map(|step| {
            let mut values = Values::new(step as u64 + 1);
            let objects = (0..objects).map(|i| build_object(i, step, points, now, &mut values));
            let stream = StreamMessage {
                objects: objects.collect(),
                first_cloud_arrival_timestamp: Some(now),
                has_objects: true,
                ..StreamMessage::default()
            };
            stream.encode_to_vec()
        });
        Self {
            streams: streams.collect(),
        }
    }

    /// Writes the frame with this number, with the time `now`, into `out`.
    pub fn write(&self, number: usize, now: Timestamp, out: &mut Vec<u8>) {
        let stream = &self.streams[number % self.streams.len()];
        let timestamp = now.encode_to_vec();
        let mut head = Vec::new();
        write_bytes_head(field::OUTPUT_TIMESTAMP, timestamp.len(), &mut head);
        head.extend_from_slice(&timestamp);
        write_bytes_head(field::OUTPUT_STREAM, stream.len(), &mut head);
        out.clear();
        write_frame_header(head.len() + stream.len(), out);
        out.extend_from_slice(&head);
        out.extend_from_slice(stream);
    }
}

/// Builds an object of a busy site, with three seconds of history and two of prediction, that has a place of its own in
/// a grid.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn build_object(
    index: usize,
    step: usize,
    points: usize,
    now: Timestamp,
    values: &mut Values,
) -> Object {
    const PER_ROW: usize = 32;
    const METRES_APART: f32 = 4.0;
    /// At 10 Hz.
    const METRES_PER_STEP: f32 = 0.1;
    const HISTORY_STEPS: u16 = 30;
    const PREDICTED_STEPS: u16 = 20;
    let mut floats = |count: usize, width, offset| -> Bytes {
        let mut bytes = Vec::with_capacity(count * 4);
        values.write(count, width, offset, &mut bytes);
        bytes.into()
    };
    let (column, row) = ((index % PER_ROW) as f32, (index / PER_ROW) as f32);
    let position = |later: f32| Vector3 {
        x: column * METRES_APART + (step as f32 + later) * METRES_PER_STEP,
        y: row * METRES_APART,
        z: 0.0,
    };
    let history = (1..=HISTORY_STEPS).map(|steps| history::State {
        position: Some(position(-f32::from(steps))),
        timestamp: Some(Timestamp {
            seconds: now.seconds - i64::from(steps) / 10,
            nanos: now.nanos,
        }),
    });
    let predicted = (1..=PREDICTED_STEPS).map(|steps| position(f32::from(steps)));
    Object {
        id: i32::try_from(index + 1).unwrap_or(i32::MAX),
        label: LabelType::LabelCar.into(),
        confidence: 0.9,
        bbox: Some(BoundingBox {
            position: Some(position(0.0)),
            size: Some(Vector3 {
                x: 4.0,
                y: 2.0,
                z: 1.5,
            }),
            yaw: column / TAU,
        }),
        velocity: Some(Vector3 {
            x: 10.0 * METRES_PER_STEP,
            y: 0.0,
            z: 0.0,
        }),
        tracking_status: TrackingStatus::Tracking.into(),
        yaw_rate: 0.1,
        last_observed_timestamp: Some(now),
        points: floats(points * 3, 4.0, -2.0),
        intensities: floats(points, 255.0, 0.0),
        history: Some(History {
            states: history.collect(),
        }),
        prediction: Some(Prediction {
            positions: predicted.collect(),
            ..Prediction::default()
        }),
        ..Object::default()
    }
}

#[cfg(test)]
mod tests;
