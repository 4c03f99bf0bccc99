//! Client of the point stream that reads as little as possible: one blocking socket, one reused buffer.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prost::encoding::decode_varint;
use sensr_protocol::wire::POINT_BYTES;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::websocket::{FrameHeader, read_http_head};

/// Bytes that are read from the socket at once with TLS. The TLS library reads 4 KiB at a time by itself.
const TLS_READ_BYTES: usize = 64 << 10;
/// Bytes that are still to come for a pause to be worth it.
const PAUSE_BYTES: usize = 256 << 10;

/// Socket that is read through a buffer and written without one.
struct BufferedSocket(BufReader<TcpStream>);

impl Read for BufferedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for BufferedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

/// Options of the client.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions<'a> {
    /// File with the certificate of the authority, to use TLS.
    pub ca_file: Option<&'a Path>,
    /// Pause between reads while more than 256 KiB of a frame are to come, so that the kernel collects more.
    pub pause: Option<Duration>,
}

/// Connected client.
pub struct Client {
    stream: Box<dyn ReadWrite>,
    pause: Option<Duration>,
    /// Grows to the size of the largest frame.
    buffer: Vec<u8>,
}

impl Client {
    /// Connects and shakes hands.
    pub fn connect(host: &str, port: u16, options: &ClientOptions<'_>) -> io::Result<Self> {
        let socket = TcpStream::connect((host, port))?;
        socket.set_nodelay(true)?;
        let mut stream: Box<dyn ReadWrite> = match options.ca_file {
            None => Box::new(socket),
            Some(ca_file) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::new(tls_config(ca_file)?), name)
                    .map_err(io::Error::other)?;
                let socket = BufferedSocket(BufReader::with_capacity(TLS_READ_BYTES, socket));
                Box::new(StreamOwned::new(connection, socket))
            }
        };
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        stream.flush()?;
        let response = read_http_head(&mut stream)?;
        if !response.starts_with("HTTP/1.1 101 ") {
            let line = response.lines().next().unwrap_or_default();
            return Err(io::Error::other(format!(
                "the handshake was refused: {line}"
            )));
        }
        Ok(Self {
            stream,
            pause: options.pause,
            buffer: Vec::new(),
        })
    }

    /// Reads the next binary message. Frames of other kinds are skipped.
    pub fn read_message(&mut self) -> io::Result<&[u8]> {
        loop {
            let header = FrameHeader::read(&mut self.stream)?;
            self.read_payload(header.length)?;
            if header.is_binary_message() {
                return Ok(&self.buffer[..header.length]);
            }
        }
    }

    fn read_payload(&mut self, length: usize) -> io::Result<()> {
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        let mut done = 0;
        while done < length {
            match self.stream.read(&mut self.buffer[done..length])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => done += read,
            }
            if let Some(pause) = self.pause
                && length - done > PAUSE_BYTES
            {
                thread::sleep(pause);
            }
        }
        Ok(())
    }
}

fn tls_config(ca_file: &Path) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(ca_file).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// First cloud of a message of the point stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstCloud {
    /// The x of its first point.
    pub x: [u8; 4],
    /// Number of its points.
    pub points: usize,
}

/// Finds the first cloud without decoding the rest. `None` if the message has no cloud with points.
#[must_use]
pub fn find_first_cloud(message: &[u8]) -> Option<FirstCloud> {
    const RESULT_CLOUDS: u64 = 0x0a;
    const CLOUD_TYPE: u64 = 0x08;
    const CLOUD_ID: u64 = 0x12;
    const CLOUD_POINTS: u64 = 0x1a;
    let mut rest = message;
    if decode_varint(&mut rest).ok()? != RESULT_CLOUDS {
        return None;
    }
    decode_varint(&mut rest).ok()?; // length of the cloud
    loop {
        match decode_varint(&mut rest).ok()? {
            CLOUD_TYPE => {
                decode_varint(&mut rest).ok()?;
            }
            CLOUD_ID => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                rest = rest.get(length..)?;
            }
            CLOUD_POINTS => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                return Some(FirstCloud {
                    x: *rest.first_chunk()?,
                    points: length / POINT_BYTES,
                });
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use sensr_protocol::wire::PointCloud;
    use sensr_protocol::wire::proto::PointResult;

    use super::*;

    #[test]
    fn first_cloud_is_found_behind_its_type_and_id() {
        let cloud = |x: f32, points: usize| PointCloud {
            r#type: 3,
            id: "sensor".into(),
            points: x.to_le_bytes().repeat(3 * points).into(),
            ..PointCloud::default()
        };
        let message = PointResult {
            points: vec![cloud(7.0, 200), cloud(8.0, 1)],
            ..PointResult::default()
        };
        let found = find_first_cloud(&message.encode_to_vec());
        let expected = FirstCloud {
            x: 7f32.to_le_bytes(),
            points: 200,
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn message_without_points_has_no_cloud() {
        let empty = PointResult {
            points: vec![PointCloud::default()],
            ..PointResult::default()
        };
        for message in [&empty.encode_to_vec()[..], b"", b"\x12\x00", b"\x0a"] {
            assert_eq!(find_first_cloud(message), None);
        }
    }
}
