//! Reading of messages.

use std::fmt;

use super::{ENCAPSULATION_BYTES, Header, Time};

/// Reads one message, field by field, in either byte order. Strings and byte sequences borrow from the message.
///
/// ```
/// let message = [0, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0];
/// let mut reader = ros_cdr::Reader::new(&message)?;
/// assert!(reader.read_bool()?);
/// assert_eq!(reader.read_u32()?, 7);
/// reader.expect_end()?;
/// # Ok::<(), ros_cdr::ReadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    message: &'a [u8],
    /// Index of the next byte. Behind the end if that is where the next field would be aligned to.
    position: usize,
    /// The byte order of the message is not that of this machine.
    is_swapped: bool,
}

/// Malformed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// Encapsulation other than plain CDR: parameter lists, XCDR2, or no CDR at all.
    Encapsulation {
        /// The first two bytes.
        identifier: [u8; 2],
    },
    /// End of the message within a field.
    Truncated {
        /// Position in the message where the field begins.
        position: usize,
        /// Bytes of the field.
        expected: usize,
        /// Bytes from there to the end of the message.
        available: usize,
    },
    /// String without its final NUL, with another one in it, or not UTF-8.
    String {
        /// Position behind the string.
        position: usize,
    },
    /// Boolean other than 0 and 1.
    Bool {
        /// Position behind the boolean.
        position: usize,
        /// The byte.
        value: u8,
    },
    /// Bytes behind the last field.
    Trailing {
        /// Position of the first one.
        position: usize,
        /// Number of them.
        surplus: usize,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encapsulation { identifier } => write!(
                f,
                "the encapsulation {identifier:02x?} is neither big-endian nor little-endian CDR"
            ),
            Self::Truncated {
                position,
                expected,
                available,
            } => write!(
                f,
                "byte {position}: {expected} more bytes expected, only {available} left"
            ),
            Self::String { position } => {
                write!(
                    f,
                    "the string before byte {position} is not NUL-terminated UTF-8"
                )
            }
            Self::Bool { position, value } => {
                write!(
                    f,
                    "the boolean before byte {position} is {value}, not 0 or 1"
                )
            }
            Self::Trailing { position, surplus } => {
                write!(
                    f,
                    "byte {position}: {surplus} more bytes than the message has fields for"
                )
            }
        }
    }
}

impl std::error::Error for ReadError {}

macro_rules! read_primitives {
    ($($name:ident: $type:ident),*) => {
        $(
            #[doc = concat!("Reads an `", stringify!($type), "`.")]
            pub fn $name(&mut self) -> Result<$type, ReadError> {
                self.read_aligned().map($type::from_ne_bytes)
            }
        )*
    };
}

impl<'a> Reader<'a> {
    /// Begins to read a message: checks its encapsulation header.
    pub fn new(message: &'a [u8]) -> Result<Self, ReadError> {
        let mut reader = Self {
            message,
            position: 0,
            is_swapped: false,
        };
        let is_big_endian = match *reader.read_raw(ENCAPSULATION_BYTES)? {
            [0, 0, ..] => true,
            [0, 1, ..] => false,
            ref other => {
                return Err(ReadError::Encapsulation {
                    identifier: [other[0], other[1]],
                });
            }
        };
        reader.is_swapped = is_big_endian != cfg!(target_endian = "big");
        Ok(reader)
    }

    read_primitives! {
        read_u8: u8, read_u16: u16, read_i32: i32, read_u32: u32, read_i64: i64, read_u64: u64,
        read_f32: f32, read_f64: f64
    }

    /// Reads the next `length` bytes as they are, without alignment: the elements of a `uint8[N]`.
    pub fn read_raw(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let rest = self.rest();
        let taken = rest.get(..length).ok_or(ReadError::Truncated {
            position: self.position,
            expected: length,
            available: rest.len(),
        })?;
        self.position += length;
        Ok(taken)
    }

    fn rest(&self) -> &'a [u8] {
        self.message.get(self.position..).unwrap_or_default()
    }

    /// Reads an aligned primitive as bytes in the order of this machine.
    fn read_aligned<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let offset = self.position - ENCAPSULATION_BYTES;
        self.position += offset.next_multiple_of(N) - offset;
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.read_raw(N)?);
        if self.is_swapped {
            bytes.reverse();
        }
        Ok(bytes)
    }

    /// Reads a `bool`.
    pub fn read_bool(&mut self) -> Result<bool, ReadError> {
        match self.read_u8()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(ReadError::Bool {
                position: self.position,
                value,
            }),
        }
    }

    /// Reads a `uint32` that counts something: the length of a sequence, an offset.
    pub fn read_length(&mut self) -> Result<usize, ReadError> {
        // What does not fit is longer than any message in memory.
        Ok(usize::try_from(self.read_u32()?).unwrap_or(usize::MAX))
    }

    /// Reads a `uint8[]`.
    pub fn read_byte_sequence(&mut self) -> Result<&'a [u8], ReadError> {
        let length = self.read_length()?;
        self.read_raw(length)
    }

    /// Reads a `string`.
    pub fn read_string(&mut self) -> Result<&'a str, ReadError> {
        let bytes = self.read_byte_sequence()?;
        let text = match bytes.split_last() {
            Some((0, text)) if !text.contains(&0) => str::from_utf8(text).ok(),
            _ => None,
        };
        text.ok_or(ReadError::String {
            position: self.position,
        })
    }

    /// Reads a sequence, each element with `read_element`. A length that the rest of the message cannot hold is an
    /// error, so that a few bytes never allocate much.
    pub fn read_sequence<T>(
        &mut self,
        mut read_element: impl FnMut(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let length = self.read_length()?;
        let available = self.rest().len();
        // No element is smaller than a byte.
        if length > available {
            return Err(ReadError::Truncated {
                position: self.position,
                expected: length,
                available,
            });
        }
        (0..length).map(|_| read_element(self)).collect()
    }

    /// Reads a `builtin_interfaces/Time`.
    pub fn read_time(&mut self) -> Result<Time, ReadError> {
        Ok(Time {
            sec: self.read_i32()?,
            nanosec: self.read_u32()?,
        })
    }

    /// Reads a `std_msgs/Header`.
    pub fn read_header(&mut self) -> Result<Header<'a>, ReadError> {
        Ok(Header {
            stamp: self.read_time()?,
            frame_id: self.read_string()?,
        })
    }

    /// Checks that the whole message has been read.
    pub fn expect_end(&self) -> Result<(), ReadError> {
        match self.rest().len() {
            0 => Ok(()),
            surplus => Err(ReadError::Trailing {
                position: self.position,
                surplus,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
