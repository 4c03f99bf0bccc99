use bytes::Bytes;
use prost::Message as _;

use sensr_protocol::wire::{PointCloud, proto::PointResult};

/// [`PointResult::uid`] of every message.
const UID: &str = "sensr_sim";

/// Encodes a message of the point stream.
pub(super) fn encode(clouds: Vec<PointCloud>) -> Bytes {
    let message = PointResult {
        points: clouds,
        uid: UID.into(),
    };
    message.encode_to_vec().into()
}
