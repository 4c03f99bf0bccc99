//! How a connection is to end.

use std::time::Duration;

/// The reason of a 1011 close, as SENSR words it, when a client reads too slowly.
pub const CLOSE_OVERFLOW_REASON: &str = "Writing buffer is full";

/// How a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Close {
    /// WebSocket close code.
    pub code: u16,
    pub reason: &'static str,
}

impl Close {
    /// Everything was delivered.
    pub(in crate::sim) const FINISHED: Self = Self::new(1000, "Finished");
    /// The server is told to stop.
    pub(in crate::sim) const STOPPED: Self = Self::new(1001, "Server is stopping");
    /// The client reads too slowly.
    pub(in crate::sim) const OVERFLOW: Self = Self::new(1011, CLOSE_OVERFLOW_REASON);
    /// The client does not answer pings.
    pub(in crate::sim) const PING_TIMEOUT: Self = Self::new(1011, "Ping timeout");
    /// A fault: a server that starts again.
    pub(in crate::sim) const RESTARTED: Self = Self::new(1001, "Server is restarting");
    /// A fault: for no reason.
    pub(in crate::sim) const DISMISSED: Self = Self::new(1000, "Goodbye");
    /// The client asked for it.
    pub(in crate::sim) const REPLY: Self = Self::new(1000, "");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// How a connection ends without a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum Release {
    /// At once, in the middle of whatever is being written.
    HangUp,
    /// Nothing is written any more, and what comes is not answered, until the client leaves or for so long.
    HalfOpen(Duration),
}
