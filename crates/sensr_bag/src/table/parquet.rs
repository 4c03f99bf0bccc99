//! Tables as Parquet: flat optional columns, row groups of bounded size, Zstandard.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Cell, CellKind, Column, TableWriter};
use crate::error::Error;
use crate::output::OutputFile;

/// Rows of a row group, which is held in memory.
const GROUP_ROWS: usize = 1 << 16;

pub(super) struct ParquetTable {
    path: PathBuf,
    writer: SerializedFileWriter<OutputFile>,
    columns: Vec<ColumnBuffer>,
    rows: usize,
}

/// Values of a column in the present row group, without the empty cells.
struct ColumnBuffer {
    kind: CellKind,
    /// 1 for each row with a value, 0 for each without.
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Bool(Vec<bool>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl ColumnBuffer {
    fn new(kind: CellKind) -> Self {
        let values = match kind {
            CellKind::Bool => Values::Bool(Vec::new()),
            CellKind::Signed | CellKind::Unsigned | CellKind::Time => Values::Int64(Vec::new()),
            CellKind::F32 => Values::Float(Vec::new()),
            CellKind::F64 => Values::Double(Vec::new()),
            CellKind::Text => Values::Text(Vec::new()),
        };
        Self {
            kind,
            levels: Vec::new(),
            values,
        }
    }

    fn push(&mut self, cell: &Cell) {
        match (cell, &mut self.values) {
            (Cell::Bool(value), Values::Bool(values)) => values.push(*value),
            (Cell::Signed(value) | Cell::Time(value), Values::Int64(values)) => values.push(*value),
            // Parquet keeps unsigned integers in signed ones with the same bits.
            (Cell::Unsigned(value), Values::Int64(values)) => values.push(value.cast_signed()),
            (Cell::F32(value), Values::Float(values)) => values.push(*value),
            (Cell::F64(value), Values::Double(values)) => values.push(*value),
            (Cell::Text(value), Values::Text(values)) => values.push(value.as_str().into()),
            // Cells have the type of their column.
            _ => return self.levels.push(0),
        }
        self.levels.push(1);
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(&self.levels[..]);
        match &self.values {
            Values::Bool(values) => writer.typed::<BoolType>().write_batch(values, levels, None),
            Values::Int64(values) => writer
                .typed::<Int64Type>()
                .write_batch(values, levels, None),
            Values::Float(values) => writer
                .typed::<FloatType>()
                .write_batch(values, levels, None),
            Values::Double(values) => writer
                .typed::<DoubleType>()
                .write_batch(values, levels, None),
            Values::Text(values) => writer
                .typed::<ByteArrayType>()
                .write_batch(values, levels, None),
        }
        .map(|_| ())
    }
}

impl ParquetTable {
    pub(super) fn begin(
        path: &Path,
        output: OutputFile,
        columns: &[Column],
    ) -> Result<Self, Error> {
        let schema = schema_of(columns).map_err(error_of(path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = SerializedFileWriter::new(output, schema, Arc::new(properties));
        Ok(Self {
            path: path.to_owned(),
            writer: writer.map_err(error_of(path))?,
            columns: columns
                .iter()
                .map(|column| ColumnBuffer::new(column.kind))
                .collect(),
            rows: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for values in &mut self.columns {
            if let Some(mut column) = group.next_column()? {
                values.write(&mut column)?;
                column.close()?;
            }
            *values = ColumnBuffer::new(values.kind);
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl TableWriter for ParquetTable {
    fn write_row(&mut self, row: &[Cell]) -> Result<(), Error> {
        for (values, cell) in self.columns.iter_mut().zip(row) {
            values.push(cell);
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS {
            self.write_group().map_err(error_of(&self.path))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        if self.rows > 0 {
            self.write_group().map_err(error_of(&self.path))?;
        }
        let output = self.writer.into_inner();
        output.map_err(error_of(&self.path))?.commit()
    }
}

fn error_of(path: &Path) -> impl Fn(ParquetError) -> Error {
    let path = path.to_owned();
    move |error| Error::write(&path)(std::io::Error::other(error))
}

fn schema_of(columns: &[Column]) -> Result<Arc<Type>, ParquetError> {
    let fields = columns.iter().map(|column| {
        let (physical, logical) = match column.kind {
            CellKind::Bool => (PhysicalType::BOOLEAN, None),
            CellKind::Signed => (PhysicalType::INT64, None),
            CellKind::Unsigned => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
            CellKind::F32 => (PhysicalType::FLOAT, None),
            CellKind::F64 => (PhysicalType::DOUBLE, None),
            CellKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            CellKind::Time => (PhysicalType::INT64, Some(time_type())),
        };
        Type::primitive_type_builder(&column.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    });
    let fields = fields.collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("table").with_fields(fields);
    schema.build().map(Arc::new)
}

/// Nanoseconds since 1970, UTC.
fn time_type() -> LogicalType {
    LogicalType::timestamp(true, parquet::basic::TimeUnit::NANOS)
}

#[cfg(test)]
mod tests {
    use super::super::create;
    use super::*;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::{Field, RowAccessor as _};

    #[test]
    fn rows_of_several_groups_keep_types_values_and_empty_cells() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("x.parquet");
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
        };
        let columns = [
            column("number", CellKind::Unsigned),
            column("text", CellKind::Text),
            column("value", CellKind::F32),
            column("time", CellKind::Time),
        ];
        let rows = u64::try_from(GROUP_ROWS).expect("small") + 3;
        let mut table = create(Some(&path), false, &columns).expect("created");
        for number in 0..rows {
            let text = match number % 2 {
                0 => Cell::Empty,
                _ => Cell::Text(number.to_string()),
            };
            let row = [
                Cell::Unsigned(u64::MAX - number),
                text,
                Cell::F32(0.5),
                Cell::Time(7),
            ];
            table.write_row(&row).expect("written");
        }
        table.finish().expect("finished");
        let file = std::fs::File::open(&path).expect("there");
        let reader = SerializedFileReader::new(file).expect("Parquet");
        assert_eq!(reader.num_row_groups(), 2);
        let mut found = 0;
        for row in reader.get_row_iter(None).expect("readable") {
            let row = row.expect("valid");
            assert_eq!(row.get_ulong(0).expect("an integer"), u64::MAX - found);
            let (_, text) = row.get_column_iter().nth(1).expect("a column");
            let expected = match found % 2 {
                0 => Field::Null,
                _ => Field::Str(found.to_string()),
            };
            assert_eq!(*text, expected);
            found += 1;
        }
        assert_eq!(found, rows);
    }
}
