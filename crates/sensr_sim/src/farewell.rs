//! Graceful end of a TCP connection.
//!
//! Dropping a socket that has unread received bytes resets the connection, and the client may lose what it has not
//! read yet. So the writing side is shut down first, and the client's bytes are read until it disconnects.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Reads and discards until the client has disconnected.
pub(super) async fn drain(incoming: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = [0; 4096];
    // A read error ends the connection too.
    while matches!(incoming.read(&mut scratch).await, Ok(read) if read > 0) {}
}

/// Shuts down the writing side and waits for the client to disconnect, at most for `limit`.
pub(super) async fn part(
    mut incoming: impl AsyncRead + Unpin,
    mut outgoing: impl AsyncWrite + Unpin,
    limit: Duration,
) {
    let parting = async {
        match outgoing.shutdown().await {
            Ok(()) => drain(&mut incoming).await,
            // The client disconnected first.
            Err(error) => log::debug!("shutdown failed: {error}"),
        }
    };
    if tokio::time::timeout(limit, parting).await.is_err() {
        log::debug!("a client is still connected {limit:?} after the end");
    }
}
