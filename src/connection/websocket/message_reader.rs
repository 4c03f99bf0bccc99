//! Reader of messages: parses frames, and puts the payload of each message into one buffer without copying it again.

use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::message_buffers::MessageBuffers;

/// Bytes that are read at a time where it is unknown what they are: headers, small messages, small fragments.
const INPUT_BYTES: usize = 64 << 10;
/// Bytes of a payload that are worth a read of their own, directly into the buffer of the message.
const DIRECT_BYTES: usize = 16 << 10;
/// Longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL_PAYLOAD: u64 = 125;
/// Room that a read must have, more than the longest control frame.
const MIN_READ_BYTES: usize = 256;

/// Message or control frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Binary message.
    Binary(Bytes),
    /// Text, which is UTF-8.
    Text(Bytes),
    /// Whole control frame with its header.
    Control(Vec<u8>),
}

/// Reads messages of a server: unmasked frames, whole or in fragments.
///
/// Errors are those of tungstenite, a few of them earlier: with the header of a frame instead of its last byte.
///
/// Memory: a buffer for input, and up to [`MAX_BUFFERS`](super::MAX_BUFFERS) recycled buffers, each as large as a message
/// and an eighth at most. The buffer of a message in fragments, whose length is unknown, may be twice as large.
#[derive(Debug)]
pub struct MessageReader {
    input: Box<[u8]>,
    /// Unread bytes of `input`.
    start: usize,
    end: usize,
    buffers: MessageBuffers,
    message: Option<PartialMessage>,
    frame: Option<DataFrame>,
    max_message_bytes: usize,
    /// Length of the last message of several fragments. A guess for the next one.
    fragmented_bytes: usize,
}

/// Data frame whose header was read.
#[derive(Debug)]
struct DataFrame {
    /// Bytes of the payload that are still missing.
    missing: usize,
    is_final: bool,
}

/// Message whose first frame was begun.
#[derive(Debug)]
struct PartialMessage {
    is_text: bool,
    is_fragmented: bool,
    bytes: BytesMut,
    /// Bytes of a text that are known to be UTF-8.
    valid: usize,
}

impl MessageReader {
    /// Creates a reader that has read the bytes `received` already. A message larger than `max_message_bytes` is an error.
    #[must_use]
    pub fn new(received: &[u8], max_message_bytes: usize) -> Self {
        let mut input = vec![0; INPUT_BYTES.max(received.len())].into_boxed_slice();
        input[..received.len()].copy_from_slice(received);
        Self {
            input,
            start: 0,
            end: received.len(),
            buffers: MessageBuffers::default(),
            message: None,
            frame: None,
            max_message_bytes,
            fragmented_bytes: 0,
        }
    }

    /// Returns the number of bytes that complete the present frame; 1 between frames.
    #[must_use]
    pub fn missing_bytes(&self) -> usize {
        self.frame.as_ref().map_or(1, |frame| frame.missing)
    }

