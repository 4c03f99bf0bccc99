//! Writes the items of one client's send queue to its socket and applies faults.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::Ended;
use super::pulse::Pulse;
use crate::counters::LinkCounters;
use crate::fault::{Blow, Strike, emptied, non_finite, truncated};
use crate::frame::{Frame, write_all};
use crate::outgoing::{Message, Outgoing};
use crate::send_queue::{Grip, SendQueue};
use tokio_util::sync::CancellationToken;

/// Payload of the text message of [`OneShotFault::Text`].
const TEXT: &str = "not what was expected";

/// Bytes that are no WebSocket frame: opcode 3 is reserved (1 is text, 2 binary).
const NONSENSE: &[u8] = b"\x83\x10no frame is this";

/// Length that the header of an oversized message declares.
const OVERSIZED_BYTES: u64 = (1 << 30) + 1;

/// Number of payload bytes that an oversized message really has.
const OVERSIZED_BEGINNING_BYTES: usize = 64 << 10;

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
    pulse: &'a Pulse,
    closing: CancellationToken,
    /// Faults of the next messages, one each.
    upcoming: VecDeque<Strike>,
    rng: SmallRng,
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    pub(super) fn new(
        stream: &'a mut W,
        queue: &'a SendQueue,
        counters: &'a LinkCounters,
        pulse: &'a Pulse,
        closing: CancellationToken,
    ) -> Self {
        Self {
            stream,
            queue,
            counters,
            pulse,
            closing,
            upcoming: VecDeque::new(),
            rng: SmallRng::seed_from_u64(0),
        }
    }

    /// Writes until a close frame is written or a fault ends the connection.
    pub(super) async fn run(mut self) -> Ended {
        loop {
            let next = self.queue.next().await;
            match self.write(next).await {
                Ok(None) => {}
                Ok(Some(ended)) => return ended,
                Err(error) => {
                    log::debug!("write failed: {error}");
                    return Ended::Lost;
                }
            }
        }
    }

    async fn write(&mut self, next: Outgoing) -> io::Result<Option<Ended>> {
        match next {
            Outgoing::Message(message) => match self.upcoming.pop_front() {
                None => self.message(message).await?,
                Some(strike) => return self.struck_message(message, strike).await,
            },
            Outgoing::Ping => self.ping(Bytes::new()).await?,
            Outgoing::Pong(payload) => self.frame(Frame::pong(payload)).await?,
            Outgoing::Strike(strike) => return self.strike(strike).await,
            Outgoing::Close(close) => {
                self.frame(Frame::close(close)).await?;
                self.stream.flush().await?;
                return Ok(Some(Ended::Closed(close)));
            }
        }
        self.stream.flush().await?;
        Ok(None)
    }

    async fn message(&mut self, message: Message) -> io::Result<()> {
        if self.queue.is_gripped(Grip::Fragments) {
            self.fragments(message.data.clone()).await?;
        } else {
            self.frame(Frame::message(message.data.clone())).await?;
        }
        self.queue.written(&message, message.len());
        Ok(())
    }

    async fn frame(&mut self, frame: Frame) -> io::Result<()> {
        write_all(self.stream, frame.into_buf()?, || self.pulse.wrote()).await
    }

    async fn bytes(&mut self, bytes: Bytes) -> io::Result<()> {
        write_all(self.stream, bytes, || self.pulse.wrote()).await
    }

    async fn ping(&mut self, payload: Bytes) -> io::Result<()> {
        self.frame(Frame::ping(payload)).await?;
        self.pulse.pinged();
        Ok(())
    }

    /// Applies a fault at once or to the next message.
    async fn strike(&mut self, strike: Strike) -> io::Result<Option<Ended>> {
        match &strike.blow {
            Blow::Cut | Blow::Truncated | Blow::Drip(_) | Blow::Empty | Blow::NonFinite => {
                self.upcoming.push_back(strike);
                return Ok(None);
            }
            Blow::Inject(data) => self.inject(data.clone()).await?,
            Blow::Text => {
                self.frame(Frame::text(TEXT)).await?;
                self.counters.injected_text.add(1);
            }
            Blow::Pings => {
                for number in 0..PINGS {
                    self.ping(format!("ping {number}").into()).await?;
                }
            }
            Blow::Nonsense => {
                self.bytes(Bytes::from_static(NONSENSE)).await?;
                return self.last(strike).await;
            }
            Blow::Oversized => {
                let header = Frame::message(Bytes::new()).header(OVERSIZED_BYTES)?;
                self.bytes(header).await?;
                self.counters.oversized.add(1);
                let beginning = vec![0; OVERSIZED_BEGINNING_BYTES];
                if let Err(error) = self.bytes(beginning.into()).await {
                    // The client closed the connection because of the header alone.
                    log::debug!("writing an oversized message: {error}");
                    return Ok(Some(Ended::Struck(strike)));
                }
                return self.last(strike).await;
            }
        }
        self.stream.flush().await?;
        Ok(None)
    }

    async fn struck_message(
        &mut self,
        message: Message,
        strike: Strike,
    ) -> io::Result<Option<Ended>> {
        match strike.blow {
            Blow::Cut => {
                self.half(message.data).await?;
                return self.last(strike).await;
            }
            Blow::Drip(lasts) => {
                self.drip(message.data.clone(), lasts).await?;
                self.queue.written(&message, message.len());
            }
            Blow::Empty => self.instead(&message, emptied(&message)).await?,
            Blow::NonFinite => self.instead(&message, non_finite(&message)).await?,
            _ => {
                self.inject(truncated(&message)).await?;
                self.message(message).await?;
            }
        }
        self.stream.flush().await?;
        Ok(None)
    }

    /// Flushes the last bytes and ends the connection.
    async fn last(&mut self, strike: Strike) -> io::Result<Option<Ended>> {
        self.stream.flush().await?;
        Ok(Some(Ended::Struck(strike)))
    }

    async fn inject(&mut self, data: Bytes) -> io::Result<()> {
        self.frame(Frame::message(data)).await?;
        self.counters.injected.add(1);
        Ok(())
    }

    async fn instead(&mut self, message: &Message, data: Bytes) -> io::Result<()> {
        let bytes = data.len();
        self.frame(Frame::message(data)).await?;
        self.queue.written(message, bytes);
        Ok(())
    }

    /// Writes the header and half of the payload; half of the header if the payload is empty.
    async fn half(&mut self, data: Bytes) -> io::Result<()> {
        let length = data.len();
        let mut header = Frame::message(Bytes::new()).header(length as u64)?;
        if length == 0 {
            header.truncate(1);
        }
        self.bytes(header).await?;
        self.bytes(data.slice(..length / 2)).await
    }

    /// Writes the message in pieces over a duration, without pauses once the server is closing.
    async fn drip(&mut self, data: Bytes, lasts: Duration) -> io::Result<()> {
        let mut rest = Frame::message(data).into_buf()?;
        let piece_bytes = rest.remaining().div_ceil(DRIP_PIECES as usize);
        let pause = lasts / DRIP_PIECES;
        while rest.has_remaining() {
            let piece = (&mut rest).take(piece_bytes);
            write_all(self.stream, piece, || self.pulse.wrote()).await?;
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
    async fn fragments(&mut self, data: Bytes) -> io::Result<()> {
        let inner = self.rng.random_range(1..=6);
        let mut ends: Vec<usize> = (0..inner)
            .map(|_| self.rng.random_range(0..=data.len()))
            .collect();
        ends.sort_unstable();
        ends.push(data.len());
        let mut begin = 0;
        for (index, end) in ends.into_iter().enumerate() {
            if index > 0 {
                self.ping(format!("before fragment {index}").into()).await?;
            }
            let payload = data.slice(begin..end);
            let fragment = Frame::fragment(payload, index == 0, index == inner);
            self.frame(fragment).await?;
            begin = end;
        }
        Ok(())
    }
}
