//! Bytes, as they come out of a pipe, put together to lines.

/// A longer line is taken apart.
const MAX_LINE: usize = 64 * 1024;

/// Puts lines together.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Hands out the lines that `bytes` complete, each with its end.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(Vec<u8>)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() >= MAX_LINE {
                line(std::mem::take(&mut self.partial));
            }
        }
    }

    /// The last line, if it has no end.
    pub(super) fn rest(self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then_some(self.partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_ends_where_it_ends() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for bytes in [&b"a"[..], b"b\n\nc", b"d\ne"] {
            lines.feed(bytes, |line| seen.push(line));
        }
        assert_eq!(seen, [&b"ab\n"[..], b"\n", b"cd\n"]);
        assert_eq!(lines.rest().as_deref(), Some(&b"e"[..]));
    }

    proptest! {
        /// However the bytes are cut: none is missing, and no piece is longer than it may be.
        #[test]
        fn no_byte_is_missing(pieces: Vec<Vec<u8>>, long in 0..3 * MAX_LINE) {
            let mut lines = Lines::default();
            let (mut given, mut seen) = (Vec::new(), Vec::new());
            for bytes in pieces.into_iter().chain([vec![b'x'; long]]) {
                given.extend_from_slice(&bytes);
                for part in bytes.chunks(MAX_LINE) {
                    lines.feed(part, |line| {
                        assert!(line.len() < 2 * MAX_LINE);
                        seen.extend_from_slice(&line);
                    });
                }
            }
            seen.extend(lines.rest().unwrap_or_default());
            prop_assert_eq!(seen, given);
        }
    }
}
