//! Text files as people save them: with or without a byte order mark, in UTF-8.

/// U+FEFF at the start of a file, as some editors write it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of a file without its byte order mark. An error says how to save the file, in one line.
pub fn decode(bytes: &[u8]) -> Result<&str, String> {
    if let Some(encoding) = wide_encoding(bytes) {
        return Err(format!("is {encoding}, save it as UTF-8"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)),
        Err(error) => {
            let good = &bytes[..error.valid_up_to()];
            let line = good.split(|&byte| byte == b'\n').count();
            Err(format!("line {line} is not UTF-8, save the file as UTF-8"))
        }
    }
}

/// The encoding of a text that has more than one byte per letter throughout.
fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        // With a byte order mark, or a first letter of ASCII without one.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(decode("\u{feff}부두".as_bytes()), Ok("부두"));
        assert_eq!(decode("부두\u{feff}".as_bytes()), Ok("부두\u{feff}"));
        assert_eq!(decode(b""), Ok(""));
    }

    #[test]
    fn other_encodings_are_named() {
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in ["\u{feff}sites: {}", "/**:\n"] {
                let refusal = decode(&utf16(text, bytes_of)).expect_err("refused");
                assert_eq!(refusal, "is UTF-16, save it as UTF-8");
            }
        }
        let utf32 = decode(b"\xff\xfe\0\0/\0\0\0").expect_err("refused");
        assert!(utf32.contains("UTF-32"), "{utf32}");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let latin = decode(b"a: 1\nb: caf\xe9\n").expect_err("refused");
        assert_eq!(latin, "line 2 is not UTF-8, save the file as UTF-8");
    }
}
