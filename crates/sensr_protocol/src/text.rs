//! Text from a server: bytes until proven text.

use std::borrow::Cow;

/// Takes the place of what is no text.
const REPLACEMENT: &str = "\u{fffd}";

/// Returns whether bytes are text that a ROS string can hold: UTF-8 without a NUL, at which readers in C would end.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0)
}

/// Text with U+FFFD in place of what is not UTF-8 and of NULs.
#[must_use]
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
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
    fn what_is_no_text_is_replaced_and_the_rest_stays() {
        assert_eq!(lossy("라이다1".as_bytes()), "라이다1");
        // The same in the encoding of Korean Windows.
        assert_eq!(lossy(b"algo#\xb6\xf3 1"), "algo#\u{fffd}\u{fffd} 1");
        assert_eq!(lossy(b"a\0b"), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn every_text_is_one_a_ros_string_can_hold(bytes: Vec<u8>) {
            let text = lossy(&bytes);
            prop_assert!(is_text(text.as_bytes()));
            prop_assert_eq!(is_text(&bytes), text.as_bytes() == bytes);
            prop_assert!(text.len() <= 3 * bytes.len());
        }
    }
}
