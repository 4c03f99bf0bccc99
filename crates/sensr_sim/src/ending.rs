//! How a connection is to end.

use std::time::Duration;

/// The reason of a 1011 close, as SENSR words it, when a client reads too slowly.
pub const CLOSE_OVERFLOW_REASON: &str = "Writing buffer is full";

/// How a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    /// WebSocket close code.
    pub code: u16,
    pub reason: &'static str,
}

impl Close {
    /// Everything was delivered.
    pub(super) const FINISHED: Self = Self::new(1000, "Finished");
    /// The server is told to stop.
    pub(super) const STOPPED: Self = Self::new(1001, "Server is stopping");
    /// The client reads too slowly.
    pub(super) const OVERFLOW: Self = Self::new(1011, CLOSE_OVERFLOW_REASON);
    /// The client does not answer pings.
    pub(super) const PING_TIMEOUT: Self = Self::new(1011, "Ping timeout");
    /// A fault: a server that starts again.
    pub(super) const RESTARTED: Self = Self::new(1001, "Server is restarting");
    /// A fault: for no reason.
    pub(super) const DISMISSED: Self = Self::new(1000, "Goodbye");
    /// The client asked for it.
    pub(super) const REPLY: Self = Self::new(1000, "");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// How a connection ends without a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// At once, in the middle of whatever is being written.
    HangUp,
    /// Nothing is written any more, and what comes is not answered, until the client leaves or for so long.
    HalfOpen(Duration),
}
