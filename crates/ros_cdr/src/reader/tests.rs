use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Writer;

/// A field of a message, for round trips.
#[derive(Debug, Clone, PartialEq)]
enum TestField {
    Bool(bool),
    U8(u8),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    F32(u32),
    F64(u64),
    String(String),
    Formatted(String),
    Bytes(Vec<u8>),
    Header(i32, u32, String),
    Sequence(Vec<f64>),
}

fn field() -> impl Strategy<Value = TestField> {
    let text = "[^\0]{0,12}";
    prop_oneof![
        any::<bool>().prop_map(TestField::Bool),
        any::<u8>().prop_map(TestField::U8),
        any::<i32>().prop_map(TestField::I32),
        any::<u32>().prop_map(TestField::U32),
        any::<i64>().prop_map(TestField::I64),
        any::<u64>().prop_map(TestField::U64),
        any::<u32>().prop_map(TestField::F32),
        any::<u64>().prop_map(TestField::F64),
        text.prop_map(TestField::String),
        text.prop_map(TestField::Formatted),
        any::<Vec<u8>>().prop_map(TestField::Bytes),
        (any::<i32>(), any::<u32>(), text)
            .prop_map(|(sec, nanosec, frame)| TestField::Header(sec, nanosec, frame)),
        vec(-1e9..1e9, 0..5).prop_map(TestField::Sequence),
    ]
}

fn write(out: &mut Writer<'_>, field: &TestField) {
    match field {
        TestField::Bool(value) => out.write_bool(*value),
        TestField::U8(value) => out.write_u8(*value),
        TestField::I32(value) => out.write_i32(*value),
        TestField::U32(value) => out.write_u32(*value),
        TestField::I64(value) => out.write_i64(*value),
        TestField::U64(value) => out.write_u64(*value),
        // As bits, so that NaN equals itself.
        TestField::F32(bits) => out.write_f32(f32::from_bits(*bits)),
        TestField::F64(bits) => out.write_f64(f64::from_bits(*bits)),
        TestField::String(value) => out.write_string(value),
        TestField::Formatted(value) => out.write_formatted(format_args!("{value}")),
        TestField::Bytes(value) => out.write_byte_sequence(value),
        TestField::Header(sec, nanosec, frame_id) => out.write_header(Header {
            stamp: Time {
                sec: *sec,
                nanosec: *nanosec,
            },
            frame_id,
        }),
        TestField::Sequence(values) => {
            out.write_sequence(values.iter().copied(), Writer::write_f64);
        }
    }
}

/// Reads a field of the same kind as `like`.
fn read(reader: &mut Reader<'_>, like: &TestField) -> Result<TestField, ReadError> {
    Ok(match like {
        TestField::Bool(_) => TestField::Bool(reader.read_bool()?),
        TestField::U8(_) => TestField::U8(reader.read_u8()?),
        TestField::I32(_) => TestField::I32(reader.read_i32()?),
        TestField::U32(_) => TestField::U32(reader.read_u32()?),
        TestField::I64(_) => TestField::I64(reader.read_i64()?),
        TestField::U64(_) => TestField::U64(reader.read_u64()?),
        TestField::F32(_) => TestField::F32(reader.read_f32()?.to_bits()),
        TestField::F64(_) => TestField::F64(reader.read_f64()?.to_bits()),
        TestField::String(_) => TestField::String(reader.read_string()?.to_owned()),
        TestField::Formatted(_) => TestField::Formatted(reader.read_string()?.to_owned()),
        TestField::Bytes(_) => TestField::Bytes(reader.read_byte_sequence()?.to_vec()),
        TestField::Header(..) => {
            let Header { stamp, frame_id } = reader.read_header()?;
            TestField::Header(stamp.sec, stamp.nanosec, frame_id.to_owned())
        }
        TestField::Sequence(_) => TestField::Sequence(reader.read_sequence(Reader::read_f64)?),
    })
}

fn read_all(message: &[u8], like: &[TestField]) -> Result<Vec<TestField>, ReadError> {
    let mut reader = Reader::new(message)?;
    let fields = like.iter().map(|like| read(&mut reader, like)).collect();
    reader.expect_end().and(fields)
}

proptest! {
    #[test]
    fn reads_what_the_writer_writes(fields in vec(field(), 0..20)) {
        let mut message = Vec::new();
        let mut out = Writer::begin(&mut message);
        for field in &fields {
            write(&mut out, field);
        }
        prop_assert_eq!(read_all(&message, &fields), Ok(fields.clone()));
        if !fields.is_empty() {
            // Without its last byte it is an error, and never a panic.
            prop_assert!(read_all(&message[..message.len() - 1], &fields).is_err());
        }
        message.push(0);
        prop_assert!(read_all(&message, &fields).is_err());
    }

    #[test]
    fn never_panics_on_any_bytes(
        mut message: Vec<u8>, has_header: bool, is_little: bool, fields in vec(field(), 0..20),
    ) {
        if has_header {
            message.splice(..0, [0, u8::from(is_little), 0, 0]);
        }
        let _ = read_all(&message, &fields);
    }
}

#[test]
fn big_endian_is_read() {
    let message = [
        0, 0, 0, 0, // encapsulation
        7, 0, 0, 0, // u8, padding
        0, 0, 0, 2, b'a', 0, 0, 0, // string, padding
        0x3f, 0xf0, 0, 0, // u32
    ];
    let mut reader = Reader::new(&message).expect("CDR");
    assert_eq!(reader.read_u8(), Ok(7));
    assert_eq!(reader.read_string(), Ok("a"));
    assert_eq!(reader.read_u32(), Ok(0x3ff0_0000));
}

#[test]
fn strings_and_bytes_borrow_from_the_message() {
    let mut message = Vec::new();
    Writer::begin(&mut message).write_byte_sequence(&[1, 2, 3]);
    let bytes = Reader::new(&message)
        .and_then(|mut reader| reader.read_byte_sequence())
        .expect("a byte sequence");
    assert_eq!(bytes.as_ptr(), message[8..].as_ptr());
}

#[test]
fn malformed_values_are_named_with_their_position() {
    let error = |message: &[u8], read: fn(&mut Reader<'_>) -> Option<ReadError>| {
        let mut reader = Reader::new(message).expect("CDR");
        read(&mut reader).expect("malformed").to_string()
    };
    let string = |reader: &mut Reader<'_>| reader.read_string().err();
    for text in [&[0, 0, 0, 0][..], &[1, 0, 0, 0, 9], &[2, 0, 0, 0, 0xff, 0]] {
        let line = error(&[&[0, 1, 0, 0], text].concat(), string);
        assert!(line.contains("not NUL-terminated UTF-8"), "{line}");
    }
    let line = error(&[0, 1, 0, 0, 2], |reader| reader.read_bool().err());
    assert_eq!(line, "the boolean before byte 5 is 2, not 0 or 1");
    let line = error(&[0, 1, 0, 0, 9, 0, 0, 0, 1], |reader| {
        reader.read_sequence(Reader::read_u8).err()
    });
    assert_eq!(line, "byte 8: 9 more bytes expected, only 1 left");
    let line = Reader::new(&[0, 3, 0, 0]).expect_err("a parameter list");
    assert!(line.to_string().contains("[00, 03]"), "{line}");
}
