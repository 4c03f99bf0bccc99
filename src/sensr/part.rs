//! The parts of a message that decode one by one.

use std::fmt;

use bytes::Bytes;
use prost::Message;

/// More objects (or zones, or events) than this in one message are not opened, and count as undecodable. A
/// part of two bytes becomes hundreds in memory: without a limit one frame could take all of it.
const MAX_PARTS: usize = 100_000;

/// How many parts did not decode, and why the first did not.
#[derive(Debug, Default)]
pub struct Undecodable {
    count: u64,
    first: Option<(&'static str, String)>,
}

impl Undecodable {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    fn note(&mut self, what: &'static str, count: usize, reason: impl fmt::Display) {
        self.count += count as u64;
        self.first.get_or_insert_with(|| (what, reason.to_string()));
    }

    /// Opens a part that stands at most once. Pieces of it are merged, as protobuf wants it.
    pub(super) fn one<T: Message + Default>(
        &mut self,
        what: &'static str,
        pieces: Vec<Bytes>,
    ) -> Option<T> {
        if pieces.is_empty() {
            return None;
        }
        let mut whole = T::default();
        for piece in pieces {
            if let Err(error) = whole.merge(piece) {
                self.note(what, 1, error);
                return None;
            }
        }
        Some(whole)
    }

    /// Opens parts that stand any number of times. Returns those that decode, and how many do not.
    pub(super) fn many<T: Message + Default>(
        &mut self,
        what: &'static str,
        parts: Vec<Bytes>,
    ) -> (Vec<T>, u64) {
        let before = self.count;
        let too_many = parts.len().saturating_sub(MAX_PARTS);
        if too_many > 0 {
            self.note(what, too_many, format_args!("more than {MAX_PARTS}"));
        }
        let mut whole = Vec::with_capacity(parts.len() - too_many);
        for part in parts.into_iter().take(MAX_PARTS) {
            match T::decode(part) {
                Ok(decoded) => whole.push(decoded),
                Err(error) => self.note(what, 1, error),
            }
        }
        (whole, self.count - before)
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            None => f.write_str("every part decodes"),
            Some((what, error)) => {
                write!(
                    f,
                    "parts of a message that do not decode: {}, first of all {what}: {error}",
                    self.count
                )
            }
        }
    }
}
