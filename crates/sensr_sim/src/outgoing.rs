//! What is written to a client.

use bytes::Bytes;

use super::ending::Close;
use super::fault::Strike;
use super::report::{CloudCounts, OutputCounts};

/// A message of one of the two streams, encoded once and shared by every client, with a summary of what it
/// carries: what is delivered can then be counted without opening it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub data: Bytes,
    pub contents: Contents,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// It is of the point stream.
    Clouds(CloudCounts),
    /// It is of the output stream.
    Output(OutputCounts),
}

impl Message {
    pub(super) fn clouds(data: Bytes, counts: CloudCounts) -> Self {
        Self {
            data,
            contents: Contents::Clouds(counts),
        }
    }

    pub(super) fn output(data: Bytes, counts: OutputCounts) -> Self {
        Self {
            data,
            contents: Contents::Output(counts),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }
}

/// What to write next.
#[derive(Debug)]
pub(super) enum Outgoing {
    Message(Message),
    Ping,
    Pong(Bytes),
    Strike(Strike),
    /// The last one.
    Close(Close),
}

#[cfg(test)]
impl From<&'static [u8]> for Message {
    fn from(data: &'static [u8]) -> Self {
        Self::output(Bytes::from_static(data), OutputCounts::default())
    }
}
