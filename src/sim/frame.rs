//! Writes WebSocket frames as a server does: unmasked, in one piece, straight from a shared buffer.

use std::io;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::send_queue::{Close, Outgoing};

/// The longest header of an unmasked frame.
const MAX_HEADER_BYTES: usize = 10;

/// A frame ready to be written.
#[derive(Debug)]
pub(super) struct Frame {
    opcode: OpCode,
    payload: Bytes,
}

impl Frame {
    /// Writes the frame; `progress` is called whenever the socket took a part of it.
    pub(super) async fn write<W>(self, stream: &mut W, progress: impl Fn()) -> io::Result<()>
    where
        W: AsyncWrite + Unpin,
    {
        let mut rest = self.header()?.chain(self.payload);
        while rest.has_remaining() {
            // Header and payload go out with one vectored write.
            if stream.write_buf(&mut rest).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            progress();
        }
        stream.flush().await
    }

    fn header(&self) -> io::Result<Bytes> {
        let header = FrameHeader {
            opcode: self.opcode,
            ..FrameHeader::default()
        };
        let mut bytes = BytesMut::with_capacity(MAX_HEADER_BYTES).writer();
        header
            .format(self.payload.len() as u64, &mut bytes)
            .map_err(io::Error::other)?;
        Ok(bytes.into_inner().freeze())
    }
}

impl From<Outgoing> for Frame {
    fn from(outgoing: Outgoing) -> Self {
        let (opcode, payload) = match outgoing {
            Outgoing::Message(payload) => (OpCode::Data(Data::Binary), payload),
            Outgoing::Ping => (OpCode::Control(Control::Ping), Bytes::new()),
            Outgoing::Pong(payload) => (OpCode::Control(Control::Pong), payload),
            Outgoing::Close(close) => (OpCode::Control(Control::Close), close_payload(close)),
        };
        Self { opcode, payload }
    }
}

fn close_payload(close: Close) -> Bytes {
    let mut payload = BytesMut::new();
    payload.put_u16(close.code);
    payload.put_slice(close.reason.as_bytes());
    payload.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(outgoing: Outgoing) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Frame::from(outgoing);
        frame
            .write(&mut bytes, || ())
            .await
            .expect("a Vec takes all");
        bytes
    }

    #[tokio::test]
    async fn frames_are_those_of_rfc_6455() {
        let short = written(Outgoing::Message(Bytes::from_static(b"abc"))).await;
        assert_eq!(short, b"\x82\x03abc");
        let medium = written(Outgoing::Message(vec![1; 300].into())).await;
        assert_eq!(medium[..4], [0x82, 126, 1, 44]);
        assert_eq!(medium.len(), 304);
        let long = written(Outgoing::Message(vec![1; 70_000].into())).await;
        assert_eq!(long[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        assert_eq!(long.len(), 70_010);
        assert_eq!(written(Outgoing::Ping).await, b"\x89\x00");
        assert_eq!(
            written(Outgoing::Pong(Bytes::from_static(b"x"))).await,
            b"\x8a\x01x"
        );
    }

    #[tokio::test]
    async fn a_close_frame_carries_code_and_reason() {
        let bytes = written(Outgoing::Close(Close::OVERFLOW)).await;
        assert_eq!(&bytes, b"\x88\x18\x03\xf3Writing buffer is full");
    }
}
