//! Messages as flat rows: each number, text and time in a column of its own, named after its path.

use ros_bag::{Field, FieldType, Length, MessageType, Value, is_time};

use crate::table::{Cell, CellKind, Column};

/// Returns the columns of a message type, in the order of [`append_cells`].
///
/// | field | column |
/// |---|---|
/// | `float32 yaw` in `bbox` | `bbox_yaw` |
/// | `int32 label` with constants `LABEL_…` | `label`, and `label_name` in lower case |
/// | `builtin_interfaces/Time stamp` in `header` | `header_stamp`, a time |
/// | `int32[] zone_ids` | `zone_ids`, the numbers with spaces between them |
/// | `TrackState[] history` | `history_count` |
///
/// The fields in `skipped` have none.
pub(super) fn columns_of(kind: &MessageType, skipped: &[&str]) -> Vec<Column> {
    let mut columns = Vec::new();
    append_columns(kind, skipped, "", &mut columns);
    columns
}

fn append_columns(kind: &MessageType, skipped: &[&str], prefix: &str, columns: &mut Vec<Column>) {
    let is_kept = |field: &&Field| !skipped.contains(&field.name.as_str());
    for field in kind.fields.iter().filter(is_kept) {
        let name = format!("{prefix}{}", field.name);
        let mut add = |name: String, kind| columns.push(Column { name, kind });
        match shape_of(field) {
            Shape::Number(kind) => add(name.clone(), kind),
            Shape::Time => add(name.clone(), CellKind::Time),
            Shape::Duration => add(name.clone(), CellKind::F64),
            Shape::Numbers => add(name.clone(), CellKind::Text),
            Shape::Counted => add(format!("{name}_count"), CellKind::Unsigned),
            Shape::Nested(nested) => append_columns(nested, &[], &format!("{name}_"), columns),
        }
        if !names_of(kind, field).is_empty() {
            columns.push(Column {
                name: format!("{name}_name"),
                kind: CellKind::Text,
            });
        }
    }
}

/// Appends the cells of a message, except those of the fields in `skipped`.
pub(super) fn append_cells(value: &Value<'_>, skipped: &[&str], cells: &mut Vec<Cell>) {
    let Value::Message(kind, values) = value else {
        return;
    };
    for (field, value) in kind.fields.iter().zip(values) {
        if skipped.contains(&field.name.as_str()) {
            continue;
        }
        match shape_of(field) {
            Shape::Number(_) => cells.push(cell_of(value)),
            Shape::Time => cells.push(value.as_nanoseconds().map_or(Cell::Empty, Cell::Time)),
            Shape::Duration => cells.push(value.as_nanoseconds().map_or(Cell::Empty, seconds)),
            Shape::Numbers => cells.push(Cell::Text(join(value))),
            Shape::Counted => cells.push(Cell::Unsigned(count(value))),
            Shape::Nested(_) => append_cells(value, &[], cells),
        }
        let names = names_of(kind, field);
        if !names.is_empty() {
            let name = names
                .iter()
                .find(|(number, _)| value.as_i64() == Some(*number));
            let text = name.map(|(_, name)| Cell::Text(name.to_lowercase()));
            cells.push(text.unwrap_or(Cell::Empty));
        }
    }
}

/// Form of a field in a row.
enum Shape<'a> {
    Number(CellKind),
    Time,
    Duration,
    /// Several numbers or texts in one cell.
    Numbers,
    /// Several messages, or bytes, of which only the number is told.
    Counted,
    Nested(&'a MessageType),
}

fn shape_of(field: &Field) -> Shape<'_> {
    match (&field.kind, field.length) {
        (FieldType::Message(kind), Length::One) if is_time(kind) => {
            if kind.name.ends_with("/Time") {
                Shape::Time
            } else {
                Shape::Duration
            }
        }
        (FieldType::Message(kind), Length::One) => Shape::Nested(kind),
        (FieldType::Message(_), _) | (FieldType::U8, Length::Counted) => Shape::Counted,
        (_, Length::Fixed(_) | Length::Counted) => Shape::Numbers,
        (kind, Length::One) => Shape::Number(match kind {
            FieldType::Bool => CellKind::Bool,
            FieldType::I8 | FieldType::I16 | FieldType::I32 | FieldType::I64 => CellKind::Signed,
            FieldType::U8 | FieldType::U16 | FieldType::U32 | FieldType::U64 => CellKind::Unsigned,
            FieldType::F32 => CellKind::F32,
            FieldType::F64 => CellKind::F64,
            FieldType::Text | FieldType::Message(_) => CellKind::Text,
        }),
    }
}

