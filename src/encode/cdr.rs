//! CDR, the serialization of ROS messages: plain little-endian XCDR1 behind a four-byte header.
//!
//! Messages are written field by field in the order of their `.msg`, straight from SENSR's message into
//! the buffer that goes to the middleware: no struct in between, nothing allocated per message.
//! Source: OMG DDS-XTYPES 1.3, 7.4.1 and 10.5; `tests/cdr/` compares with what the ROS 2 type support
//! makes of it.

use crate::time::stamp::Stamp;
use sensr_protocol::text;

/// Representation identifier `CDR_LE`, no options.
const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];

/// Writes one message: each primitive aligned to its size, counted from behind the encapsulation header.
///
/// ```
/// let mut buffer = Vec::new();
/// let mut out = sensr_bridge::encode::cdr::Writer::begin(&mut buffer);
/// out.bool(true);
/// out.u32(7);
/// assert_eq!(buffer, [0, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0]);
/// ```
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

/// Where the length of a sequence stands that is not known yet.
#[derive(Debug, Clone, Copy)]
#[must_use = "a sequence without its length cannot be read"]
pub struct Length(usize);

macro_rules! primitives {
    ($($name:ident)*) => {
        $(
            #[doc = concat!("Writes an `", stringify!($name), "`.")]
            pub fn $name(&mut self, value: $name) {
                self.align(size_of::<$name>());
                self.0.extend_from_slice(&value.to_le_bytes());
            }
        )*
    };
}

impl<'a> Writer<'a> {
    /// Starts a message in `buffer`, whose former contents are lost and whose memory is used again.
    pub fn begin(buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&ENCAPSULATION);
        Self(buffer)
    }

    primitives! { u8 i32 u32 i64 u64 f32 f64 }

    fn align(&mut self, size: usize) {
        // Most fields follow one of their own size.
        let unaligned = (self.0.len() - ENCAPSULATION.len()) % size;
        if unaligned != 0 {
            self.0.resize(self.0.len() + size - unaligned, 0);
        }
    }

    /// Writes a `bool`.
    pub fn bool(&mut self, value: bool) {
        self.u8(value.into());
    }

    /// Writes the length of a sequence or string.
    ///
    /// # Panics
    ///
    /// If it does not fit in 32 bits: the link takes no message of that size.
    pub fn count(&mut self, value: usize) {
        self.u32(in_32_bits(value));
    }

    /// Writes a `string`: length including the terminating NUL, bytes, NUL.
    pub fn string(&mut self, value: &str) {
        self.count(value.len() + 1);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
    }

    /// Writes a `string` that a server sent: U+FFFD stands for what is no text.
    pub fn lossy_string(&mut self, value: &[u8]) {
        self.string(&text::decode_lossy(value));
    }

    /// Writes a formatted `string`.
    pub fn text(&mut self, value: std::fmt::Arguments<'_>) {
        use std::io::Write as _;
        let length = self.begin_sequence();
        let begin = self.0.len();
        write!(self.0, "{value}").expect("memory takes all");
        self.0.push(0);
        self.end_sequence(length, self.0.len() - begin);
    }

    /// Writes a `uint8[]`.
    pub fn byte_sequence(&mut self, value: &[u8]) {
        self.count(value.len());
        self.0.extend_from_slice(value);
    }

    /// Writes a sequence whose elements `element` writes.
    pub fn sequence<I: ExactSizeIterator>(
        &mut self,
        items: I,
        mut element: impl FnMut(&mut Self, I::Item),
    ) {
        self.count(items.len());
        for item in items {
            element(self, item);
        }
    }

    /// Leaves room for the length of a sequence; [`end_sequence`](Self::end_sequence) fills it in.
    pub fn begin_sequence(&mut self) -> Length {
        self.u32(0);
        Length(self.0.len())
    }

    /// Fills in the length of a sequence.
    ///
    /// # Panics
    ///
    /// As [`count`](Self::count).
    pub fn end_sequence(&mut self, length: Length, count: usize) {
        let count = in_32_bits(count).to_le_bytes();
        self.0[length.0 - size_of::<u32>()..length.0].copy_from_slice(&count);
    }

    /// Appends `length` bytes, to be written through the returned slice.
    pub fn room(&mut self, length: usize) -> &mut [u8] {
        let begin = self.0.len();
        self.0.resize(begin + length, 0);
        &mut self.0[begin..]
    }

    /// Writes a `builtin_interfaces/Time`.
    pub fn time(&mut self, stamp: Stamp) {
        self.i32(stamp.sec);
        self.u32(stamp.nanosec);
    }

    /// Writes a `std_msgs/Header`.
    pub fn header(&mut self, header: Header<'_>) {
        self.time(header.stamp);
        self.string(header.frame_id);
    }
}

fn in_32_bits(count: usize) -> u32 {
    u32::try_from(count).expect("the link's size limit keeps counts in 32 bits")
}

/// A `std_msgs/Header`.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// When what the message tells of was so.
    pub stamp: Stamp,
    /// The frame its coordinates are in.
    pub frame_id: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut buffer = vec![9; 100];
        write(&mut Writer::begin(&mut buffer));
        buffer.split_off(ENCAPSULATION.len())
    }

    #[test]
    fn everything_is_aligned_to_its_size() {
        let bytes = written(|out| {
            out.u8(1);
            out.f64(0.0);
            out.bool(true);
            out.i32(-1);
            out.u64(2);
        });
        assert_eq!(bytes.len(), 32);
        assert_eq!((bytes[0], bytes[16], bytes[20], bytes[24]), (1, 1, 0xff, 2));
    }

    #[test]
    fn texts_end_with_nul_and_count_it() {
        let expected = [3, 0, 0, 0, b'a', b'b', 0];
        assert_eq!(written(|out| out.string("ab")), expected);
        assert_eq!(written(|out| out.text(format_args!("{}b", 'a'))), expected);
    }

    #[test]
    fn a_text_of_a_server_is_written_whatever_it_is() {
        let expected = [5, 0, 0, 0, b'a', 0xef, 0xbf, 0xbd, 0];
        for text in [&b"a\xff"[..], b"a\0"] {
            assert_eq!(written(|out| out.lossy_string(text)), expected);
        }
    }

    #[test]
    fn a_length_can_be_filled_in_later() {
        let later = written(|out| {
            out.u8(1);
            let length = out.begin_sequence();
            out.u32(5);
            out.u32(6);
            out.end_sequence(length, 2);
        });
        let before = written(|out| {
            out.u8(1);
            out.sequence([5, 6].into_iter(), Writer::u32);
        });
        assert_eq!(later, before);
    }

    #[test]
    fn the_memory_is_used_again() {
        let mut buffer = Vec::with_capacity(1000);
        let place = buffer.as_ptr();
        Writer::begin(&mut buffer).room(500).fill(1);
        Writer::begin(&mut buffer).u8(1);
        assert_eq!((buffer.as_ptr(), buffer.len()), (place, 5));
    }
}
