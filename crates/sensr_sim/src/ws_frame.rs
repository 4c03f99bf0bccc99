//! Encoding of unmasked WebSocket frames and their vectored write from a shared buffer.

use std::io;

use bytes::buf::Chain;
use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::close::Close;

/// Length of the longest header of an unmasked frame.
const MAX_HEADER_BYTES: usize = 10;

/// WebSocket frame to be written.
#[derive(Debug)]
pub(super) struct WsFrame {
    opcode: OpCode,
    payload: Bytes,
    is_final: bool,
}

impl WsFrame {
    /// Returns a binary message in a single frame.
    pub(super) fn binary(payload: Bytes) -> Self {
        Self::new(OpCode::Data(Data::Binary), payload)
    }

    pub(super) fn text(text: &'static str) -> Self {
        Self::new(
            OpCode::Data(Data::Text),
            Bytes::from_static(text.as_bytes()),
        )
    }

    pub(super) fn ping(payload: Bytes) -> Self {
        Self::new(OpCode::Control(Control::Ping), payload)
    }

    pub(super) fn pong(payload: Bytes) -> Self {
        Self::new(OpCode::Control(Control::Pong), payload)
    }

    pub(super) fn close(close: Close) -> Self {
        Self::new(OpCode::Control(Control::Close), close_payload(close))
    }

    /// Returns a fragment of a binary message.
    pub(super) fn fragment(payload: Bytes, is_first: bool, is_final: bool) -> Self {
        let data = if is_first {
            Data::Binary
        } else {
            Data::Continue
        };
        Self {
            is_final,
            ..Self::new(OpCode::Data(data), payload)
        }
    }

    fn new(opcode: OpCode, payload: Bytes) -> Self {
        Self {
            opcode,
            payload,
            is_final: true,
        }
    }

    /// Returns header and payload as one buffer, for a vectored write.
    pub(super) fn into_buf(self) -> io::Result<Chain<Bytes, Bytes>> {
        let header = self.encode_header(self.payload.len() as u64)?;
        Ok(header.chain(self.payload))
    }

    /// Returns the header alone, which may declare any payload length.
    pub(super) fn encode_header(&self, length: u64) -> io::Result<Bytes> {
        let header = FrameHeader {
            opcode: self.opcode,
            is_final: self.is_final,
            ..FrameHeader::default()
        };
        let mut bytes = BytesMut::with_capacity(MAX_HEADER_BYTES).writer();
        header
            .format(length, &mut bytes)
            .map_err(io::Error::other)?;
        Ok(bytes.into_inner().freeze())
    }
}

/// Writes all of `rest` without flushing; calls `progress` whenever the socket has taken a part of it.
pub(super) async fn write_all<W>(
    stream: &mut W,
    mut rest: impl Buf,
    progress: impl Fn(),
) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    while rest.has_remaining() {
        if stream.write_buf(&mut rest).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        progress();
    }
    Ok(())
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

    fn written(frame: WsFrame) -> Vec<u8> {
        let mut buf = frame.into_buf().expect("formatted");
        buf.copy_to_bytes(buf.remaining()).into()
    }

    #[test]
    fn frames_are_those_of_rfc_6455() {
        let short = written(WsFrame::binary(Bytes::from_static(b"abc")));
        assert_eq!(short, b"\x82\x03abc");
        let medium = written(WsFrame::binary(vec![1; 300].into()));
        assert_eq!(medium[..4], [0x82, 126, 1, 44]);
        assert_eq!(medium.len(), 304);
        let long = written(WsFrame::binary(vec![1; 70_000].into()));
        assert_eq!(long[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        assert_eq!(long.len(), 70_010);
        assert_eq!(written(WsFrame::ping(Bytes::new())), b"\x89\x00");
        let pong = written(WsFrame::pong(Bytes::from_static(b"x")));
        assert_eq!(pong, b"\x8a\x01x");
        assert_eq!(written(WsFrame::text("x")), b"\x81\x01x");
    }

    #[test]
    fn only_the_first_fragment_has_the_opcode_and_only_the_last_the_fin_bit() {
        let fragment = |is_first, is_final| {
            written(WsFrame::fragment(
                Bytes::from_static(b"x"),
                is_first,
                is_final,
            ))
        };
        assert_eq!(fragment(true, false), b"\x02\x01x");
        assert_eq!(fragment(false, false), b"\x00\x01x");
        assert_eq!(fragment(false, true), b"\x80\x01x");
    }

    #[tokio::test]
    async fn whole_buffer_is_written() {
        let mut bytes = Vec::new();
        let buf = WsFrame::text("all of it").into_buf().expect("formatted");
        let written = write_all(&mut bytes, buf, || ()).await;
        written.expect("a Vec takes all bytes");
        assert_eq!(bytes, b"\x81\x09all of it");
    }

    #[test]
    fn close_frame_carries_code_and_reason() {
        let bytes = written(WsFrame::close(Close::OVERFLOW));
        assert_eq!(&bytes, b"\x88\x18\x03\xf3Writing buffer is full");
    }
}
