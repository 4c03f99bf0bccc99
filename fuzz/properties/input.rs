//! Choices and messages read from the input of a property.

/// Bytes not yet read. After the end all bytes are zero.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    /// Takes one byte.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Takes bytes with their length before them: two bytes, little endian.
    pub(super) fn take_delimited(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes([self.byte(), self.byte()]);
        self.take(length.into())
    }

    /// Takes the messages of a run: a byte has their number (1 to 4) and the number of repetitions of all of them (1 to 4).
    /// The last one takes the remaining bytes.
    pub(super) fn messages(&mut self) -> Vec<&'a [u8]> {
        let counts = self.byte();
        let mut messages: Vec<_> = (0..counts & 3).map(|_| self.take_delimited()).collect();
        messages.push(self.take(usize::MAX));
        messages.repeat(usize::from(counts >> 2 & 3) + 1)
    }
}
