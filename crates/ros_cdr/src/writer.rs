//! Writing of messages.

use std::fmt::Arguments;
use std::io::Write as _;

use super::{ENCAPSULATION_BYTES, Header, Time};

/// Representation identifier `CDR_LE`, no options.
const ENCAPSULATION: [u8; ENCAPSULATION_BYTES] = [0, 1, 0, 0];

/// Writes one message, field by field, into a buffer that is reused from message to message.
///
/// ```
/// let mut buffer = Vec::new();
/// let mut out = ros_cdr::Writer::begin(&mut buffer);
/// out.write_bool(true);
/// out.write_u32(7);
/// assert_eq!(buffer, [0, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0]);
/// ```
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

/// Position of a sequence length that is filled in later.
#[derive(Debug, Clone, Copy)]
#[must_use = "a sequence without its length cannot be read"]
pub struct SequenceLength {
    /// Position behind the length.
    end: usize,
}

macro_rules! write_primitives {
    ($($name:ident: $type:ident),*) => {
        $(
            #[doc = concat!("Writes an `", stringify!($type), "`, aligned to its size.")]
            #[inline]
            pub fn $name(&mut self, value: $type) {
                self.align_to(size_of::<$type>());
                self.0.extend_from_slice(&value.to_le_bytes());
            }
        )*
    };
}

