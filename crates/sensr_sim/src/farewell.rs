//! The orderly end of a TCP connection.
//!
//! A socket that is dropped while something it received is unread resets the connection, and the client may
//! lose what it has not read yet. So writing ends first, and what the client sends is read until it leaves.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Reads and forgets until the client is gone.
pub(super) async fn drain(incoming: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = [0; 4096];
    // An error is an end too.
    while matches!(incoming.read(&mut scratch).await, Ok(read) if read > 0) {}
}

/// Ends writing after what was written, and waits for the client to leave, up to a limit.
pub(super) async fn part(
    mut incoming: impl AsyncRead + Unpin,
    mut outgoing: impl AsyncWrite + Unpin,
    limit: Duration,
) {
    let parting = async {
        match outgoing.shutdown().await {
            Ok(()) => drain(&mut incoming).await,
            // The client was first.
            Err(error) => log::debug!("ending: {error}"),
        }
    };
    if tokio::time::timeout(limit, parting).await.is_err() {
        log::debug!("a client stays longer than {limit:?} after the end");
    }
}
