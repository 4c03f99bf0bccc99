//! Text files written by people: bounded reading and decoding.
//!
//! Editors write byte order marks, and save as UTF-16 or in the regional encoding. UTF-8 is accepted with or without a
//! mark; other encodings are named in the error, with the cure.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Largest accepted file. Settings are a thousand times smaller.
pub const MAX_BYTES: usize = 1 << 20;

/// UTF-16 text with some ASCII, such as YAML, has at least one NUL in this number of bytes.
const UTF16_BYTES_PER_NUL: usize = 8;

/// Reason why a file cannot be read as text. Reads as the end of "cannot read hosts file /etc/hosts.yaml: …".
#[derive(Debug, thiserror::Error)]
pub enum TextFileError {
    /// Missing file, missing permission, unreachable share.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder instead of a file.
    #[error("it is a folder, give a file in it")]
    Folder,
    /// Larger than [`MAX_BYTES`].
    #[error("it is larger than {MAX_BYTES} bytes, the limit for settings")]
    TooLarge,
    /// Recognized encoding other than UTF-8.
    #[error("it is {0}, save it as UTF-8")]
    Encoding(&'static str),
    /// Not UTF-8, and no other encoding that is recognized.
    #[error(
        "line {line} is not UTF-8 (byte 0x{byte:02x}), save the file as UTF-8 instead of CP949, Latin-1 or the like"
    )]
    NotUtf8 {
        /// Line of the first invalid byte, from 1.
        line: usize,
        /// That byte.
        byte: u8,
    },
    /// Binary file.
    #[error("line {line} has a NUL byte, so it is not a text file")]
    Nul {
        /// Line of the first NUL, from 1.
        line: usize,
    },
}

impl TextFileError {
    /// Returns whether the file may become readable later: a share is mounted, a permission is given.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// Reads a file and removes its byte order mark.
pub fn read_text(path: &Path) -> Result<String, TextFileError> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(TextFileError::Folder);
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    decode_text(bytes)
}

/// Decodes the content of a file and removes its byte order mark.
pub fn decode_text(mut bytes: Vec<u8>) -> Result<String, TextFileError> {
    if bytes.len() > MAX_BYTES {
        return Err(TextFileError::TooLarge);
    }
    if let Some(encoding) = detect_other_encoding(&bytes) {
        return Err(TextFileError::Encoding(encoding));
    }
    if let Some(position) = bytes.iter().position(|&byte| byte == 0) {
        return Err(TextFileError::Nul {
            line: line_of(&bytes, position),
        });
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        TextFileError::NotUtf8 {
            line: line_of(error.as_bytes(), position),
            byte: error.as_bytes()[position],
        }
    })
}

/// Returns the name of an encoding of two or four bytes per character, detected by its byte order mark or the positions
/// of its NUL bytes.
fn detect_other_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("UTF-16"),
        _ => {}
    }
    // Without a mark: the high byte of ASCII is NUL, always at even or always at odd positions.
    let nuls = |parity| {
        let side = bytes.iter().skip(parity).step_by(2);
        side.filter(|&&byte| byte == 0).count()
    };
    let one_side = match (nuls(0), nuls(1)) {
        (0, count) | (count, 0) => count,
        _ => 0,
    };
    let is_utf16 = one_side > 0 && one_side * UTF16_BYTES_PER_NUL >= bytes.len();
    is_utf16.then_some("UTF-16")
}

/// Returns the line of a byte, from 1.
fn line_of(bytes: &[u8], position: usize) -> usize {
    bytes[..position].split(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# 항구\nsites:\n  항구: {address: 192.0.2.1}\n";

    fn decode_error(bytes: impl Into<Vec<u8>>) -> String {
        decode_text(bytes.into()).expect_err("refused").to_string()
    }

    fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn utf8_is_accepted_with_and_without_byte_order_mark() {
        for text in ["", "\n", TEXT, "a: 1\r\nb: 2\r\n"] {
            assert_eq!(decode_text(text.into()).expect("taken"), text);
            assert_eq!(
                decode_text(format!("\u{feff}{text}").into()).expect("taken"),
                text
            );
        }
    }

    #[test]
    fn utf16_is_named_with_and_without_byte_order_mark() {
        let korean_first = "항구에 있는 모든 센서의 주소\nsites: {}\n";
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in [TEXT, "a", korean_first, "\u{feff}sites:", "\u{feff}"] {
                assert_eq!(
                    decode_error(utf16(text, bytes_of)),
                    "it is UTF-16, save it as UTF-8"
                );
            }
        }
        let utf32: Vec<u8> = "\u{feff}a: 1"
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect();
        assert_eq!(decode_error(utf32), "it is UTF-32, save it as UTF-8");
    }

    #[test]
    fn other_encodings_are_refused_with_the_line() {
        // "항구" in CP949, "ü" in Latin-1.
        for bytes in [&b"a: 1\n\xc7\xd7\xb1\xb8: 2\n"[..], b"a: 1\nb\xfcro: 2\n"] {
            let line = decode_error(bytes);
            assert!(line.starts_with("line 2 is not UTF-8 (byte 0x"), "{line}");
            assert!(line.contains("save the file as UTF-8"), "{line}");
        }
        assert!(
            decode_error("a: 1\nb: \0 and so on, for some time\n")
                .contains("line 2 has a NUL byte")
        );
    }

    #[test]
    fn reading_is_bounded() {
        assert!(decode_text(vec![b'#'; MAX_BYTES]).is_ok());
        assert!(decode_error(vec![b'#'; MAX_BYTES + 1]).contains("larger than 1048576 bytes"));
        let endless = read_text(Path::new("/dev/zero")).expect_err("refused");
        assert!(matches!(endless, TextFileError::TooLarge), "{endless}");
    }

    #[test]
    fn missing_file_is_transient_and_a_folder_is_not() {
        let missing = read_text(Path::new("/no/such/file.yaml")).expect_err("missing");
        assert!(missing.is_transient());
        assert!(missing.to_string().contains("No such file"), "{missing}");
        let folder = read_text(Path::new("/")).expect_err("a folder");
        assert!(!folder.is_transient());
        assert!(folder.to_string().contains("folder"), "{folder}");
    }
}
