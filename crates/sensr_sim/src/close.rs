//! End of a connection: close frames, disconnects and the graceful TCP close.
//!
//! Dropping a socket that has unread received bytes resets the connection, and the client may lose what it has not
//! read yet. So the writing side is shut down first, and the client's bytes are read until it disconnects.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

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
    pub(super) const STOPPING: Self = Self::new(1001, "Server is stopping");
    /// The client reads too slowly.
    pub(super) const OVERFLOW: Self = Self::new(1011, CLOSE_OVERFLOW_REASON);
    /// The client does not answer pings.
    pub(super) const PING_TIMEOUT: Self = Self::new(1011, "Ping timeout");
    /// The `restart` fault.
    pub(super) const RESTARTING: Self = Self::new(1001, "Server is restarting");
    /// The `close` fault.
    pub(super) const CLOSE_FAULT: Self = Self::new(1000, "Goodbye");
    /// Reply to the client's close frame.
    pub(super) const REPLY: Self = Self::new(1000, "");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// End of a connection without a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disconnect {
    /// Immediate, possibly in the middle of a message.
    Immediate,
    /// Nothing is written or answered until the client disconnects, at most for this long.
    HalfOpen(Duration),
}

/// Reads and discards until the client has disconnected.
pub(super) async fn discard_incoming(incoming: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = [0; 4096];
    // A read error ends the connection too.
    while matches!(incoming.read(&mut scratch).await, Ok(read) if read > 0) {}
}

/// Shuts down the writing side and waits for the client to disconnect, at most for `limit`.
pub(super) async fn graceful_close(
    mut incoming: impl AsyncRead + Unpin,
    mut outgoing: impl AsyncWrite + Unpin,
    limit: Duration,
) {
    let parting = async {
        match outgoing.shutdown().await {
            Ok(()) => discard_incoming(&mut incoming).await,
            // The client disconnected first.
            Err(error) => log::debug!("shutdown failed: {error}"),
        }
    };
    if tokio::time::timeout(limit, parting).await.is_err() {
        log::debug!("a client is still connected {limit:?} after the end");
    }
}
