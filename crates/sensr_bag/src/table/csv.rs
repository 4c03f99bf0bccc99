//! Tables as CSV (RFC 4180): UTF-8, a line of names, times in RFC 3339, numbers that read back to the same value.

use std::io;

use super::{Cell, Column, TableWriter};
use crate::error::Error;
use crate::output::Output;
use crate::selection::format_time;

pub(super) struct CsvTable {
    writer: csv::Writer<Output>,
}

impl CsvTable {
    pub(super) fn begin(output: Output, columns: &[Column]) -> Result<Self, Error> {
        let mut table = Self {
            writer: csv::Writer::from_writer(output),
        };
        table.write_fields(columns.iter().map(|column| column.name.clone()))?;
        Ok(table)
    }

    fn write_fields(&mut self, fields: impl Iterator<Item = String>) -> Result<(), Error> {
        let result = self.writer.write_record(fields);
        result.map_err(|error| {
            let source = match error.into_kind() {
                csv::ErrorKind::Io(source) => source,
                other => io::Error::other(format!("{other:?}")),
            };
            self.writer.get_ref().error(source)
        })
    }
}

impl TableWriter for CsvTable {
    fn write_row(&mut self, row: &[Cell]) -> Result<(), Error> {
        self.write_fields(row.iter().map(format_cell))
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        match self.writer.into_inner() {
            Ok(output) => output.commit(),
            Err(error) => {
                let source = io::Error::new(error.error().kind(), error.error().to_string());
                Err(error.into_inner().get_ref().error(source))
            }
        }
    }
}

fn format_cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Bool(value) => value.to_string(),
        Cell::Signed(value) => value.to_string(),
        Cell::Unsigned(value) => value.to_string(),
        // The shortest text that gives the same number.
        Cell::F32(value) => value.to_string(),
        Cell::F64(value) => value.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::Time(time_ns) => format_time(*time_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CellKind, create};
    use super::*;

    #[test]
    fn cells_are_quoted_and_numbers_read_back() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("x.csv");
        let columns = ["a", "b, c"].map(|name| Column {
            name: name.to_owned(),
            kind: CellKind::Text,
        });
        let mut table = create(Some(&path), false, &columns).expect("created");
        let rows = [
            [Cell::Text("x \"y\"\nz".to_owned()), Cell::Empty],
            [Cell::F32(0.1), Cell::F64(f64::NAN)],
            [Cell::Signed(i64::MIN), Cell::Unsigned(u64::MAX)],
            [Cell::Time(1_000_000_001), Cell::Bool(true)],
        ];
        for row in &rows {
            table.write_row(row).expect("written");
        }
        table.finish().expect("finished");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert_eq!(
            text,
            "a,\"b, c\"\n\"x \"\"y\"\"\nz\",\n0.1,NaN\n-9223372036854775808,18446744073709551615\n\
             1970-01-01T00:00:01.000000001Z,true\n"
        );
    }
}
