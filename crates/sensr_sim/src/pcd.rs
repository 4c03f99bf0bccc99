//! Reads point clouds from PCD files, the format of the Point Cloud Library.
//!
//! Of the fields only `x`, `y`, `z` and, when there, the intensity are used, wherever they stand in the record and
//! whatever their numeric type. The intensity is known by any of the names that drivers and tools give it
//! (`intensity`, `i`, `reflectivity`, `scalar_Intensity`, ...), in upper or lower case. `ascii`, `binary` and `binary_compressed` bodies are read.
//! A float32 field keeps its bits, NaN included. The format:
//! <https://pointclouds.org/documentation/tutorials/pcd_file_format.html>.

mod ascii;
mod columns;
mod header;
mod lzf;

use bytes::Bytes;

use header::{Encoding, Header};
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

/// A point cloud, laid out as the wire carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// n × (x, y, z), float32 little-endian, metres.
    pub points: Bytes,
    /// n × float32 little-endian, or empty when the file has no intensity.
    pub intensities: Bytes,
}

impl Scan {
    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() / POINT_BYTES
    }

    /// Returns whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The scan with exactly `wanted` points: evenly thinned, or points repeated. `None` when there is
    /// no point to repeat.
    #[must_use]
    pub fn resampled(&self, wanted: usize) -> Option<Self> {
        let available = self.len();
        if available == 0 && wanted > 0 {
            return None;
        }
        let pick = |bytes: &Bytes, width: usize| -> Bytes {
            if bytes.is_empty() {
                return Bytes::new();
            }
            let mut picked = Vec::with_capacity(wanted * width);
            for i in 0..wanted {
                let from = super::number::spread(i, wanted, available) * width;
                picked.extend_from_slice(&bytes[from..from + width]);
            }
            picked.into()
        };
        Some(Self {
            points: pick(&self.points, POINT_BYTES),
            intensities: pick(&self.intensities, INTENSITY_BYTES),
        })
    }
}

/// Why a file is no usable PCD file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PcdError {
    /// The header ends without saying this.
    #[error("the PCD header has no {0} line")]
    MissingLine(&'static str),
    /// Text in the encoding UTF-16.
    #[error("the file is UTF-16 text: save it as UTF-8 or ASCII")]
    Utf16,
    /// A line of the file is wrong; lines count from 1.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The header contradicts itself.
    #[error("{0}")]
    Header(String),
    /// A field that is needed is not there.
    #[error("there is no field named {0}")]
    MissingField(&'static str),
    /// The body is shorter than the header says.
    #[error("the header promises {promised} bytes of points, the file has {found}")]
    Truncated {
        /// What the header says.
        promised: usize,
        /// What is there.
        found: usize,
    },
    /// The compressed body cannot be expanded.
    #[error("the compressed points are damaged: {0}")]
    Compression(&'static str),
}

/// Reads a whole PCD file. Bytes after the last point are ignored.
pub fn parse(file: &[u8]) -> Result<Scan, PcdError> {
    let header = Header::parse(file)?;
    let body = &file[header.body_offset..];
    match header.encoding {
        Encoding::Ascii => ascii::scan(&header, body),
        Encoding::Binary => columns::scan(&header, columns::Layout::Records, body),
        Encoding::BinaryCompressed => {
            let expanded = lzf::expand_body(&header, body)?;
            columns::scan(&header, columns::Layout::Fields, &expanded)
        }
    }
}

#[cfg(test)]
mod tests;