impl<'a> Writer<'a> {
    /// Begins a message in `buffer`: discards its contents and keeps its memory.
    pub fn begin(buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&ENCAPSULATION);
        Self(buffer)
    }

    write_primitives! {
        write_u8: u8, write_u16: u16, write_i32: i32, write_u32: u32, write_i64: i64, write_u64: u64,
        write_f32: f32, write_f64: f64
    }

    /// Writes several `float64`, such as the coordinates of a point.
    #[inline]
    pub fn write_f64s<const N: usize>(&mut self, values: [f64; N]) {
        self.align_to(size_of::<f64>());
        let bytes = values.map(f64::to_le_bytes);
        self.0.extend_from_slice(bytes.as_flattened());
    }

    /// Writes several `float32`, such as the parts of a color.
    #[inline]
    pub fn write_f32s<const N: usize>(&mut self, values: [f32; N]) {
        self.align_to(size_of::<f32>());
        let bytes = values.map(f32::to_le_bytes);
        self.0.extend_from_slice(bytes.as_flattened());
    }

    #[inline]
    fn align_to(&mut self, size: usize) {
        // Most fields follow one of the same size.
        let unaligned = (self.0.len() - ENCAPSULATION_BYTES) % size;
        if unaligned != 0 {
            self.pad(size - unaligned);
        }
    }

    fn pad(&mut self, bytes: usize) {
        const PADDING: [u8; 8] = [0; 8];
        self.0.extend_from_slice(&PADDING[..bytes]);
    }

    /// Writes a `bool`.
    #[inline]
    pub fn write_bool(&mut self, value: bool) {
        self.write_u8(value.into());
    }

    /// Writes a `uint32` that counts something: the length of a sequence or string, an offset.
    ///
    /// # Panics
    ///
    /// If it does not fit in 32 bits.
    #[inline]
    pub fn write_length(&mut self, value: usize) {
        self.write_u32(to_u32(value));
    }

    /// Writes a `string`.
    ///
    /// # Panics
    ///
    /// If its length does not fit in 32 bits.
    #[inline]
    pub fn write_string(&mut self, value: &str) {
        self.write_length(value.len() + 1);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
    }

    /// Writes a `string` from format arguments, without a string in between.
    ///
    /// # Panics
    ///
    /// If its length does not fit in 32 bits.
    pub fn write_formatted(&mut self, value: Arguments<'_>) {
        let length = self.begin_sequence();
        let begin = self.0.len();
        write!(self.0, "{value}").expect("writing to memory does not fail");
        self.0.push(0);
        self.end_sequence(length, self.0.len() - begin);
    }

    /// Writes a `uint8[]`.
    ///
    /// # Panics
    ///
    /// If its length does not fit in 32 bits.
    pub fn write_byte_sequence(&mut self, value: &[u8]) {
        self.write_length(value.len());
        self.0.extend_from_slice(value);
    }

    /// Writes a sequence of known length, each element with `write_element`.
    ///
    /// # Panics
    ///
    /// If its length does not fit in 32 bits.
    pub fn write_sequence<I: ExactSizeIterator>(
        &mut self,
        items: I,
        mut write_element: impl FnMut(&mut Self, I::Item),
    ) {
        self.write_length(items.len());
        for item in items {
            write_element(self, item);
        }
    }

    /// Writes a sequence whose length is known only at its end, each element with `write_element`.
    ///
    /// # Panics
    ///
    /// If its length does not fit in 32 bits.
    pub fn write_counted_sequence<I: Iterator>(
        &mut self,
        items: I,
        mut write_element: impl FnMut(&mut Self, I::Item),
    ) {
        let length = self.begin_sequence();
        let mut count = 0;
        for item in items {
            write_element(self, item);
            count += 1;
        }
        self.end_sequence(length, count);
    }

    /// Reserves the length of a sequence; [`end_sequence`](Self::end_sequence) fills it in.
    #[inline]
    pub fn begin_sequence(&mut self) -> SequenceLength {
        self.write_u32(0);
        SequenceLength { end: self.0.len() }
    }

    /// Fills in the length of a sequence.
    ///
    /// # Panics
    ///
    /// If it does not fit in 32 bits.
    #[inline]
    pub fn end_sequence(&mut self, length: SequenceLength, count: usize) {
        let count = to_u32(count).to_le_bytes();
        self.0[length.end - count.len()..length.end].copy_from_slice(&count);
    }

    /// Appends `length` zero bytes and returns them for writing.
    pub fn append_zeros(&mut self, length: usize) -> &mut [u8] {
        let begin = self.0.len();
        self.0.resize(begin + length, 0);
        &mut self.0[begin..]
    }

    /// Reserves memory for `bytes` more bytes, so that appending them piece by piece does not move the message.
    pub fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// Writes fields that have been serialized before, behind a multiple of four bytes, and have no larger alignment.
    #[inline]
    pub fn write_fields<const N: usize>(&mut self, fields: &[u8; N]) {
        self.align_to(size_of::<u32>());
        self.0.extend_from_slice(fields);
    }

    /// Appends bytes as they are, without alignment: elements of a sequence whose length has been written.
    #[inline]
    pub fn append_bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Writes a `builtin_interfaces/Time`.
    #[inline]
    pub fn write_time(&mut self, time: Time) {
        self.align_to(size_of::<u32>());
        let bytes = [time.sec.to_le_bytes(), time.nanosec.to_le_bytes()];
        self.0.extend_from_slice(bytes.as_flattened());
    }

    /// Writes a `std_msgs/Header`.
    ///
    /// # Panics
    ///
    /// If the length of the frame does not fit in 32 bits.
    pub fn write_header(&mut self, header: Header<'_>) {
        self.write_time(header.stamp);
        self.write_string(header.frame_id);
    }
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("CDR counts in 32 bits")
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
    fn primitives_are_aligned_to_their_size() {
        let bytes = written(|out| {
            out.write_u8(1);
            out.write_f64(0.0);
            out.write_bool(true);
            out.write_i32(-1);
            out.write_u64(2);
        });
        assert_eq!(bytes.len(), 32);
        assert_eq!((bytes[0], bytes[16], bytes[20], bytes[24]), (1, 1, 0xff, 2));
    }

    #[test]
    fn strings_end_with_a_counted_nul() {
        let expected = [3, 0, 0, 0, b'a', b'b', 0];
        assert_eq!(written(|out| out.write_string("ab")), expected);
        assert_eq!(
            written(|out| out.write_formatted(format_args!("{}b", 'a'))),
            expected
        );
    }

    #[test]
    fn length_can_be_filled_in_later() {
        let later = written(|out| {
            out.write_u8(1);
            let length = out.begin_sequence();
            out.write_u32(5);
            out.write_u32(6);
            out.end_sequence(length, 2);
        });
        let counted = written(|out| {
            out.write_u8(1);
            out.write_counted_sequence([5, 6].into_iter(), Writer::write_u32);
        });
        let before = written(|out| {
            out.write_u8(1);
            out.write_sequence([5, 6].into_iter(), Writer::write_u32);
        });
        assert_eq!(later, before);
        assert_eq!(counted, before);
    }

    #[test]
    fn several_values_are_written_as_one_after_the_other() {
        let together = written(|out| {
            out.write_u8(1);
            out.write_f32s([1.0, 2.0, 3.0]);
            out.write_f64s([4.0, 5.0]);
            out.write_u8(1);
            out.write_time(Time {
                sec: -6,
                nanosec: 7,
            });
        });
        let apart = written(|out| {
            out.write_u8(1);
            for value in [1.0, 2.0, 3.0] {
                out.write_f32(value);
            }
            for value in [4.0, 5.0] {
                out.write_f64(value);
            }
            out.write_u8(1);
            out.write_i32(-6);
            out.write_u32(7);
        });
        assert_eq!(together, apart);
    }

    #[test]
    fn memory_of_the_buffer_is_reused() {
        let mut buffer = Vec::with_capacity(1000);
        let address = buffer.as_ptr();
        Writer::begin(&mut buffer).append_zeros(500).fill(1);
        Writer::begin(&mut buffer).write_u8(1);
        assert_eq!((buffer.as_ptr(), buffer.len()), (address, 5));
    }
}
