//! `OutputMessage.custom`, in which SENSR 2.5 and 3.x use the same field numbers for different fields.
//!
//! | number | 2.5 | 3.x |
//! |---|---|---|
//! | 2 | | fields of regard |
//! | 101 | learning progress | learning progress |
//! | 102 | replay: an int32 | recording: a float |
//! | 103 | recording: a float | profiling: messages |
//! | 104 | profiling: messages | |
//!
//! The wire types of the fields inside 102 and 103 tell the two apart.

use bytes::Bytes;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

use crate::decode_failures::DecodeFailures;
use crate::decode_parts::{decode_optional, decode_repeated};
use crate::heap_size::HeapSize;
use crate::profiling::ProfilingResultSet;
use crate::wire::envelope;
use crate::wire::proto::{FieldOfRegard, RecordingInfo, ReplayInfo};

/// Generation of the server's software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// SENSR 2.5
    V2_5,
    /// SENSR 3.0 and later.
    #[default]
    V3,
}

/// Activity of the server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Custom {
    /// Generation of the server that sent the message.
    pub generation: Generation,
    /// Progress of learning the background, 0 to 1.
    pub learning_progress: f32,
    /// Recording that is being saved.
    pub recording: Option<RecordingInfo>,
    /// Recording that is being replayed. 2.5 only.
    pub replay: Option<ReplayInfo>,
    /// Processing times and memory of the server's nodes.
    pub profiling: Option<ProfilingResultSet>,
    /// Areas that vehicles can see. 3.x only.
    pub fields_of_regard: Vec<FieldOfRegard>,
}

impl Custom {
    /// Decodes the parts. `generation` decides where the message does not show its generation, and is updated where it
    /// does.
    pub(crate) fn decode(
        custom: envelope::Custom,
        generation: &mut Generation,
        failures: &mut DecodeFailures,
    ) -> Self {
        if let Some(detected) = detect_generation(&custom) {
            *generation = detected;
        }
        let mut decoded = Self {
            generation: *generation,
            learning_progress: custom.bg_learning_progress,
            fields_of_regard: decode_repeated("field of regard", custom.field_2, failures).0,
            ..Self::default()
        };
        match *generation {
            Generation::V2_5 => {
                decoded.replay = decode_optional("replay", custom.field_102, failures);
                decoded.recording = decode_optional("recording", custom.field_103, failures);
                decoded.profiling = ProfilingResultSet::decode(custom.field_104, failures);
            }
            Generation::V3 => {
                decoded.recording = decode_optional("recording", custom.field_102, failures);
                decoded.profiling = ProfilingResultSet::decode(custom.field_103, failures);
            }
        }
        decoded
    }
}

impl HeapSize for Custom {
    fn heap_size(&self) -> usize {
        self.profiling.heap_size() + self.fields_of_regard.heap_size()
    }
}

/// Detects the generation of a message. `None` if its parts are absent, have only defaults (which makes them empty on
/// the wire), or have only fields that neither generation knows.
fn detect_generation(custom: &envelope::Custom) -> Option<Generation> {
    if !custom.field_104.is_empty() {
        return Some(Generation::V2_5);
    }
    let wire_type = |pieces: &[Bytes]| pieces.iter().find_map(first_known_wire_type);
    let by_102 = match wire_type(&custom.field_102) {
        Some(WireType::Varint) => Some(Generation::V2_5),
        Some(WireType::ThirtyTwoBit) => Some(Generation::V3),
        _ => None,
    };
    let by_103 = || match wire_type(&custom.field_103) {
        Some(WireType::ThirtyTwoBit) => Some(Generation::V2_5),
        Some(WireType::LengthDelimited) => Some(Generation::V3),
        _ => None,
    };
    let by_2 = || (!custom.field_2.is_empty()).then_some(Generation::V3);
    by_102.or_else(by_103).or_else(by_2)
}

