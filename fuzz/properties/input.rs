//! Choices and messages, read from the bytes that a property is given.

/// The bytes not yet read. Behind the end there are only zeros.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
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

    /// Bytes behind their length, two bytes, little endian.
    pub(super) fn delimited(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes([self.byte(), self.byte()]);
        self.take(length.into())
    }

    /// The messages of a run: a byte tells how many (1 to 4) and how often all of them come (1 to 4 times). The
    /// last one takes what is left.
    pub(super) fn messages(&mut self) -> Vec<&'a [u8]> {
        let counts = self.byte();
        let mut messages: Vec<_> = (0..counts & 3).map(|_| self.delimited()).collect();
        messages.push(self.take(usize::MAX));
        messages.repeat(usize::from(counts >> 2 & 3) + 1)
    }
}
