//! Reader of serialized messages, written from the CDR rules without code of the writer.

/// Reader of plain little-endian CDR. Alignment is relative to the end of the encapsulation header.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Creates a reader after the encapsulation header.
    ///
    /// # Panics
    ///
    /// If the message is not plain little-endian CDR. All methods panic if it is too short.
    pub(super) fn new(message: &'a [u8]) -> Self {
        let (header, bytes) = message.split_at(4);
        assert_eq!(header, [0, 1, 0, 0], "CDR, little endian");
        Self { bytes, at: 0 }
    }

    pub(super) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let begin = self.at;
        self.at += length;
        &self.bytes[begin..self.at]
    }

    fn take_aligned<const N: usize>(&mut self) -> [u8; N] {
        self.at = self.at.next_multiple_of(N);
        self.bytes(N).try_into().expect("N bytes")
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take_aligned())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take_aligned())
    }

    pub(super) fn length(&mut self) -> usize {
        self.u32() as usize
    }

    pub(super) fn string(&mut self) -> &'a str {
        let length = self.length();
        let (nul, text) = self.bytes(length).split_last().expect("a NUL at least");
        assert_eq!(*nul, 0, "ends with NUL");
        std::str::from_utf8(text).expect("UTF-8")
    }

    /// Reads time and frame of a `std_msgs/Header`.
    pub(super) fn header(&mut self) -> (u32, u32, &'a str) {
        (self.u32(), self.u32(), self.string())
    }

    pub(super) fn assert_end(&self) {
        assert_eq!(self.at, self.bytes.len(), "nothing after the message");
    }
}
