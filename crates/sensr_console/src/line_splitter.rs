//! Splitter of a byte stream into lines.

/// Longest line; longer ones are split.
const MAX_LINE: usize = 64 * 1024;

/// Splitter of a byte stream into lines.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    partial: Vec<u8>,
}

impl LineSplitter {
    /// Passes the lines that `bytes` complete to `line`, each with its newline.
    pub(super) fn push_bytes(&mut self, bytes: &[u8], mut line: impl FnMut(Vec<u8>)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() >= MAX_LINE {
                line(std::mem::take(&mut self.partial));
            }
        }
    }

    /// Returns the last line, if it has no newline.
    pub(super) fn into_partial(self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then_some(self.partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_end_at_newlines() {
        let mut splitter = LineSplitter::default();
        let mut seen = Vec::new();
        for bytes in [&b"a"[..], b"b\n\nc", b"d\ne"] {
            splitter.push_bytes(bytes, |line| seen.push(line));
        }
        assert_eq!(seen, [&b"ab\n"[..], b"\n", b"cd\n"]);
        assert_eq!(splitter.into_partial().as_deref(), Some(&b"e"[..]));
    }

    proptest! {
        /// No byte is lost however the stream is cut, and no piece is longer than allowed.
        #[test]
        fn no_byte_is_lost(pieces: Vec<Vec<u8>>, long in 0..3 * MAX_LINE) {
            let mut splitter = LineSplitter::default();
            let (mut given, mut seen) = (Vec::new(), Vec::new());
            for bytes in pieces.into_iter().chain([vec![b'x'; long]]) {
                given.extend_from_slice(&bytes);
                for part in bytes.chunks(MAX_LINE) {
                    splitter.push_bytes(part, |line| {
                        assert!(line.len() < 2 * MAX_LINE);
                        seen.extend_from_slice(&line);
                    });
                }
            }
            seen.extend(splitter.into_partial().unwrap_or_default());
            prop_assert_eq!(seen, given);
        }
    }
}