/// Returns the names of the states of an integer: the constants of the type that begin with the field's name, or with the
/// first word of it.
fn names_of<'a>(kind: &'a MessageType, field: &Field) -> Vec<(i64, &'a str)> {
    let is_integer = matches!(
        shape_of(field),
        Shape::Number(CellKind::Signed | CellKind::Unsigned)
    );
    if !is_integer {
        return Vec::new();
    }
    let with_prefix = |prefix: &str| -> Vec<(i64, &'a str)> {
        let prefix = format!("{}_", prefix.to_uppercase());
        let constants = kind.constants.iter();
        let named = constants.filter_map(|constant| {
            let name = constant.name.strip_prefix(&prefix)?;
            Some((constant.value, name))
        });
        named.collect()
    };
    let names = with_prefix(&field.name);
    match field.name.split_once('_') {
        Some((word, _)) if names.is_empty() => with_prefix(word),
        _ => names,
    }
}

fn cell_of(value: &Value<'_>) -> Cell {
    match value {
        Value::Bool(value) => Cell::Bool(*value),
        Value::Signed(value) => Cell::Signed(*value),
        Value::Unsigned(value) => Cell::Unsigned(*value),
        Value::F32(value) => Cell::F32(*value),
        Value::F64(value) => Cell::F64(*value),
        Value::Text(text) => Cell::Text((*text).to_owned()),
        Value::Bytes(_) | Value::List(_) | Value::Message(..) => Cell::Empty,
    }
}

fn seconds(duration_ns: i64) -> Cell {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds are exact for centuries"
    )]
    Cell::F64(duration_ns as f64 / 1e9)
}

fn join(value: &Value<'_>) -> String {
    let elements = value
        .as_list()
        .unwrap_or_default()
        .iter()
        .map(|element| match element {
            Value::Bool(value) => value.to_string(),
            Value::Signed(value) => value.to_string(),
            Value::Unsigned(value) => value.to_string(),
            Value::F32(value) => value.to_string(),
            Value::F64(value) => value.to_string(),
            Value::Text(text) => (*text).to_owned(),
            Value::Bytes(_) | Value::List(_) | Value::Message(..) => String::new(),
        });
    elements.collect::<Vec<_>>().join(" ")
}

fn count(value: &Value<'_>) -> u64 {
    let bytes = value.as_bytes().map(<[u8]>::len);
    let elements = value.as_list().map(<[Value<'_>]>::len);
    bytes.or(elements).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ros_bag::{parse_definition, read_message};
    use ros_cdr::{Time, Writer};

    const TEXT: &str = "int32 LABEL_CAR=1\nint32 TRACKING_LOST=2\n\
        int32 label\nint32 tracking_status\nint32 other_status\nPoint[] past\nfloat32[2] size\nuint8[] data\n\
        builtin_interfaces/Time seen\nbuiltin_interfaces/Duration age\nPoint center\nbool on\nstring name\n\
        ===\n=====\nMSG: own/Point\nfloat64 x\n\
        ====\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n\
        ====\nMSG: builtin_interfaces/Duration\nint32 sec\nuint32 nanosec\n";

    #[test]
    fn rows_have_a_cell_for_each_column() {
        let kind =
            parse_definition("own/msg/Thing", &TEXT.replace("===\n=====", "=====")).expect("valid");
        let mut buffer = Vec::new();
        let mut out = Writer::begin(&mut buffer);
        out.write_i32(1);
        out.write_i32(2);
        out.write_i32(1);
        out.write_sequence([1.0, 2.0].into_iter(), Writer::write_f64);
        out.write_f32s([0.5, f32::NAN]);
        out.write_byte_sequence(&[1, 2, 3]);
        for _ in 0..2 {
            out.write_time(Time {
                sec: 1,
                nanosec: 500_000_000,
            });
        }
        out.write_f64(7.5);
        out.write_bool(true);
        out.write_string("a");
        let value = read_message(&kind, &buffer).expect("valid");
        let mut cells = Vec::new();
        append_cells(&value, &[], &mut cells);
        let columns = columns_of(&kind, &[]);
        let text = |text: &str| Cell::Text(text.to_owned());
        let expected = [
            ("label", Cell::Signed(1)),
            ("label_name", text("car")),
            ("tracking_status", Cell::Signed(2)),
            ("tracking_status_name", text("lost")),
            ("other_status", Cell::Signed(1)),
            ("past_count", Cell::Unsigned(2)),
            ("size", text("0.5 NaN")),
            ("data_count", Cell::Unsigned(3)),
            ("seen", Cell::Time(1_500_000_000)),
            ("age", Cell::F64(1.5)),
            ("center_x", Cell::F64(7.5)),
            ("on", Cell::Bool(true)),
            ("name", text("a")),
        ];
        let names = columns.iter().map(|column| column.name.as_str());
        assert!(names.zip(cells).eq(expected));
    }
}
