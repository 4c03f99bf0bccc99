//! Decompression of the `binary_compressed` encoding: two sizes and an LZF stream.
//!
//! LZF is Marc Lehmann's byte-oriented compression: a control byte below 32 is followed by that many plus one literal
//! bytes, any other denotes a copy of earlier output. The crate for it is deprecated, and the decompression is twenty
//! lines.

use super::PcdError;
use super::header::Header;

/// Decompresses the body to at least the size that the header declares.
pub(super) fn expand_body(header: &Header, body: &[u8]) -> Result<Vec<u8>, PcdError> {
    let size_at = |offset: usize| -> Result<usize, PcdError> {
        let bytes = body.get(offset..offset + 4).and_then(|b| b.try_into().ok());
        let bytes = bytes.ok_or(PcdError::Truncated {
            promised: 8,
            found: body.len(),
        })?;
        Ok(u32::from_le_bytes(bytes) as usize)
    };
    let compressed = size_at(0)?;
    let expanded = size_at(4)?;
    if expanded < header.body_bytes() {
        return Err(PcdError::Truncated {
            promised: header.body_bytes(),
            found: expanded,
        });
    }
    let stream = body.get(8..8 + compressed).ok_or(PcdError::Truncated {
        promised: compressed,
        found: body.len() - 8,
    })?;
    expand_lzf(stream, expanded)
}

/// Decompresses an LZF stream to exactly `size` bytes.
fn expand_lzf(mut stream: &[u8], size: usize) -> Result<Vec<u8>, PcdError> {
    let damaged = PcdError::Compression;
    // A back reference expands 3 bytes to at most 264, so a small file cannot allocate much memory.
    let mut out = Vec::with_capacity(size.min(stream.len().saturating_mul(100)));
    let mut byte = || -> Result<usize, PcdError> {
        let (&first, rest) = stream
            .split_first()
            .ok_or(damaged("the stream ends early"))?;
        stream = rest;
        Ok(first.into())
    };
    while out.len() < size {
        let control = byte()?;
        if control < 32 {
            for _ in 0..=control {
                out.push(u8::try_from(byte()?).unwrap_or_default());
            }
        } else {
            let mut length = control >> 5;
            if length == 7 {
                length += byte()?;
            }
            let distance = ((control & 31) << 8) + byte()? + 1;
            let from = out.len().checked_sub(distance);
            let from = from.ok_or(damaged("a copy starts before the beginning"))?;
            for at in from..from + length + 2 {
                out.push(out[at]);
            }
        }
    }
    if out.len() > size {
        return Err(damaged("the output is longer than declared"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_overlapping_copies() {
        // "ab", then 6 bytes from 2 back, then 9 bytes from 1 back (the long form).
        let stream = [1, b'a', b'b', 4 << 5, 1, 7 << 5, 0, 0];
        assert_eq!(expand_lzf(&stream, 17), Ok(b"ababababbbbbbbbbb".to_vec()));
    }

    #[test]
    fn damaged_stream_is_an_error() {
        assert!(expand_lzf(&[1, b'a'], 2).is_err(), "ends within literals");
        assert!(expand_lzf(&[32, 0], 3).is_err(), "copies from nothing");
        assert!(expand_lzf(&[0, b'a', 32, 0], 2).is_err(), "too long");
        assert!(expand_lzf(&[], 1).is_err(), "empty");
    }
}
