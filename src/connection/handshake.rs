//! Client side of the WebSocket handshake (RFC 6455, section 4).
//!
//! The one of tungstenite accepts `Connection: Upgrade` only. In HTTP that header is a list of case-insensitive tokens, and
//! some servers and every proxy send `keep-alive, Upgrade`.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::status::Endpoint;
use super::tls::TlsError;
use super::transport::Transport;
use super::websocket::WebSocket;
use crate::connection::excerpt::{EXCERPT_CHARS, excerpt};

/// Limit on the bytes of a response up to the empty line. That of SENSR has about 150.
pub const MAX_HEAD_BYTES: usize = 16 << 10;
/// Limit on the header fields of a response.
const MAX_FIELDS: usize = 128;
/// Bytes read from the socket at a time.
const READ_BYTES: usize = 4 << 10;

/// Content types of the TLS records that a server starts with: alert and handshake (RFC 8446, section 5.1). No HTTP
/// response starts with such a byte.
const TLS_CONTENT_TYPES: [u8; 2] = [21, 22];

/// Reason why the WebSocket handshake failed, with the cure if there is one.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The server speaks TLS, and TLS is not enabled here.
    #[error("the server speaks TLS here: set tls.enabled to true and tls.ca_file to its CA file")]
    NeedsTls,
    /// The server ended a connection without TLS before the first byte of a response.
    #[error(
        "no WebSocket server: it ended the connection without an answer; if SENSR has TLS enabled, set tls.enabled to true"
    )]
    NoAnswer,
    /// The server ended the connection before the end of the response.
    #[error("no WebSocket server: it ended the connection before its answer was complete")]
    Ended,
    /// I/O error of the connection.
    #[error("connection lost during the WebSocket handshake: {0}")]
    Io(io::Error),
    /// TLS error, or an alert that refuses the client.
    #[error(transparent)]
    Tls(TlsError),
    /// The response is not HTTP.
    #[error("no WebSocket server: its answer is not HTTP but begins with \"{0}\"")]
    NotHttp(String),
    /// The response is longer than [`MAX_HEAD_BYTES`].
    #[error(
        "no WebSocket server: its answer to the handshake is longer than {MAX_HEAD_BYTES} bytes"
    )]
    TooLong,
    /// The status of the response is not 101.
    #[error("no WebSocket server: it answered {status}{}", status_hint(*.code, location.as_deref()))]
    Status {
        /// Status code.
        code: u16,
        /// Code and reason phrase.
        status: String,
        /// Address that a redirect leads to.
        location: Option<String>,
    },
    /// A header field that the handshake requires is absent or has another value.
    #[error("no WebSocket server: its answer has {field}, where {expected} is needed")]
    Field {
        /// Header field with its value.
        field: String,
        /// Required value.
        expected: &'static str,
    },
    /// The server uses an extension or subprotocol that was not requested.
    #[error(
        "the server uses the WebSocket {kind} \"{value}\", which was not requested: switch it off in the server or the proxy before it"
    )]
    Unrequested {
        /// `extension` or `subprotocol`.
        kind: &'static str,
        /// Name of it.
        value: String,
    },
}

/// Cure for a status.
fn status_hint(code: u16, location: Option<&str>) -> String {
    match (code, location) {
        (300..=399, Some(location)) => {
            format!(" and redirects to {location}: set host and ports to the SENSR machine itself")
        }
        (400, _) => ": is it an HTTPS port? If SENSR has TLS enabled, set tls.enabled to true".into(),
        (401 | 403 | 407, _) => {
            ": it requires a login, which SENSR does not: host or port lead to another service or a proxy".into()
        }
        (500..=599, _) => ": it, or a proxy before it, is not ready".into(),
        _ => ": another service listens on this port".into(),
    }
}

/// Performs the handshake over an established connection. A message larger than `max_message_bytes` will end it.
pub(super) async fn perform_handshake(
    endpoint: &Endpoint,
    mut transport: Transport,
    max_message_bytes: usize,
) -> Result<WebSocket, HandshakeError> {
    let is_plain = endpoint.tls.is_none();
    let key = generate_key();
    let sent = async {
        transport
            .write_all(format_request(endpoint, &key).as_bytes())
            .await?;
        transport.flush().await
    };
    // Not failed yet: a server that refuses without reading may have sent a response.
    let sent = sent.await;
    let mut head = Vec::with_capacity(READ_BYTES);
    loop {
        if is_plain
            && head
                .first()
                .is_some_and(|first| TLS_CONTENT_TYPES.contains(first))
        {
            return Err(HandshakeError::NeedsTls);
        }
        match parse_response(&head, &key)? {
            Response::Accepted { length } => {
                let frames = head.split_off(length);
                transport.start_frames(&frames);
                return Ok(WebSocket::new(transport, &frames, max_message_bytes));
            }
            Response::Interim { length } => {
                head.drain(..length);
                continue;
            }
            Response::Incomplete if head.len() >= MAX_HEAD_BYTES => {
                return Err(HandshakeError::TooLong);
            }
            Response::Incomplete => {}
        }
        match transport.read_buf(&mut head).await {
            Ok(0) if !head.is_empty() => return Err(HandshakeError::Ended),
            Ok(0) if is_plain => return Err(HandshakeError::NoAnswer),
            Ok(0) => return Err(sent.err().map_or(HandshakeError::Ended, HandshakeError::Io)),
            Ok(_) => {}
            Err(error) => return Err(read_error(error, is_plain && head.is_empty())),
        }
    }
}

