//! The client's side of the WebSocket handshake (RFC 6455, section 4).
//!
//! tungstenite's own accepts `Connection: Upgrade` only; HTTP makes that header a list of tokens in any case, and
//! some servers and every proxy send `keep-alive, Upgrade`.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::status::Endpoint;
use super::tls::TlsError;
use super::transport::Transport;
use crate::connection::excerpt::{EXCERPT_CHARS, excerpt};

/// Bytes of a server's answer up to the empty line, at most. SENSR's has about 150.
pub const MAX_HEAD_BYTES: usize = 16 << 10;
/// Header fields of it, at most.
const MAX_FIELDS: usize = 128;
/// Bytes read from the socket at a time.
const READ_BYTES: usize = 4 << 10;

/// Content types of TLS records that a server may begin with: an alert, or its part of a handshake (RFC 8446,
/// section 5.1). No HTTP answer begins with such a byte.
const TLS_RECORDS: [u8; 2] = [21, 22];

/// Reasons why there is no WebSocket on a connection. Each message says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The server speaks TLS and was spoken to in plain.
    #[error("the server speaks TLS here: set tls.enabled to true and tls.ca_file to its CA file")]
    NeedsTls,
    /// The plain connection ended before the first byte of an answer.
    #[error(
        "no WebSocket server: it ended the connection without an answer; if SENSR has TLS enabled, set tls.enabled to true"
    )]
    NoAnswer,
    /// The connection ended before the end of the answer.
    #[error("no WebSocket server: it ended the connection before its answer was complete")]
    Ended,
    /// The connection broke.
    #[error("connection lost during the WebSocket handshake: {0}")]
    Io(io::Error),
    /// TLS broke, or the server refused the client in it.
    #[error(transparent)]
    Tls(TlsError),
    /// The answer is not HTTP.
    #[error("no WebSocket server: its answer is not HTTP but begins with \"{0}\"")]
    NotHttp(String),
    /// The answer has no end.
    #[error(
        "no WebSocket server: its answer to the handshake is longer than {MAX_HEAD_BYTES} bytes"
    )]
    TooLong,
    /// The answer is another status than 101.
    #[error("no WebSocket server: it answered {status}{}", hint(*.code, location.as_deref()))]
    Status {
        /// The status code.
        code: u16,
        /// Code and reason phrase.
        status: String,
        /// The address it redirects to.
        location: Option<String>,
    },
    /// A header field that the handshake needs is absent or says something else.
    #[error("no WebSocket server: its answer has {field}, where {expected} is needed")]
    Field {
        /// The field, with its value.
        field: String,
        /// The value it must have.
        expected: &'static str,
    },
    /// The server insists on something that was not asked for.
    #[error(
        "the server uses the WebSocket {what} \"{value}\", which was not asked for: switch it off in the server or the proxy before it"
    )]
    Unrequested {
        /// An extension or a subprotocol.
        what: &'static str,
        /// Its name.
        value: String,
    },
}

/// Advice about a status.
fn hint(code: u16, location: Option<&str>) -> String {
    match (code, location) {
        (300..=399, Some(location)) => {
            format!(" and redirects to {location}: set host and ports to the SENSR machine itself")
        }
        (400, _) => ": is it an HTTPS port? If SENSR has TLS enabled, set tls.enabled to true".into(),
        (401 | 403 | 407, _) => {
            ": it wants a login, which SENSR has not; host or port lead to another service or a proxy".into()
        }
        (500..=599, _) => ": it, or a proxy before it, is not ready".into(),
        _ => ": another service listens on this port".into(),
    }
}

