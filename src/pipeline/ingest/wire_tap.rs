//! The `wire` topic: every frame as it came.

use bytes::Bytes;

use crate::config::Config;
use crate::encode::messages;
use crate::metrics::ledger::{Intake, Ledger};
use crate::time::stamp::Arrival;
use crate::topic::Topic;

/// A frame to publish as it came. A view: it costs nothing beside what is decoded from it.
#[derive(Debug)]
pub(in crate::pipeline) struct WireFrame {
    sequence: u64,
    payload: Bytes,
}

impl WireFrame {
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

/// Takes frames off one link, if they are wanted.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct WireTap {
    sequence: u64,
}

impl WireTap {
    /// Enters a frame in the ledger. Returns it if it is to be published.
    pub(in crate::pipeline) fn take(
        &mut self,
        payload: &Bytes,
        config: &Config,
        ledger: &Ledger,
    ) -> Option<WireFrame> {
        let sequence = self.sequence;
        self.sequence += 1;
        if !config.publishes(Topic::Wire) {
            ledger.receive(Topic::Wire, Intake::Unsubscribed);
            return None;
        }
        ledger.receive(Topic::Wire, Intake::Queued);
        Some(WireFrame {
            sequence,
            payload: payload.clone(),
        })
    }
}
