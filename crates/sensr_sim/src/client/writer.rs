//! Writer of the items of one client's send queue to its socket, with faults applied.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::ConnectionEnd;
use super::activity::Activity;
use crate::counters::LinkCounters;
use crate::fault::{
    OneShotFault, PendingFault, truncate_message, with_non_finite_points, without_points,
};
use crate::queue_item::{Message, QueueItem};
use crate::send_queue::{OngoingFault, SendQueue};
use crate::ws_frame::{WsFrame, write_all};
use tokio_util::sync::CancellationToken;

/// Payload of the text message of [`OneShotFault::Text`].
const TEXT: &str = "not what was expected";

/// Bytes that are no WebSocket frame: opcode 3 is reserved (1 is text, 2 binary).
const NONSENSE: &[u8] = b"\x83\x10no frame is this";

/// Length that the header of an oversized message declares.
const OVERSIZED_BYTES: u64 = (1 << 30) + 1;

/// Number of payload bytes that an oversized message really has.
const OVERSIZED_SENT_BYTES: usize = 64 << 10;

/// Number of pings of [`OneShotFault::Pings`].
const PINGS: u8 = 100;

/// Number of pieces of a message written slowly.
const DRIP_PIECES: u32 = 20;

/// Writing half of a connection.
///
/// Can be dropped at any await with correct counters: a message counts as delivered as soon as the socket has taken
/// its last byte.
pub(super) struct Writer<'a, W> {
    stream: &'a mut W,
    queue: &'a SendQueue,
    counters: &'a LinkCounters,
    activity: &'a Activity,
    closing: CancellationToken,
    /// Faults of the next messages, one each.
    next_message_faults: VecDeque<PendingFault>,
    rng: SmallRng,
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    pub(super) fn new(
        stream: &'a mut W,
        queue: &'a SendQueue,
        counters: &'a LinkCounters,
        activity: &'a Activity,
        closing: CancellationToken,
    ) -> Self {
        Self {
            stream,
            queue,
            counters,
            activity,
            closing,
            next_message_faults: VecDeque::new(),
            rng: SmallRng::seed_from_u64(0),
        }
    }

    /// Writes until a close frame is written or a fault ends the connection.
    pub(super) async fn run(mut self) -> ConnectionEnd {
        loop {
            let next = self.queue.next_item().await;
            match self.write_item(next).await {
                Ok(None) => {}
                Ok(Some(ended)) => return ended,
                Err(error) => {
                    log::debug!("write failed: {error}");
                    return ConnectionEnd::Lost;
                }
            }
        }
    }

    /// Writes one item; returns the end of the connection if it is the last one.
    async fn write_item(&mut self, next: QueueItem) -> io::Result<Option<ConnectionEnd>> {
        match next {
            QueueItem::Message(message) => match self.next_message_faults.pop_front() {
                None => self.write_message(message).await?,
                Some(fault) => return self.write_faulty_message(message, fault).await,
            },
            QueueItem::Ping => self.write_ping(Bytes::new()).await?,
            QueueItem::Pong(payload) => self.write_frame(WsFrame::pong(payload)).await?,
            QueueItem::Fault(fault) => return self.apply_fault(fault).await,
            QueueItem::Close(close) => {
                self.write_frame(WsFrame::close(close)).await?;
                self.stream.flush().await?;
                return Ok(Some(ConnectionEnd::Closed(close)));
            }
        }
        self.stream.flush().await?;
        Ok(None)
    }

    async fn write_message(&mut self, message: Message) -> io::Result<()> {
        if self.queue.has_fault(OngoingFault::Fragments) {
            self.write_fragments(message.data.clone()).await?;
        } else {
            self.write_frame(WsFrame::binary(message.data.clone()))
                .await?;
        }
        self.queue.mark_written(&message, message.len());
        Ok(())
    }

    async fn write_frame(&mut self, frame: WsFrame) -> io::Result<()> {
        write_all(self.stream, frame.into_buf()?, || {
            self.activity.record_write();
        })
        .await
    }

    async fn write_bytes(&mut self, bytes: Bytes) -> io::Result<()> {
        write_all(self.stream, bytes, || self.activity.record_write()).await
    }

    async fn write_ping(&mut self, payload: Bytes) -> io::Result<()> {
        self.write_frame(WsFrame::ping(payload)).await?;
        self.activity.record_ping();
        Ok(())
    }

    /// Applies a fault at once or to the next message.
    async fn apply_fault(&mut self, fault: PendingFault) -> io::Result<Option<ConnectionEnd>> {
        match &fault.fault {
            OneShotFault::Cut
            | OneShotFault::Truncated
            | OneShotFault::Drip(_)
            | OneShotFault::Empty
            | OneShotFault::NonFinite => {
                self.next_message_faults.push_back(fault);
                return Ok(None);
            }
            OneShotFault::Inject(data) => self.write_injected(data.clone()).await?,
            OneShotFault::Text => {
                self.write_frame(WsFrame::text(TEXT)).await?;
                self.counters.injected_text.add(1);
            }
            OneShotFault::Pings => {
                for number in 0..PINGS {
                    self.write_ping(format!("ping {number}").into()).await?;
                }
            }
            OneShotFault::Nonsense => {
                self.write_bytes(Bytes::from_static(NONSENSE)).await?;
                return self.end_with(fault).await;
            }
            OneShotFault::Oversized => {
                let header = WsFrame::binary(Bytes::new()).encode_header(OVERSIZED_BYTES)?;
                self.write_bytes(header).await?;
                self.counters.oversized.add(1);
                let beginning = vec![0; OVERSIZED_SENT_BYTES];
                if let Err(error) = self.write_bytes(beginning.into()).await {
                    // The client closed the connection because of the header alone.
                    log::debug!(
                        "the client closed the connection during an oversized message: {error}"
                    );
                    return Ok(Some(ConnectionEnd::Fault(fault)));
                }
                return self.end_with(fault).await;
            }
        }
        self.stream.flush().await?;
        Ok(None)
    }

    /// Writes a message to which a fault applies.
    async fn write_faulty_message(
        &mut self,
        message: Message,
        fault: PendingFault,
    ) -> io::Result<Option<ConnectionEnd>> {
        match fault.fault {
            OneShotFault::Cut => {
                self.write_half(message.data).await?;
                return self.end_with(fault).await;
            }
            OneShotFault::Drip(duration) => {
                self.write_slowly(message.data.clone(), duration).await?;
                self.queue.mark_written(&message, message.len());
            }
            OneShotFault::Empty => {
                self.write_replacement(&message, without_points(&message))
                    .await?;
            }
            OneShotFault::NonFinite => {
                self.write_replacement(&message, with_non_finite_points(&message))
                    .await?;
            }
            OneShotFault::Truncated => {
                self.write_injected(truncate_message(&message)).await?;
                self.write_message(message).await?;
            }
            // Applied between messages.
            OneShotFault::Nonsense
            | OneShotFault::Oversized
            | OneShotFault::Inject(_)
            | OneShotFault::Text
            | OneShotFault::Pings => self.write_message(message).await?,
        }
        self.stream.flush().await?;
        Ok(None)
    }

    /// Flushes the last bytes and ends the connection.
    async fn end_with(&mut self, fault: PendingFault) -> io::Result<Option<ConnectionEnd>> {
        self.stream.flush().await?;
        Ok(Some(ConnectionEnd::Fault(fault)))
    }

    /// Writes an additional binary message.
    async fn write_injected(&mut self, data: Bytes) -> io::Result<()> {
        self.write_frame(WsFrame::binary(data)).await?;
        self.counters.injected.add(1);
        Ok(())
    }

    /// Writes `data` in place of a message.
    async fn write_replacement(&mut self, message: &Message, data: Bytes) -> io::Result<()> {
        let bytes = data.len();
        self.write_frame(WsFrame::binary(data)).await?;
        self.queue.mark_written(message, bytes);
        Ok(())
    }

    /// Writes the header and half of the payload; half of the header if the payload is empty.
    async fn write_half(&mut self, data: Bytes) -> io::Result<()> {
        let length = data.len();
        let mut header = WsFrame::binary(Bytes::new()).encode_header(length as u64)?;
        if length == 0 {
            header.truncate(1);
        }
        self.write_bytes(header).await?;
        self.write_bytes(data.slice(..length / 2)).await
    }

    /// Writes the message in pieces over a duration, without pauses once the server is closing.
    async fn write_slowly(&mut self, data: Bytes, duration: Duration) -> io::Result<()> {
        let mut rest = WsFrame::binary(data).into_buf()?;
        let piece_bytes = rest.remaining().div_ceil(DRIP_PIECES as usize);
        let pause = duration / DRIP_PIECES;
        while rest.has_remaining() {
            let piece = (&mut rest).take(piece_bytes);
            write_all(self.stream, piece, || self.activity.record_write()).await?;
            if rest.has_remaining() {
                self.stream.flush().await?;
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.closing.cancelled() => {}
                }
            }
        }
        Ok(())
    }

    /// Writes the message in 2 to 7 fragments of random size with pings between them.
    async fn write_fragments(&mut self, data: Bytes) -> io::Result<()> {
        let inner = self.rng.random_range(1..=6);
        let mut ends: Vec<usize> = (0..inner)
            .map(|_| self.rng.random_range(0..=data.len()))
            .collect();
        ends.sort_unstable();
        ends.push(data.len());
        let mut begin = 0;
        for (index, end) in ends.into_iter().enumerate() {
            if index > 0 {
                self.write_ping(format!("before fragment {index}").into())
                    .await?;
            }
            let payload = data.slice(begin..end);
            let fragment = WsFrame::fragment(payload, index == 0, index == inner);
            self.write_frame(fragment).await?;
            begin = end;
        }
        Ok(())
    }
}
