//! Text from a server, which is bytes until it is known to be UTF-8.

use std::borrow::Cow;

/// Replaces bytes that are not text.
const REPLACEMENT: &str = "\u{fffd}";

/// Returns whether a ROS string can hold the bytes: UTF-8 without a NUL, at which readers in C would end.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0)
}

/// Decodes text, with U+FFFD in place of NULs and of bytes that are not UTF-8.
#[must_use]
pub fn decode_lossy(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') {
        text.replace('\0', REPLACEMENT).into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invalid_bytes_are_replaced_and_the_rest_is_kept() {
        assert_eq!(decode_lossy("라이다1".as_bytes()), "라이다1");
        // The same in the encoding of Korean Windows.
        assert_eq!(decode_lossy(b"algo#\xb6\xf3 1"), "algo#\u{fffd}\u{fffd} 1");
        assert_eq!(decode_lossy(b"a\0b"), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn ros_string_can_hold_every_decoded_text(bytes: Vec<u8>) {
            let text = decode_lossy(&bytes);
            prop_assert!(is_text(text.as_bytes()));
            prop_assert_eq!(is_text(&bytes), text.as_bytes() == bytes);
            prop_assert!(text.len() <= 3 * bytes.len());
        }
    }
}
