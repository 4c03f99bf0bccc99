//! Parser of PCD files, the point cloud format of the Point Cloud Library.
//!
//! Only the fields `x`, `y`, `z` and, if present, the intensity are used, at any place in the record and of any numeric
//! type. The intensity is recognized by the names that drivers and tools give it (`intensity`, `i`, `reflectivity`,
//! `scalar_Intensity`, ...), in upper or lower case. `ascii`, `binary` and `binary_compressed` bodies are supported. A
//! float32 field keeps its bits, NaN included. Format:
//! <https://pointclouds.org/documentation/tutorials/pcd_file_format.html>.

mod ascii;
mod columns;
mod header;
mod lzf;

use bytes::Bytes;

use header::{Encoding, Header};
use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

/// Point cloud, laid out as the wire carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// n × (x, y, z), float32 little-endian, metres.
    pub points: Bytes,
    /// n × float32 little-endian, or empty if the file has no intensity.
    pub intensities: Bytes,
}

impl Scan {
    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() / POINT_BYTES
    }

    /// Returns whether the scan has no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Returns the scan with exactly `wanted` points, evenly subsampled or repeated; `None` if there is no point to repeat.
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
                let from = super::convert::spread_index(i, wanted, available) * width;
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

/// Error of parsing a PCD file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PcdError {
    /// A line is missing in the header.
    #[error("the PCD header has no {0} line")]
    MissingLine(&'static str),
    /// The file is text in UTF-16.
    #[error("the file is UTF-16 text: save it as UTF-8 or ASCII")]
    Utf16,
    /// A line is invalid.
    #[error("line {line}: {problem}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// Description of the error.
        problem: String,
    },
    /// The header is inconsistent.
    #[error("{0}")]
    Header(String),
    /// A required field is missing.
    #[error("there is no field named {0}")]
    MissingField(&'static str),
    /// The body is shorter than the header declares.
    #[error("the header declares {promised} bytes of points, the file has {found}")]
    Truncated {
        /// Size according to the header.
        promised: usize,
        /// Size of the file's body.
        found: usize,
    },
    /// The compressed body cannot be expanded.
    #[error("the compressed points are damaged: {0}")]
    Compression(&'static str),
}

/// Parses a whole PCD file. Bytes after the last point are ignored.
pub fn parse(file: &[u8]) -> Result<Scan, PcdError> {
    let header = Header::parse(file)?;
    let body = &file[header.body_offset..];
    match header.encoding {
        Encoding::Ascii => ascii::read_scan(&header, body),
        Encoding::Binary => columns::read_scan(&header, columns::Layout::Records, body),
        Encoding::BinaryCompressed => {
            let expanded = lzf::expand_body(&header, body)?;
            columns::read_scan(&header, columns::Layout::Fields, &expanded)
        }
    }
}

#[cfg(test)]
mod tests;
