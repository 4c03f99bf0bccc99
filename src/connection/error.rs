//! Why a link or an attempt at one ended.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::close_frame::CloseReason;
use super::handshake::HandshakeError;
use super::tls::TlsError;

/// Why a link or an attempt ended. Trying again can help with every one of these.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The name leads nowhere.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// Refused, unreachable.
    #[error("cannot connect{}", refusals(.0))]
    Connect(Vec<(SocketAddr, io::Error)>),
    /// Neither yes nor no.
    #[error("{waiting_for} within {} s", limit.as_secs())]
    Timeout {
        /// What did not come.
        waiting_for: &'static str,
        /// The limit of the whole attempt.
        limit: Duration,
    },
    /// No TLS with it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no WebSocket.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The server said goodbye.
    #[error("closed by the server: {}", .0.words)]
    Closed(CloseReason),
    /// The connection ended without a goodbye.
    #[error("connection lost: {}", loss(.0))]
    Lost(WsError),
    /// Not a byte came.
    #[error("connection dead: nothing came for {:.1} s (stall_timeout), not even an answer to a ping", .0.as_secs_f64())]
    Dead(Duration),
    /// No message came, though there were signs of life.
    #[error("no data for {:.1} s (three times stall_timeout), though the server is alive: reconnecting once", .0.as_secs_f64())]
    NoData(Duration),
    /// A message over the limit.
    #[error("a message of {size} bytes is over max_message_bytes ({max})")]
    Oversized {
        /// Its size.
        size: usize,
        /// The limit.
        max: usize,
    },
}

impl LinkError {
    /// Whether data are lost that the server had for us.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Closed(CloseReason { is_loss: true, .. }))
    }
}

/// Of several addresses each with its error, of one the error alone: where it is stands in front of every line.
fn refusals(refusals: &[(SocketAddr, io::Error)]) -> String {
    match refusals {
        [] => ": the name has no address".to_owned(),
        [(_, error)] => format!(": {error}"),
        many => {
            let each = many
                .iter()
                .map(|(address, error)| format!("{address}: {error}"));
            format!(": {}", each.collect::<Vec<_>>().join("; "))
        }
    }
}

/// The way a connection was lost, in words.
fn loss(error: &WsError) -> String {
    const UNANNOUNCED: &str = "the server ended it without a close frame";
    match error {
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => UNANNOUNCED.to_owned(),
        WsError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            UNANNOUNCED.to_owned()
        }
        WsError::Io(error) => {
            TlsError::of_io(error).map_or_else(|| error.to_string(), |error| error.to_string())
        }
        WsError::Protocol(error) => format!("the server breaks the WebSocket protocol: {error}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_connection_is_told_in_words() {
        let eof = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "peer closed connection: https://x",
        );
        for error in [
            WsError::ConnectionClosed,
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            WsError::Io(eof),
        ] {
            let said = LinkError::Lost(error).to_string();
            assert_eq!(
                said,
                "connection lost: the server ended it without a close frame"
            );
        }
        let said = LinkError::Lost(WsError::Protocol(ProtocolError::UnexpectedContinueFrame));
        assert!(
            said.to_string().contains("breaks the WebSocket protocol: "),
            "{said}"
        );
    }

    #[test]
    fn each_address_has_its_own_reason() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let v4: SocketAddr = "192.0.2.1:5051".parse().expect("an address");
        let v6: SocketAddr = "[2001:db8::1]:5051".parse().expect("an address");
        let one = LinkError::Connect(vec![(v4, refused())]).to_string();
        assert_eq!(one, "cannot connect: connection refused");
        let two = LinkError::Connect(vec![(v6, refused()), (v4, refused())]).to_string();
        assert_eq!(
            two,
            "cannot connect: [2001:db8::1]:5051: connection refused; 192.0.2.1:5051: connection refused"
        );
    }
}
