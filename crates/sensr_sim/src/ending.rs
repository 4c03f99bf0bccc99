//! End of a connection: close frames, disconnects and graceful TCP close.

use std::time::Duration;

/// Close reason that SENSR sends with code 1011 when a client reads too slowly.
pub const CLOSE_OVERFLOW_REASON: &str = "Writing buffer is full";

/// Close frame that ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    /// WebSocket close code, RFC 6455 section 7.4.
    pub code: u16,
    pub reason: &'static str,
}

impl Close {
    /// All messages were delivered.
    pub(super) const FINISHED: Self = Self::new(1000, "Finished");
    /// The server is stopping.
    pub(super) const STOPPED: Self = Self::new(1001, "Server is stopping");
    /// The client reads too slowly.
    pub(super) const OVERFLOW: Self = Self::new(1011, CLOSE_OVERFLOW_REASON);
    /// The client does not answer pings.
    pub(super) const PING_TIMEOUT: Self = Self::new(1011, "Ping timeout");
    /// The `restart` fault.
    pub(super) const RESTARTED: Self = Self::new(1001, "Server is restarting");
    /// The `close` fault.
    pub(super) const DISMISSED: Self = Self::new(1000, "Goodbye");
    /// Reply to the client's close frame.
    pub(super) const REPLY: Self = Self::new(1000, "");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// End of a connection without a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// Immediate, possibly in the middle of a message.
    HangUp,
    /// Nothing is written or answered until the client disconnects, at most for this long.
    HalfOpen(Duration),
}
