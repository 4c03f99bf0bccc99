//! Messages and other items of the send queues.

use bytes::Bytes;
use prost::Message as _;

use super::close::Close;
use super::fault::PendingFault;
use super::report::{CloudCounts, OutputCounts};
use sensr_protocol::wire::{PointCloud, proto::PointResult};

/// [`PointResult::uid`] of every message.
const UID: &str = "sensr_sim";

/// Encoded message of one of the two streams, shared by all clients, with counts of its contents, so that delivered
/// contents are counted without decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub data: Bytes,
    pub contents: Contents,
}

/// Contents of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// Message of the point stream.
    Clouds(CloudCounts),
    /// Message of the output stream.
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

/// Item to write to a client.
#[derive(Debug)]
pub(super) enum QueueItem {
    Message(Message),
    Ping,
    Pong(Bytes),
    Fault(PendingFault),
    /// Close frame, the last item.
    Close(Close),
}

/// Encodes a message of the point stream.
pub(super) fn encode_clouds(clouds: Vec<PointCloud>) -> Bytes {
    let message = PointResult {
        points: clouds,
        uid: UID.into(),
    };
    message.encode_to_vec().into()
}

#[cfg(test)]
impl From<&'static [u8]> for Message {
    fn from(data: &'static [u8]) -> Self {
        Self::output(Bytes::from_static(data), OutputCounts::default())
    }
}
