//! The messages of the point stream.

use bytes::Bytes;
use prost::Message as _;

use sensr_protocol::wire::{PointCloud, proto::PointResult};

/// [`PointResult::uid`] of every message.
const UID: &str = "sensr_sim";

/// One point message.
pub(super) fn encode(clouds: Vec<PointCloud>) -> Bytes {
    let message = PointResult {
        points: clouds,
        uid: UID.into(),
    };
    message.encode_to_vec().into()
}
