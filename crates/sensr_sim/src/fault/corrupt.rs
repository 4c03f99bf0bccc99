//! Corrupt messages for faults.

use bytes::Bytes;
use prost::Message as _;
use rand::Rng as _;
use rand::rngs::SmallRng;

use crate::queue_item::{Contents, Message};
use sensr_protocol::wire::POINT_BYTES;
use sensr_protocol::wire::proto::{OutputMessage, PointResult};

/// Upper bound on the length of garbage.
const MAX_GARBAGE_BYTES: usize = 4096;

/// Field 1, an embedded message in both streams, with a declared length (2 MiB) that is never reached.
const UNTERMINATED: [u8; 4] = [0x0a, 0xff, 0xff, 0x7f];

/// Returns random bytes that decode as a message of neither stream.
pub(super) fn random_garbage(rng: &mut SmallRng) -> Bytes {
    let length = rng.random_range(0..MAX_GARBAGE_BYTES);
    let random = (0..length).map(|_| rng.random());
    UNTERMINATED.into_iter().chain(random).collect()
}

/// Returns the longest prefix, at most half of the message, that does not decode, or other bytes that do not decode if
/// every prefix does.
pub(crate) fn truncate_message(message: &Message) -> Bytes {
    let is_message = |data: &Bytes| match message.contents {
        Contents::Clouds(_) => PointResult::decode(data.clone()).is_ok(),
        Contents::Output(_) => OutputMessage::decode(data.clone()).is_ok(),
    };
    let beginnings = (1..=message.len() / 2).rev();
    let mut cut_short = beginnings.map(|length| message.data.slice(..length));
    let first = cut_short.find(|data| !is_message(data));
    first.unwrap_or_else(|| Bytes::from_static(&UNTERMINATED))
}

/// Returns a point message with the same clouds without points; any other message unchanged.
pub(crate) fn without_points(message: &Message) -> Bytes {
    map_points(message, |_| Vec::new())
}

/// Returns a point message in which three of four points have a coordinate that is NaN or infinite; any other message
/// unchanged.
pub(crate) fn with_non_finite_points(message: &Message) -> Bytes {
    map_points(message, |mut points| {
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        for (index, point) in points.chunks_exact_mut(POINT_BYTES).enumerate() {
            if let Some(value) = odd.get(index % 4) {
                let at = index % 3 * size_of::<f32>();
                point[at..at + size_of::<f32>()].copy_from_slice(&value.to_le_bytes());
            }
        }
        points
    })
}

/// Replaces the points of each cloud by the result of `change`; clouds without points lose their intensities too.
fn map_points(message: &Message, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Bytes {
    let decoded = match message.contents {
        Contents::Clouds(_) => PointResult::decode(message.data.clone()).ok(),
        Contents::Output(_) => None,
    };
    let Some(mut result) = decoded else {
        return message.data.clone();
    };
    for cloud in &mut result.points {
        let points = change(cloud.points.to_vec());
        if points.is_empty() {
            cloud.intensities = Bytes::new();
        }
        cloud.points = points.into();
    }
    result.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::timestamp_only;
    use crate::queue_item::encode_clouds;
    use crate::report::{CloudCounts, OutputCounts};
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use sensr_protocol::wire::{CloudType, PointCloud};

    fn points(count: usize) -> Message {
        let cloud = |kind: CloudType| PointCloud {
            r#type: kind.into(),
            id: Bytes::new(),
            points: vec![1; count * POINT_BYTES].into(),
            intensities: vec![2; count * 4].into(),
        };
        let data = encode_clouds(vec![cloud(CloudType::Raw), cloud(CloudType::Ground)]);
        Message::clouds(data, CloudCounts::default())
    }

    fn is_any_message(data: &Bytes) -> bool {
        PointResult::decode(data.clone()).is_ok() || OutputMessage::decode(data.clone()).is_ok()
    }

    proptest! {
        #[test]
        fn garbage_does_not_decode(seed: u64) {
            let mut rng = SmallRng::seed_from_u64(seed);
            prop_assert!(!is_any_message(&random_garbage(&mut rng)));
        }

        #[test]
        fn truncated_message_does_not_decode(count in 0usize..50) {
            let message = points(count);
            let short = truncate_message(&message);
            prop_assert!(short.len() < message.len());
            prop_assert!(PointResult::decode(short.clone()).is_err());
            prop_assert!(message.data.starts_with(&short));
        }
    }

    #[test]
    fn messages_without_a_bad_prefix_are_replaced_by_garbage() {
        let nothing = Message::output(Bytes::new(), OutputCounts::default());
        assert!(!is_any_message(&truncate_message(&nothing)));
        let time = Message::output(
            timestamp_only(1_700_000_000_123_456_789),
            OutputCounts::default(),
        );
        assert!(!is_any_message(&truncate_message(&time)));
    }

    #[test]
    fn empty_clouds_keep_their_types() {
        let result = PointResult::decode(without_points(&points(5))).expect("a message");
        let types: Vec<CloudType> = result.points.iter().map(PointCloud::r#type).collect();
        assert_eq!(types, [CloudType::Raw, CloudType::Ground]);
        let is_empty = |cloud: &PointCloud| cloud.points.is_empty() && cloud.intensities.is_empty();
        assert!(result.points.iter().all(is_empty));
    }

    #[test]
    fn three_of_four_points_become_non_finite_and_none_is_removed() {
        let result = PointResult::decode(with_non_finite_points(&points(8))).expect("a message");
        for cloud in &result.points {
            let float = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("4 bytes"));
            let coordinates = cloud.points.chunks_exact(4).map(float);
            assert_eq!(coordinates.filter(|value| !value.is_finite()).count(), 6);
            assert_eq!(cloud.points.len(), 8 * POINT_BYTES);
            assert_eq!(cloud.intensities.len(), 8 * 4);
        }
    }

    #[test]
    fn only_point_messages_are_changed() {
        let strange = Message::clouds(Bytes::from_static(&UNTERMINATED), CloudCounts::default());
        assert_eq!(with_non_finite_points(&strange), strange.data);
        let time = Message::output(timestamp_only(5), OutputCounts::default());
        assert_eq!(without_points(&time), time.data);
    }
}
