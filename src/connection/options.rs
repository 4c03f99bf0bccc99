//! What a link is told, and may be told anew while it runs.

use super::backoff::Bounds;
use super::keepalive::Patience;
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
    pub patience: Patience,
    /// Whether there is to be a link at all.
    pub is_wanted: bool,
    /// How often somebody has asked for a new link. One more reconnects at once.
    pub requests: u64,
}

impl LinkOptions {
    pub(super) fn need_a_new_link(&self, new: &Self) -> bool {
        self.endpoint != new.endpoint
            || self.obstacle != new.obstacle
            || self.max_message_bytes != new.max_message_bytes
            || self.requests != new.requests
            || !new.is_wanted
    }
}
