//! What a link is told, and may be told anew while it runs.

use super::backoff::Bounds;
use super::keepalive::KeepAliveTimeouts;
use super::status::Endpoint;

/// What a link needs to know. May change while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOptions {
    /// Where to connect to. Changing it reconnects at once.
    pub endpoint: Endpoint,
    /// Reason why it is not known yet where to connect to. There is no attempt until it is gone.
    pub obstacle: Option<String>,
    /// A larger message closes the link. Changing it reconnects at once.
    pub max_message_bytes: usize,
    /// Pauses between attempts.
    pub backoff: Bounds,
    /// How long silence is borne.
    pub patience: KeepAliveTimeouts,
    /// Whether there is to be a link at all.
    pub enabled: bool,
    /// How often somebody has asked for a new link. One more reconnects at once.
    pub reconnect_generation: u64,
}

impl LinkOptions {
    pub(super) fn requires_reconnect(&self, new: &Self) -> bool {
        self.endpoint != new.endpoint
            || self.obstacle != new.obstacle
            || self.max_message_bytes != new.max_message_bytes
            || self.reconnect_generation != new.reconnect_generation
            || !new.enabled
    }
}
