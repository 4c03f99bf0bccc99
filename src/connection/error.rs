//! Reasons why a connection, or an attempt to connect, ended.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::close_frame::CloseReason;
use super::handshake::HandshakeError;
use super::tls::TlsError;

/// Reason why a connection, or an attempt to connect, ended. Trying again can help with each of them.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Name resolution failed.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// Host name.
        host: String,
        /// Error of the resolver.
        source: io::Error,
    },
    /// TCP connection refused, or the address is unreachable.
    #[error("cannot connect{}", format_refusals(.0))]
    Connect(Vec<(SocketAddr, io::Error)>),
    /// The attempt timed out.
    #[error("{missing} within {} s", limit.as_secs())]
    Timeout {
        /// The answer that did not arrive.
        missing: &'static str,
        /// Timeout of the whole attempt.
        limit: Duration,
    },
    /// TLS handshake failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// WebSocket handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The server sent a close frame.
    #[error("closed by the server: {}", .0.description)]
    Closed(CloseReason),
    /// The connection ended without a close frame.
    #[error("connection lost: {}", describe_loss(.0))]
    Lost(WsError),
    /// No bytes were received for the stall timeout.
    #[error("connection dead: nothing received for {:.1} s (stall_timeout), not even a pong", .0.as_secs_f64())]
    Dead(Duration),
    /// No messages were received for three times the stall timeout, although pongs were.
    #[error("no data for {:.1} s (three times stall_timeout), though the server is alive: reconnecting once", .0.as_secs_f64())]
    NoData(Duration),
    /// A message was larger than the limit.
    #[error("a message of {size} bytes is over max_message_bytes ({max})")]
    Oversized {
        /// Size of the message, bytes.
        size: usize,
        /// Limit, bytes.
        max: usize,
    },
}

impl LinkError {
    /// Returns whether the server lost data that it had for this client.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Closed(CloseReason { is_loss: true, .. }))
    }
}

/// Formats several addresses each with its error, a single one as the error alone: the URL already precedes every line.
fn format_refusals(refusals: &[(SocketAddr, io::Error)]) -> String {
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

fn describe_loss(error: &WsError) -> String {
    const NO_CLOSE_FRAME: &str = "the server ended it without a close frame";
    match error {
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            NO_CLOSE_FRAME.to_owned()
        }
        WsError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            NO_CLOSE_FRAME.to_owned()
        }
        WsError::Io(error) => {
            TlsError::from_io(error).map_or_else(|| error.to_string(), |error| error.to_string())
        }
        WsError::Protocol(error) => format!("the server breaks the WebSocket protocol: {error}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_connections_are_described() {
        let eof = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "peer closed connection: https://x",
        );
        for error in [
            WsError::ConnectionClosed,
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            WsError::Io(eof),
        ] {
            let text = LinkError::Lost(error).to_string();
            assert_eq!(
                text,
                "connection lost: the server ended it without a close frame"
            );
        }
        let text = LinkError::Lost(WsError::Protocol(ProtocolError::UnexpectedContinueFrame));
        assert!(
            text.to_string().contains("breaks the WebSocket protocol: "),
            "{text}"
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