    /// Reads from `transport`, into the message if much of its payload is missing. Returns the number of bytes, 0 at the
    /// end of the stream. [`next_incoming`](Self::next_incoming) must have returned `None` before.
    pub fn poll_read(
        &mut self,
        transport: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let (Some(message), Some(frame)) = (&mut self.message, &mut self.frame)
            && frame.missing >= DIRECT_BYTES
        {
            let mut payload = (&mut message.bytes).limit(frame.missing);
            let count = ready!(pin!(transport.read_buf(&mut payload)).poll(cx))?;
            frame.missing -= count;
            return Poll::Ready(Ok(count));
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.input.len() - self.end < MIN_READ_BYTES {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let mut unused = ReadBuf::new(&mut self.input[self.end..]);
        ready!(Pin::new(transport).poll_read(cx, &mut unused))?;
        let count = unused.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }

    /// Returns what has been received completely. `None` if more bytes are needed.
    pub fn next_incoming(&mut self) -> Result<Option<Incoming>, WsError> {
        loop {
            if let (Some(message), Some(frame)) = (&mut self.message, &mut self.frame) {
                let count = frame.missing.min(self.end - self.start);
                message
                    .bytes
                    .put_slice(&self.input[self.start..self.start + count]);
                self.start += count;
                frame.missing -= count;
                if frame.missing > 0 {
                    return Ok(None);
                }
                if let Some(message) = self.end_frame()? {
                    return Ok(Some(message));
                }
            }
            let unread = &self.input[self.start..self.end];
            let mut cursor = Cursor::new(unread);
            let Some((header, length)) = FrameHeader::parse(&mut cursor)? else {
                return Ok(None);
            };
            // Not by its length, which may be encoded in more bytes than needed.
            let header_bytes = usize::try_from(cursor.position()).unwrap_or(unread.len());
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            check_message_length(length, self.max_message_bytes)?;
            if header.rsv1 || header.rsv2 || header.rsv3 {
                return Err(ProtocolError::NonZeroReservedBits.into());
            }
            if header.mask.is_some() {
                return Err(ProtocolError::MaskedFrameFromServer.into());
            }
            match header.opcode {
                OpCode::Data(data) => {
                    self.start += header_bytes;
                    self.begin_frame(data, length, header.is_final)?;
                }
                OpCode::Control(_) => {
                    if !header.is_final {
                        return Err(ProtocolError::FragmentedControlFrame.into());
                    }
                    if length as u64 > MAX_CONTROL_PAYLOAD {
                        return Err(ProtocolError::ControlFrameTooBig.into());
                    }
                    let Some(frame) = unread.get(..header_bytes + length) else {
                        return Ok(None);
                    };
                    let frame = frame.to_vec();
                    self.start += frame.len();
                    return Ok(Some(Incoming::Control(frame)));
                }
            }
        }
    }

    fn begin_frame(&mut self, data: Data, length: usize, is_final: bool) -> Result<(), WsError> {
        match (data, &mut self.message) {
            (Data::Continue, None) => return Err(ProtocolError::UnexpectedContinueFrame.into()),
            (Data::Continue, Some(message)) => {
                check_message_length(message.bytes.len() + length, self.max_message_bytes)?;
                message.bytes.reserve(length);
            }
            (_, Some(_)) => return Err(ProtocolError::ExpectedFragment(data).into()),
            (_, None) => {
                let guess = if is_final { 0 } else { self.fragmented_bytes };
                self.message = Some(PartialMessage {
                    is_text: data == Data::Text,
                    is_fragmented: !is_final,
                    bytes: self.buffers.take(length.max(guess)),
                    valid: 0,
                });
            }
        }
        self.frame = Some(DataFrame {
            missing: length,
            is_final,
        });
        Ok(())
    }

    /// Ends the present frame. Returns its message if it is complete.
    fn end_frame(&mut self) -> Result<Option<Incoming>, WsError> {
        let is_final = self.frame.take().is_some_and(|frame| frame.is_final);
        if let Some(message) = &mut self.message
            && message.is_text
        {
            message.check_text(is_final)?;
        }
        let Some(message) = self.message.take_if(|_| is_final) else {
            return Ok(None);
        };
        if message.is_fragmented {
            self.fragmented_bytes = message.bytes.len();
        }
        let is_text = message.is_text;
        let payload = self.buffers.freeze(message.bytes);
        Ok(Some(if is_text {
            Incoming::Text(payload)
        } else {
            Incoming::Binary(payload)
        }))
    }
}

impl PartialMessage {
    /// Checks the text received so far. A character may continue in the next fragment.
    fn check_text(&mut self, is_final: bool) -> Result<(), WsError> {
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(_) => {
                self.valid = self.bytes.len();
                Ok(())
            }
            Err(error) if error.error_len().is_none() && !is_final => {
                self.valid += error.valid_up_to();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn check_message_length(size: usize, max_size: usize) -> Result<(), WsError> {
    if size > max_size {
        return Err(CapacityError::MessageTooLong { size, max_size }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