/// Wire type of the first field with number 1 or 2: the messages in question have 1, profiling also 2.
fn first_known_wire_type(piece: &Bytes) -> Option<WireType> {
    let mut rest = piece.clone();
    loop {
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        if number <= 2 {
            return Some(wire_type);
        }
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Output, decode_output};
    use crate::profiling::ProfilingResult;
    use crate::wire::proto::{
        CustomMessage, CustomMessage25, OutputMessage, PolygonBox, StreamMessage,
    };
    use prost::Message;

    fn decode(custom: &impl Message, generation: &mut Generation) -> Output {
        let message = OutputMessage {
            stream: Some(StreamMessage {
                has_objects: true,
                ..StreamMessage::default()
            }),
            custom: custom.encode_to_vec().into(),
            ..OutputMessage::default()
        };
        decode_output(message.encode_to_vec().into(), generation).expect("protobuf")
    }

    fn profiling() -> ProfilingResultSet {
        let result = ProfilingResult {
            processing_times: [("total".into(), 5_000_000)].into(),
            ..ProfilingResult::default()
        };
        ProfilingResultSet {
            master_node: Some(result.clone()),
            algo_nodes: [("algo_0".into(), result)].into(),
        }
    }

    fn v3() -> CustomMessage {
        CustomMessage {
            vehicle_oriented_fields_of_regard: vec![FieldOfRegard {
                object_id: 4,
                field_of_regard: vec![PolygonBox::default()],
            }],
            bg_learning_progress: 0.5,
            record: Some(RecordingInfo {
                saving_progress: 0.25,
            }),
            profiling: Some(profiling().into()),
        }
    }

    fn v2_5() -> CustomMessage25 {
        CustomMessage25 {
            bg_learning_progress: 0.5,
            replay: Some(ReplayInfo { current_index: 3 }),
            record: Some(RecordingInfo {
                saving_progress: 0.25,
            }),
            profiling: Some(profiling().into()),
        }
    }

    #[test]
    fn both_generations_decode_whole_whichever_was_expected() {
        for expected in [Generation::V2_5, Generation::V3] {
            let mut generation = expected;
            let output = decode(&v3(), &mut generation);
            assert_eq!(output.failures.count(), 0);
            let custom = output.custom.expect("there");
            assert_eq!(custom.generation, Generation::V3);
            assert_eq!(generation, Generation::V3);
            assert_eq!(custom.recording, v3().record);
            assert_eq!(custom.profiling, Some(profiling()));
            assert_eq!(
                custom.fields_of_regard,
                v3().vehicle_oriented_fields_of_regard
            );
            assert_eq!(custom.replay, None);

            let mut generation = expected;
            let output = decode(&v2_5(), &mut generation);
            assert_eq!(output.failures.count(), 0);
            let custom = output.custom.expect("there");
            assert_eq!(custom.generation, Generation::V2_5);
            assert_eq!(generation, Generation::V2_5);
            assert_eq!(custom.replay, v2_5().replay);
            assert_eq!(custom.recording, v2_5().record);
            assert_eq!(custom.profiling, Some(profiling()));
        }
    }

    #[test]
    fn one_part_shows_the_generation_and_no_part_leaves_it_unchanged() {
        let detected = |custom: &dyn Fn(&mut Generation) -> Output| {
            [Generation::V2_5, Generation::V3].map(|expected| {
                let mut generation = expected;
                custom(&mut generation);
                generation
            })
        };
        let only_replay = CustomMessage25 {
            replay: Some(ReplayInfo { current_index: 3 }),
            ..CustomMessage25::default()
        };
        assert_eq!(
            detected(&|generation| decode(&only_replay, generation)),
            [Generation::V2_5; 2]
        );
        let only_profiling = CustomMessage {
            profiling: Some(profiling().into()),
            ..CustomMessage::default()
        };
        assert_eq!(
            detected(&|generation| decode(&only_profiling, generation)),
            [Generation::V3; 2]
        );
        let default_recording = CustomMessage {
            record: Some(RecordingInfo::default()),
            ..CustomMessage::default()
        };
        assert_eq!(
            detected(&|generation| decode(&default_recording, generation)),
            [Generation::V2_5, Generation::V3]
        );
    }

    #[test]
    fn fields_of_newer_servers_do_not_affect_the_generation() {
        let mut recording = Vec::new();
        prost::encoding::encode_key(999, WireType::Varint, &mut recording);
        recording.push(5);
        let mut custom = Vec::new();
        prost::encoding::encode_key(102, WireType::LengthDelimited, &mut custom);
        custom.push(u8::try_from(recording.len()).expect("short"));
        custom.extend(recording);
        let only_profiling = CustomMessage {
            profiling: Some(profiling().into()),
            ..CustomMessage::default()
        };
        custom.extend(only_profiling.encode_to_vec());
        let message = OutputMessage {
            custom: custom.into(),
            ..OutputMessage::default()
        };
        let mut generation = Generation::V3;
        let output = decode_output(message.encode_to_vec().into(), &mut generation);
        let output = output.expect("protobuf");
        assert_eq!((generation, output.failures.count()), (Generation::V3, 0));
        let custom = output.custom.expect("there");
        assert_eq!(custom.profiling, Some(profiling()));
    }

    #[test]
    fn broken_part_costs_only_itself() {
        let mut custom = v3().encode_to_vec();
        prost::encoding::encode_key(103, WireType::LengthDelimited, &mut custom);
        custom.extend([1, 0xff]);
        let message = OutputMessage {
            stream: Some(StreamMessage {
                has_objects: true,
                ..StreamMessage::default()
            }),
            custom: custom.into(),
            ..OutputMessage::default()
        };
        let frame = message.encode_to_vec().into();
        let output = decode_output(frame, &mut Generation::V3).expect("protobuf");
        assert_eq!(output.failures.count(), 1);
        assert!(output.objects.is_some_and(|objects| objects.is_empty()));
        let custom = output.custom.expect("there");
        assert_eq!((custom.profiling, custom.recording), (None, v3().record));
    }
}
