//! Custom part of an output message, which differs between generations.

use bytes::Bytes;
use prost::Message as _;

use super::{Moment, profiling, regard};
use crate::number::{float, narrow};
use crate::options::Generation;
use sensr_protocol::wire::proto::{
    CustomMessage, CustomMessage25, Object, RecordingInfo, ReplayInfo,
};

/// Seconds until the background is learnt.
const LEARNING_SECS: f64 = 30.0;

/// Number of output messages of one recording: 40 s.
const RECORDING_MESSAGES: u64 = 400;

/// Encodes the custom part for a generation.
pub(super) fn encode(generation: Generation, moment: &Moment, objects: &[Object]) -> Bytes {
    let learnt = moment.world_secs.unwrap_or_default() / LEARNING_SECS;
    let bg_learning_progress = narrow(learnt.min(1.0));
    let recorded = float(moment.k % RECORDING_MESSAGES) / float(RECORDING_MESSAGES);
    let record = Some(RecordingInfo {
        saving_progress: narrow(recorded),
    });
    let profile = |release| profiling::results(moment.k, objects.len() as u64, release);
    let encoded = match generation {
        Generation::V3 => CustomMessage {
            vehicle_oriented_fields_of_regard: regard::fields(objects),
            bg_learning_progress,
            record,
            profiling: Some(profile("3.3").into()),
        }
        .encode_to_vec(),
        Generation::V2_5 => CustomMessage25 {
            bg_learning_progress,
            replay: Some(ReplayInfo {
                current_index: i32::try_from(moment.k).unwrap_or(i32::MAX),
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

    fn moment(k: u64) -> Moment {
        Moment {
            k,
            now_ns: 0,
            world_secs: Some(float(k) / 10.0),
        }
    }

    #[test]
    fn each_generation_has_its_own_custom_message() {
        let new = encode(Generation::V3, &moment(100), &[]);
        let message = CustomMessage::decode(new).expect("valid");
        assert!((message.bg_learning_progress - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(
            message.record,
            Some(RecordingInfo {
                saving_progress: 0.25
            })
        );
        assert!(message.profiling.is_some());

        let old = encode(Generation::V2_5, &moment(100), &[]);
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
            let bytes = encode(Generation::V3, &moment(k), &[]);
            let message = CustomMessage::decode(bytes).expect("valid");
            message.bg_learning_progress
        };
        let all = [0, 150, 300, 5000].map(progress).map(f32::to_bits);
        assert_eq!(all, [0.0f32, 0.5, 1.0, 1.0].map(f32::to_bits));
    }
}