/// Shakes hands over an established connection.
pub(super) async fn shake_hands(
    endpoint: &Endpoint,
    mut transport: Transport,
    config: WebSocketConfig,
) -> Result<WebSocketStream<Transport>, HandshakeError> {
    let is_plain = endpoint.tls.is_none();
    let key = generate_key();
    let sent = async {
        transport
            .write_all(request(endpoint, &key).as_bytes())
            .await?;
        transport.flush().await
    };
    // A server that answers without reading has something to say.
    let sent = sent.await;
    let mut head = Vec::with_capacity(READ_BYTES);
    loop {
        if is_plain
            && head
                .first()
                .is_some_and(|first| TLS_RECORDS.contains(first))
        {
            return Err(HandshakeError::NeedsTls);
        }
        match parse(&head, &key)? {
            Parsed::Accepted { length } => {
                let behind = head.split_off(length);
                transport.begin_frames(&behind);
                return Ok(WebSocketStream::from_partially_read(
                    transport,
                    behind,
                    Role::Client,
                    Some(config),
                )
                .await);
            }
            Parsed::Interim { length } => {
                head.drain(..length);
                continue;
            }
            Parsed::Incomplete if head.len() >= MAX_HEAD_BYTES => {
                return Err(HandshakeError::TooLong);
            }
            Parsed::Incomplete => {}
        }
        match transport.read_buf(&mut head).await {
            Ok(0) if !head.is_empty() => return Err(HandshakeError::Ended),
            Ok(0) if is_plain => return Err(HandshakeError::NoAnswer),
            Ok(0) => return Err(sent.err().map_or(HandshakeError::Ended, HandshakeError::Io)),
            Ok(_) => {}
            Err(error) => return Err(broken(error, is_plain && head.is_empty())),
        }
    }
}

fn broken(error: io::Error, is_unanswered: bool) -> HandshakeError {
    if let Some(error) = TlsError::of_first_read(&error) {
        HandshakeError::Tls(error)
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        HandshakeError::Ended
    } else if is_unanswered {
        HandshakeError::NoAnswer
    } else {
        HandshakeError::Io(error)
    }
}

fn request(endpoint: &Endpoint, key: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n",
        endpoint.authority()
    )
}

/// The state of the answer by the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The head is not complete.
    Incomplete,
    /// An informational response, which another one follows.
    Interim {
        /// Bytes of it.
        length: usize,
    },
    /// The server has accepted. Frames follow.
    Accepted {
        /// Bytes of the head.
        length: usize,
    },
}

/// Reads the head of a server's answer to a request with that key.
pub fn parse(bytes: &[u8], key: &str) -> Result<Parsed, HandshakeError> {
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
        Ok(httparse::Status::Partial) => return Ok(Parsed::Incomplete),
        Err(httparse::Error::TooManyHeaders) => return Err(HandshakeError::TooLong),
        Err(_) => return Err(HandshakeError::NotHttp(first_line(bytes))),
    };
    let code = response.code.unwrap_or_default();
    let fields = Fields(response.headers);
    match code {
        101 => {}
        100..=199 => return Ok(Parsed::Interim { length }),
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
    Ok(Parsed::Accepted { length })
}

/// The header fields of a response.
struct Fields<'h, 'b>(&'h [httparse::Header<'b>]);

impl Fields<'_, '_> {
    /// The values of all fields of that name, which may stand there several times.
    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| String::from_utf8_lossy(field.value).trim().to_owned())
    }

    fn require_token(&self, name: &str, token: &'static str) -> Result<(), HandshakeError> {
        // A folded line is a space (RFC 7230, section 3.2.4).
        let is_separator = |c: char| c == ',' || c.is_whitespace();
        let is_there = self.values(name).any(|value| {
            let mut tokens = value.split(is_separator);
            tokens.any(|other| other.eq_ignore_ascii_case(token))
        });
        if is_there {
            return Ok(());
        }
        Err(self.lacks(name, token))
    }

    fn require_key(&self, key: &str) -> Result<(), HandshakeError> {
        const NAME: &str = "Sec-WebSocket-Accept";
        let expected = derive_accept_key(key.as_bytes());
        let mut values = self.values(NAME).peekable();
        if values.peek().is_some() && values.all(|value| value == expected) {
            return Ok(());
        }
        Err(self.lacks(NAME, "the answer to our key"))
    }

    fn require_absent(&self, name: &str, what: &'static str) -> Result<(), HandshakeError> {
        match self.values(name).find(|value| !value.is_empty()) {
            None => Ok(()),
            Some(value) => Err(HandshakeError::Unrequested {
                what,
                value: excerpt(&value),
            }),
        }
    }

    fn lacks(&self, name: &str, expected: &'static str) -> HandshakeError {
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
