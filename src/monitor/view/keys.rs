//! Keys, from the bytes that a terminal sends for them.

/// A key. Keys with Alt, and all that are not listed, are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter, digit or sign.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Return.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// First function key.
    F1,
}

const ESCAPE: u8 = 0x1b;

/// Takes the first key from `bytes`, or a sequence that is none, with the number of its bytes. `None` if the bytes are the
/// beginning of more; `is_complete` tells that nothing follows them.
fn take(bytes: &[u8], is_complete: bool) -> Option<(Option<Key>, usize)> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        ESCAPE => take_sequence(rest, is_complete).map(|(key, length)| (key, length + 1)),
        b'\r' | b'\n' => Some((Some(Key::Enter), 1)),
        b'\t' => Some((Some(Key::Tab), 1)),
        0x08 | 0x7f => Some((Some(Key::Backspace), 1)),
        control @ 1..=0x1a => Some((Some(Key::Ctrl(char::from(control + b'a' - 1))), 1)),
        control @ (0 | 0x1c..=0x1f) => Some((Some(Key::Ctrl(char::from(control + b'@'))), 1)),
        letter @ b' '..=b'~' => Some((Some(Key::Char(char::from(letter))), 1)),
        _ => take_letter(bytes, is_complete),
    }
}

/// Takes a letter of several bytes.
fn take_letter(bytes: &[u8], is_complete: bool) -> Option<(Option<Key>, usize)> {
    for length in 2..=bytes.len().min(4) {
        if let Ok(text) = std::str::from_utf8(&bytes[..length]) {
            return Some((text.chars().next().map(Key::Char), length));
        }
    }
    (bytes.len() >= 4 || is_complete).then_some((None, 1))
}

/// Takes what follows an Escape.
fn take_sequence(rest: &[u8], is_complete: bool) -> Option<(Option<Key>, usize)> {
    match rest {
        [] => is_complete.then_some((Some(Key::Escape), 0)),
        // Escape pressed twice, or before another sequence.
        [ESCAPE, ..] => Some((Some(Key::Escape), 0)),
        [b'O', last, ..] => Some((final_byte(*last), 2)),
        [b'[', parameters @ ..] => {
            let Some(length) = parameters
                .iter()
                .position(|byte| matches!(byte, b'@'..=b'~'))
            else {
                return is_complete.then_some((None, rest.len()));
            };
            let key = match parameters[length] {
                b'~' => numbered(&parameters[..length]),
                last => final_byte(last),
            };
            Some((key, length + 2))
        }
        [b'O'] if !is_complete => None,
        // A key with Alt.
        _ => Some((None, 1)),
    }
}

fn final_byte(byte: u8) -> Option<Key> {
    Some(match byte {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'Z' => Key::BackTab,
        b'P' => Key::F1,
        _ => return None,
    })
}

/// Key of a sequence with a number, which may be followed by modifiers.
fn numbered(parameters: &[u8]) -> Option<Key> {
    let number = parameters.split(|byte| *byte == b';').next()?;
    Some(match number {
        b"1" | b"7" => Key::Home,
        b"4" | b"8" => Key::End,
        b"5" => Key::PageUp,
        b"6" => Key::PageDown,
        b"11" => Key::F1,
        _ => return None,
    })
}

/// Bytes that have been read and are not yet a key.
#[derive(Debug, Default)]
pub(super) struct KeyBuffer {
    bytes: Vec<u8>,
}

impl KeyBuffer {
    /// Adds bytes of the terminal.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns whether bytes wait for those that follow them.
    pub(super) fn is_waiting(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Takes the next key. `is_complete` tells that nothing follows the bytes so far.
    pub(super) fn next(&mut self, is_complete: bool) -> Option<Key> {
        while let Some((key, length)) = take(&self.bytes, is_complete) {
            self.bytes.drain(..length);
            if key.is_some() {
                return key;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &[u8]) -> Vec<Key> {
        let mut buffer = KeyBuffer::default();
        buffer.push(text);
        std::iter::from_fn(|| buffer.next(true)).collect()
    }

    #[test]
    fn keys_are_known_in_the_sequences_of_usual_terminals() {
        assert_eq!(keys(b"qS?"), ['q', 'S', '?'].map(Key::Char));
        assert_eq!(keys(b"\x03\x1a"), ['c', 'z'].map(Key::Ctrl));
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[C\x1b[1;5D"),
            [Key::Up, Key::Down, Key::Right, Key::Left]
        );
        assert_eq!(keys(b"\x1b[5~\x1b[6;2~"), [Key::PageUp, Key::PageDown]);
        assert_eq!(
            keys(b"\x1b[H\x1b[1~\x1b[F\x1b[8~"),
            [Key::Home, Key::Home, Key::End, Key::End]
        );
        assert_eq!(
            keys(b"\t\x1b[Z\r\x7f"),
            [Key::Tab, Key::BackTab, Key::Enter, Key::Backspace]
        );
        assert_eq!(keys(b"\x1bOP\x1b[11~"), [Key::F1, Key::F1]);
        assert_eq!(keys("한".as_bytes()), [Key::Char('한')]);
    }

    #[test]
    fn unknown_sequences_and_keys_with_alt_are_left_out() {
        assert_eq!(
            keys(b"\x1b[200~\x1b[<0;1;1Mq").last(),
            Some(&Key::Char('q'))
        );
        assert_eq!(keys(b"\x1bqx"), [Key::Char('x')]);
        assert_eq!(keys(b"\xffq"), [Key::Char('q')]);
    }

    #[test]
    fn an_escape_is_a_key_only_if_nothing_follows() {
        let mut buffer = KeyBuffer::default();
        buffer.push(b"\x1b");
        assert_eq!(buffer.next(false), None);
        assert!(buffer.is_waiting());
        buffer.push(b"[");
        assert_eq!(buffer.next(false), None);
        buffer.push(b"A");
        assert_eq!(buffer.next(false), Some(Key::Up));
        assert!(!buffer.is_waiting());
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_used_up(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut buffer = KeyBuffer::default();
            for byte in bytes {
                buffer.push(&[byte]);
                while buffer.next(false).is_some() {}
            }
            while buffer.next(true).is_some() {}
            prop_assert!(!buffer.is_waiting());
        }
    }
}
