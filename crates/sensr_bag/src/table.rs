//! Tables: columns with a type, rows of cells, as CSV or Parquet.

mod csv;
mod parquet;

use std::ffi::OsStr;
use std::path::Path;

use super::error::Error;
use super::output::{Output, OutputFile};

/// Column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub kind: CellKind,
}

/// Type of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellKind {
    Bool,
    Signed,
    Unsigned,
    F32,
    F64,
    Text,
    /// Nanoseconds since 1970, UTC.
    Time,
}

/// Value in a row, of the type of its column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// The row has no value in this column.
    Empty,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    F32(f32),
    F64(f64),
    Text(String),
    Time(i64),
}

/// Table that is written row by row.
pub(crate) trait TableWriter {
    /// Appends a row with one cell for each column.
    fn write_row(&mut self, row: &[Cell]) -> Result<(), Error>;

    /// Completes the table.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Begins a table, in the format that the name of the file tells. `None`: CSV on standard output.
pub(crate) fn create(
    path: Option<&Path>,
    overwrite: bool,
    columns: &[Column],
) -> Result<Box<dyn TableWriter>, Error> {
    let ending = path
        .and_then(Path::extension)
        .map(OsStr::to_ascii_lowercase);
    match (path, ending.as_deref().and_then(|ending| ending.to_str())) {
        (None, _) | (Some(_), Some("csv")) => {
            let output = Output::create(path, overwrite)?;
            Ok(Box::new(csv::CsvTable::begin(output, columns)?))
        }
        (Some(path), Some("parquet")) => {
            let output = OutputFile::create(path, overwrite)?;
            Ok(Box::new(parquet::ParquetTable::begin(
                path, output, columns,
            )?))
        }
        (Some(path), _) => Err(Error::Format {
            path: path.to_owned(),
            endings: "*.csv or *.parquet",
        }),
    }
}
