//! Custom part of an output message, which differs between generations.

use bytes::Bytes;
use prost::Message as _;

use super::{OutputTime, field_of_regard, profiling};
use crate::convert::{to_f32, to_f64};
use crate::options::Generation;
use sensr_protocol::wire::proto::{
    CustomMessage, CustomMessage25, Object, RecordingInfo, ReplayInfo,
};

/// Seconds until the background is learnt.
const LEARNING_SECS: f64 = 30.0;

/// Number of output messages of one recording: 40 s.
const RECORDING_MESSAGES: u64 = 400;

/// Encodes the custom part for a generation.
pub(super) fn encode_custom(
    generation: Generation,
    output_time: &OutputTime,
    objects: &[Object],
) -> Bytes {
    let learnt = output_time.scene_secs.unwrap_or_default() / LEARNING_SECS;
    let bg_learning_progress = to_f32(learnt.min(1.0));
    let recorded = to_f64(output_time.k % RECORDING_MESSAGES) / to_f64(RECORDING_MESSAGES);
    let record = Some(RecordingInfo {
        saving_progress: to_f32(recorded),
    });
    let profile =
        |release| profiling::profiling_results(output_time.k, objects.len() as u64, release);
    let encoded = match generation {
        Generation::V3 => CustomMessage {
            vehicle_oriented_fields_of_regard: field_of_regard::fields_of_regard(objects),
            bg_learning_progress,
            record,
            profiling: Some(profile("3.3").into()),
        }
        .encode_to_vec(),
        Generation::V2_5 => CustomMessage25 {
            bg_learning_progress,
            replay: Some(ReplayInfo {
                current_index: i32::try_from(output_time.k).unwrap_or(i32::MAX),
            }),
            record,
            profiling: Some(profile("2.5").into()),
        }
        .encode_to_vec(),
    };
    encoded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_time(k: u64) -> OutputTime {
        OutputTime {
            k,
            now_ns: 0,
            scene_secs: Some(to_f64(k) / 10.0),
        }
    }

    #[test]
    fn each_generation_has_its_own_custom_message() {
        let new = encode_custom(Generation::V3, &output_time(100), &[]);
        let message = CustomMessage::decode(new).expect("valid");
        assert!((message.bg_learning_progress - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(
            message.record,
            Some(RecordingInfo {
                saving_progress: 0.25
            })
        );
        assert!(message.profiling.is_some());

        let old = encode_custom(Generation::V2_5, &output_time(100), &[]);
        let message = CustomMessage25::decode(old.clone()).expect("valid");
        assert_eq!(message.replay, Some(ReplayInfo { current_index: 100 }));
        assert_eq!(
            message.record,
            Some(RecordingInfo {
                saving_progress: 0.25
            })
        );
        assert!(message.profiling.is_some());
        CustomMessage::decode(old).expect_err("its field numbers mean something else");
    }

    #[test]
    fn learning_progress_ends_with_1() {
        let progress = |k| {
            let bytes = encode_custom(Generation::V3, &output_time(k), &[]);
            let message = CustomMessage::decode(bytes).expect("valid");
            message.bg_learning_progress
        };
        let all = [0, 150, 300, 5000].map(progress).map(f32::to_bits);
        assert_eq!(all, [0.0f32, 0.5, 1.0, 1.0].map(f32::to_bits));
    }
}
