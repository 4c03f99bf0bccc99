//! Bodies in the binary encodings: every field is a column with a fixed stride.

use bytes::Bytes;

use super::header::{Field, Header, NumberKind};
use super::{PcdError, Scan};
use crate::convert::to_f32;
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

/// Order of the values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// Record after record (`binary`).
    Records,
    /// All values of the first field, then all of the second (`binary_compressed`).
    Fields,
}

/// Location of a field's values in the body.
struct Column {
    kind: NumberKind,
    size: usize,
    base: usize,
    stride: usize,
}

impl Column {
    fn new(header: &Header, layout: Layout, index: usize) -> Self {
        let Field { kind, size, .. } = header.fields[index];
        let before: usize = header.fields[..index].iter().map(Field::width).sum();
        let (base, stride) = match layout {
            Layout::Records => (before, header.record_bytes()),
            Layout::Fields => (before * header.points, size),
        };
        Self {
            kind,
            size,
            base,
            stride,
        }
    }

    /// Writes the column into every `width` bytes of `target`, at `offset`.
    fn copy_to(&self, body: &[u8], target: &mut [u8], offset: usize, width: usize) {
        for (i, record) in target.chunks_exact_mut(width).enumerate() {
            let from = self.base + i * self.stride;
            let value = to_float32_bytes(self.kind, &body[from..from + self.size]);
            record[offset..offset + 4].copy_from_slice(&value);
        }
    }
}

pub(super) fn read_scan(header: &Header, layout: Layout, body: &[u8]) -> Result<Scan, PcdError> {
    let (position, intensity) = header.position_and_intensity()?;
    let promised = header.body_bytes();
    if body.len() < promised {
        return Err(PcdError::Truncated {
            promised,
            found: body.len(),
        });
    }
    let mut points = vec![0; header.points * POINT_BYTES];
    for (axis, index) in position.into_iter().enumerate() {
        let column = Column::new(header, layout, index);
        column.copy_to(body, &mut points, axis * 4, POINT_BYTES);
    }
    let intensities = intensity.map_or_else(Bytes::new, |index| {
        let mut values = vec![0; header.points * INTENSITY_BYTES];
        let column = Column::new(header, layout, index);
        column.copy_to(body, &mut values, 0, INTENSITY_BYTES);
        values.into()
    });
    Ok(Scan {
        points: points.into(),
        intensities,
    })
}

/// Converts the value to little-endian float32. A float32 keeps its bits.
#[expect(
    clippy::cast_precision_loss,
    reason = "the wire has float32, whatever the file has"
)]
fn to_float32_bytes(kind: NumberKind, bytes: &[u8]) -> [u8; 4] {
    /// Returns the bytes as an array; the fallback is unreachable for columns of the right size.
    fn to_array<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.try_into().unwrap_or([0; N])
    }
    let value = match kind {
        NumberKind::F32 => return to_array(bytes),
        NumberKind::F64 => to_f32(f64::from_le_bytes(to_array(bytes))),
        NumberKind::I8 => f32::from(i8::from_le_bytes(to_array(bytes))),
        NumberKind::I16 => f32::from(i16::from_le_bytes(to_array(bytes))),
        NumberKind::I32 => i32::from_le_bytes(to_array(bytes)) as f32,
        NumberKind::I64 => i64::from_le_bytes(to_array(bytes)) as f32,
        NumberKind::U8 => f32::from(u8::from_le_bytes(to_array(bytes))),
        NumberKind::U16 => f32::from(u16::from_le_bytes(to_array(bytes))),
        NumberKind::U32 => u32::from_le_bytes(to_array(bytes)) as f32,
        NumberKind::U64 => u64::from_le_bytes(to_array(bytes)) as f32,
    };
    value.to_le_bytes()
}
