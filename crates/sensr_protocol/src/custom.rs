//! `OutputMessage.custom`, which SENSR 2.5 and 3.x fill differently under the same field numbers.
//!
//! | number | 2.5 | 3.x |
//! |---|---|---|
//! | 2 | | fields of regard |
//! | 101 | learning progress | learning progress |
//! | 102 | replay: an int32 | recording: a float |
//! | 103 | recording: a float | profiling: messages |
//! | 104 | profiling: messages | |
//!
//! What a part is shows in the wire types of its fields.

use bytes::Bytes;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

use super::parts::Undecodable;
use super::profiling::ProfilingResultSet;
use super::wire::envelope;
use super::wire::proto::{FieldOfRegard, RecordingInfo, ReplayInfo};

/// Which of the two a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// SENSR 2.5
    V2_5,
    /// SENSR 3.0 and later.
    #[default]
    V3,
}

/// What the server is busy with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Custom {
    /// Of the server that sent it.
    pub generation: Generation,
    /// Of the background, 0 to 1.
    pub learning_progress: f32,
    /// Saving a recording.
    pub recording: Option<RecordingInfo>,
    /// Playing a recording. 2.5 only.
    pub replay: Option<ReplayInfo>,
    /// Times and memory of the server's nodes.
    pub profiling: Option<ProfilingResultSet>,
    /// What vehicles can see. 3.x only.
    pub fields_of_regard: Vec<FieldOfRegard>,
}

impl Custom {
    /// Opens the parts. `usual` decides where the message does not show its generation, and is brought up to
    /// date where it does.
    pub(crate) fn open(
        custom: envelope::Custom,
        usual: &mut Generation,
        undecodable: &mut Undecodable,
    ) -> Self {
        if let Some(shown) = generation_shown(&custom) {
            *usual = shown;
        }
        let mut opened = Self {
            generation: *usual,
            learning_progress: custom.bg_learning_progress,
            fields_of_regard: undecodable.many("field of regard", custom.field_2).0,
            ..Self::default()
        };
        match *usual {
            Generation::V2_5 => {
                opened.replay = undecodable.one("replay", custom.field_102);
                opened.recording = undecodable.one("recording", custom.field_103);
                opened.profiling = ProfilingResultSet::open(custom.field_104, undecodable);
            }
            Generation::V3 => {
                opened.recording = undecodable.one("recording", custom.field_102);
                opened.profiling = ProfilingResultSet::open(custom.field_103, undecodable);
            }
        }
        opened
    }
}

/// What a message shows of its generation. A part with nothing but defaults in it is empty on the wire and
/// shows nothing; nor does a field that neither generation has.
fn generation_shown(custom: &envelope::Custom) -> Option<Generation> {
    if !custom.field_104.is_empty() {
        return Some(Generation::V2_5);
    }
    let shown = |pieces: &[Bytes]| pieces.iter().find_map(first_known_wire_type);
    let by_102 = match shown(&custom.field_102) {
        Some(WireType::Varint) => Some(Generation::V2_5),
        Some(WireType::ThirtyTwoBit) => Some(Generation::V3),
        _ => None,
    };
    let by_103 = || match shown(&custom.field_103) {
        Some(WireType::ThirtyTwoBit) => Some(Generation::V2_5),
        Some(WireType::LengthDelimited) => Some(Generation::V3),
        _ => None,
    };
    let by_2 = || (!custom.field_2.is_empty()).then_some(Generation::V3);
    by_102.or_else(by_103).or_else(by_2)
}

/// The wire type of the first field that the messages in question have: number 1, profiling also 2.
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
    use super::super::output::{Output, decode_output};
    use super::super::profiling::ProfilingResult;
    use super::super::wire::proto::{
        CustomMessage, CustomMessage25, OutputMessage, PolygonBox, StreamMessage,
    };
    use super::*;
    use prost::Message;

    fn decode(custom: &impl Message, usual: &mut Generation) -> Output {
        let message = OutputMessage {
            stream: Some(StreamMessage {
                has_objects: true,
                ..StreamMessage::default()
            }),
            custom: custom.encode_to_vec().into(),
            ..OutputMessage::default()
        };
        decode_output(message.encode_to_vec().into(), usual).expect("protobuf")
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
    fn both_generations_come_out_whole_whatever_was_expected() {
        for usual in [Generation::V2_5, Generation::V3] {
            let mut generation = usual;
            let output = decode(&v3(), &mut generation);
            assert_eq!(output.undecodable.count(), 0);
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

            let mut generation = usual;
            let output = decode(&v2_5(), &mut generation);
            assert_eq!(output.undecodable.count(), 0);
            let custom = output.custom.expect("there");
            assert_eq!(custom.generation, Generation::V2_5);
            assert_eq!(generation, Generation::V2_5);
            assert_eq!(custom.replay, v2_5().replay);
            assert_eq!(custom.recording, v2_5().record);
            assert_eq!(custom.profiling, Some(profiling()));
        }
    }

    #[test]
    fn one_part_is_enough_to_tell_and_none_leaves_it_as_it_was() {
        let shown = |custom: &dyn Fn(&mut Generation) -> Output| {
            [Generation::V2_5, Generation::V3].map(|usual| {
                let mut generation = usual;
                custom(&mut generation);
                generation
            })
        };
        let only_replay = CustomMessage25 {
            replay: Some(ReplayInfo { current_index: 3 }),
            ..CustomMessage25::default()
        };
        assert_eq!(
            shown(&|generation| decode(&only_replay, generation)),
            [Generation::V2_5; 2]
        );
        let only_profiling = CustomMessage {
            profiling: Some(profiling().into()),
            ..CustomMessage::default()
        };
        assert_eq!(
            shown(&|generation| decode(&only_profiling, generation)),
            [Generation::V3; 2]
        );
        let at_the_start = CustomMessage {
            record: Some(RecordingInfo::default()),
            ..CustomMessage::default()
        };
        assert_eq!(
            shown(&|generation| decode(&at_the_start, generation)),
            [Generation::V2_5, Generation::V3]
        );
    }

    #[test]
    fn fields_of_newer_servers_do_not_mislead() {
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
        assert_eq!(
            (generation, output.undecodable.count()),
            (Generation::V3, 0)
        );
        let custom = output.custom.expect("there");
        assert_eq!(custom.profiling, Some(profiling()));
    }

    #[test]
    fn a_broken_part_costs_itself() {
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
        assert_eq!(output.undecodable.count(), 1);
        assert_eq!(output.objects, Some(vec![]));
        let custom = output.custom.expect("there");
        assert_eq!((custom.profiling, custom.recording), (None, v3().record));
    }
}
