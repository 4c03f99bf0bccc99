//! A fault that happens once, on one connection.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

/// What is done to a connection.
#[derive(Debug)]
pub(crate) struct Strike {
    pub blow: Blow,
    /// Dropped when it is done.
    _token: Token,
}

impl Strike {
    pub(super) fn new(blow: Blow, token: Token) -> Self {
        Self {
            blow,
            _token: token,
        }
    }
}

/// What is done to a connection, after the message being written.
#[derive(Debug, Clone)]
pub(crate) enum Blow {
    /// Half of the next message is written, and nothing after it.
    Cut,
    /// Bytes that are no frame are written, and nothing after them.
    Nonsense,
    /// A header that announces too much is written, and little after it.
    Oversized,
    /// A whole binary message is written.
    Inject(Bytes),
    /// A text message is written.
    Text,
    /// Many pings are written.
    Pings,
    /// The next message is preceded by a copy of it, cut short.
    Truncated,
    /// The next message is written in small pieces, over this time.
    Drip(Duration),
    /// The next point message loses its points.
    Empty,
    /// The next point message gets coordinates that are no numbers.
    NonFinite,
}

/// Held as long as a fault is under way on a connection.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    _open: mpsc::Sender<()>,
}

/// Tells when every [`Token`] is gone.
#[derive(Debug)]
pub(super) struct Tokens(mpsc::Receiver<()>);

/// A token to be cloned, and what waits for all clones.
pub(super) fn tokens() -> (Token, Tokens) {
    let (open, tokens) = mpsc::channel(1);
    (Token { _open: open }, Tokens(tokens))
}

impl Tokens {
    pub(super) async fn gone(mut self) {
        // Nothing is ever sent.
        while self.0.recv().await.is_some() {}
    }
}
