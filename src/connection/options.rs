//! Options of a link, which may change at run time.

use super::backoff::BackoffLimits;
use super::keepalive::KeepAliveTimeouts;
use super::status::Endpoint;

/// Options of a link. May change at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOptions {
    /// Server to connect to. A change reconnects at once.
    pub endpoint: Endpoint,
    /// Reason why the endpoint is not known yet, if any: the link waits until it is removed.
    pub obstacle: Option<String>,
    /// Size limit of a message, bytes; a larger one ends the connection. A change reconnects at once.
    pub max_message_bytes: usize,
    /// Limits of the delays between attempts.
    pub backoff: BackoffLimits,
    /// Keep-alive timeouts.
    pub keep_alive: KeepAliveTimeouts,
    /// False while the link is paused.
    pub enabled: bool,
    /// Number of reconnects requested so far. An increment reconnects at once.
    pub reconnect_generation: u64,
}

impl LinkOptions {
    /// Returns whether a connection with these options must end for the new ones.
    pub(super) fn requires_reconnect(&self, new: &Self) -> bool {
        self.endpoint != new.endpoint
            || self.obstacle != new.obstacle
            || self.max_message_bytes != new.max_message_bytes
            || self.reconnect_generation != new.reconnect_generation
            || !new.enabled
    }
}