fn read_error(error: io::Error, is_unanswered: bool) -> HandshakeError {
    if let Some(error) = TlsError::from_first_read(&error) {
        HandshakeError::Tls(error)
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        HandshakeError::Ended
    } else if is_unanswered {
        HandshakeError::NoAnswer
    } else {
        HandshakeError::Io(error)
    }
}

fn format_request(endpoint: &Endpoint, key: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n",
        endpoint.host_field()
    )
}

/// Response to the handshake, as far as it was received.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// Not all of the head was received.
    Incomplete,
    /// Informational response, followed by another one.
    Interim {
        /// Bytes of the response.
        length: usize,
    },
    /// The server accepted. Frames follow.
    Accepted {
        /// Bytes of the head.
        length: usize,
    },
}

/// Parses the head of the response to a request with `key`.
pub fn parse_response(bytes: &[u8], key: &str) -> Result<Response, HandshakeError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let mut lenient = httparse::ParserConfig::default();
    lenient
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_responses(true);
    let length = match lenient.parse_response(&mut response, bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(Response::Incomplete),
        Err(httparse::Error::TooManyHeaders) => return Err(HandshakeError::TooLong),
        Err(_) => return Err(HandshakeError::NotHttp(first_line(bytes))),
    };
    let code = response.code.unwrap_or_default();
    let fields = Fields(response.headers);
    match code {
        101 => {}
        100..=199 => return Ok(Response::Interim { length }),
        _ => {
            let reason = response.reason.unwrap_or_default();
            return Err(HandshakeError::Status {
                code,
                status: excerpt(format!("{code} {reason}").trim_end()),
                location: fields
                    .values("Location")
                    .next()
                    .map(|value| excerpt(&value)),
            });
        }
    }
    fields.require_token("Upgrade", "websocket")?;
    fields.require_token("Connection", "Upgrade")?;
    fields.require_key(key)?;
    fields.require_absent("Sec-WebSocket-Extensions", "extension")?;
    fields.require_absent("Sec-WebSocket-Protocol", "subprotocol")?;
    Ok(Response::Accepted { length })
}

/// Header fields of a response.
struct Fields<'h, 'b>(&'h [httparse::Header<'b>]);

impl Fields<'_, '_> {
    /// Values of all header fields with that name, which may occur several times.
    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| String::from_utf8_lossy(field.value).trim().to_owned())
    }

    fn require_token(&self, name: &str, token: &'static str) -> Result<(), HandshakeError> {
        // A folded line counts as a space (RFC 7230, section 3.2.4).
        let is_separator = |c: char| c == ',' || c.is_whitespace();
        let is_present = self.values(name).any(|value| {
            let mut tokens = value.split(is_separator);
            tokens.any(|other| other.eq_ignore_ascii_case(token))
        });
        if is_present {
            return Ok(());
        }
        Err(self.field_error(name, token))
    }

    fn require_key(&self, key: &str) -> Result<(), HandshakeError> {
        const NAME: &str = "Sec-WebSocket-Accept";
        let expected = derive_accept_key(key.as_bytes());
        let mut values = self.values(NAME).peekable();
        if values.peek().is_some() && values.all(|value| value == expected) {
            return Ok(());
        }
        Err(self.field_error(NAME, "the hash of the request's key"))
    }

    fn require_absent(&self, name: &str, kind: &'static str) -> Result<(), HandshakeError> {
        match self.values(name).find(|value| !value.is_empty()) {
            None => Ok(()),
            Some(value) => Err(HandshakeError::Unrequested {
                kind,
                value: excerpt(&value),
            }),
        }
    }

    fn field_error(&self, name: &str, expected: &'static str) -> HandshakeError {
        let values = self.values(name).collect::<Vec<_>>().join(", ");
        let field = match &*values {
            "" => format!("no {name}"),
            values => format!("{name}: {}", excerpt(values)),
        };
        HandshakeError::Field { field, expected }
    }
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = &line[..line.len().min(4 * EXCERPT_CHARS)];
    excerpt(String::from_utf8_lossy(line).trim_end())
}

#[cfg(test)]
mod tests;
