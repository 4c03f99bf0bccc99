//! Reader of serialized messages that panics where one is malformed.

/// Reads a message field by field.
///
/// # Panics
///
/// All methods panic where the message is malformed or ends early.
pub(super) struct Reader<'a>(ros_cdr::Reader<'a>);

impl<'a> Reader<'a> {
    /// # Panics
    ///
    /// If the message does not begin as plain little-endian CDR.
    pub(super) fn new(message: &'a [u8]) -> Self {
        assert_eq!(message[..4], [0, 1, 0, 0], "CDR, little endian");
        Self(ros_cdr::Reader::new(message).expect("CDR"))
    }

    pub(super) fn bytes(&mut self, length: usize) -> &'a [u8] {
        self.0.read_raw(length).expect("long enough")
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.0.read_u8().expect("a uint8")
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.0.read_u32().expect("a uint32")
    }

    pub(super) fn u64(&mut self) -> u64 {
        self.0.read_u64().expect("a uint64")
    }

    pub(super) fn length(&mut self) -> usize {
        self.0.read_length().expect("a length")
    }

    pub(super) fn string(&mut self) -> &'a str {
        self.0.read_string().expect("a string")
    }

    /// Time and frame of a `std_msgs/Header`.
    pub(super) fn header(&mut self) -> (u32, u32, &'a str) {
        (self.u32(), self.u32(), self.string())
    }

    pub(super) fn assert_end(&self) {
        self.0.expect_end().expect("nothing behind the message");
    }
}
