//! Tap for the `wire` topic: received frames, unchanged.

use bytes::Bytes;

use crate::config::ResolvedConfig;
use crate::encode::messages;
use crate::metrics::ledger::{IngestDecision, Ledger};
use crate::time::stamp::Arrival;
use crate::topic::Topic;

/// A frame to publish as received. It is a view, and shares its memory with the messages decoded from it.
#[derive(Debug)]
pub(in crate::pipeline) struct TappedFrame {
    sequence: u64,
    payload: Bytes,
}

impl TappedFrame {
    pub(in crate::pipeline) fn encode<'a>(
        &self,
        buffer: &'a mut Vec<u8>,
        link: u8,
        arrival: Arrival,
    ) -> &'a [u8] {
        messages::wire_frame(buffer, arrival.stamp, link, self.sequence, &self.payload);
        buffer
    }
}

/// Numbers the frames of one link, and passes them on if `publish.wire` is set.
#[derive(Debug, Default)]
pub(super) struct WireTap {
    sequence: u64,
}

impl WireTap {
    /// Enters a frame in the ledger. Returns it if it is to be published.
    pub(super) fn tap_frame(
        &mut self,
        payload: &Bytes,
        config: &ResolvedConfig,
        ledger: &Ledger,
    ) -> Option<TappedFrame> {
        let sequence = self.sequence;
        self.sequence += 1;
        if !config.publishes(Topic::Wire) {
            ledger.record_received(Topic::Wire, IngestDecision::Unsubscribed);
            return None;
        }
        ledger.record_received(Topic::Wire, IngestDecision::Queued);
        Some(TappedFrame {
            sequence,
            payload: payload.clone(),
        })
    }
}
