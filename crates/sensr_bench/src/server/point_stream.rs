//! Point stream of one client.

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::record::SentFrame;
use super::{Event, Extent, ServerOptions, Shared};
use crate::clock::now_ns;
use crate::frames::PointFrame;
use crate::schedule::Schedule;
use crate::stream::Stream;

const NS_PER_SECOND: f64 = 1e9;

/// End of the measured part.
#[derive(Debug, Clone, Copy)]
enum End {
    Time(i64),
    Number(u32),
}

/// Part of a run that a client is in.
#[derive(Debug, Clone, Copy)]
enum Part {
    Warmup,
    Measured(End),
    Ended,
}

/// Point stream of one client. It continues with its next connection.
pub(super) struct PointStream {
    client: usize,
    frames: Arc<Vec<PointFrame>>,
    schedule: Schedule,
    part: Part,
    /// Number of the next frame.
    number: u32,
    /// Frames of the measured part on this connection.
    on_connection: u32,
}

impl PointStream {
    pub(super) fn new(
        client: usize,
        frames: Arc<Vec<PointFrame>>,
        options: &ServerOptions,
    ) -> Self {
        Self {
            client,
            frames,
            schedule: Schedule::new(options.warmup_rate, NonZeroU32::MIN),
            part: Part::Warmup,
            number: 0,
            on_connection: 0,
        }
    }

    /// Serves a connection until it ends, which is an error, or until the server closes it.
    pub(super) fn serve(&mut self, socket: TcpStream, shared: &Shared) -> io::Result<()> {
        let mut stream = Stream::accept(socket, &shared.stream_options)?;
        self.on_connection = 0;
        loop {
            self.change_part(shared)?;
            if let Part::Ended = self.part {
                // The client is answered until it leaves.
                return stream.answer_until(i64::MAX);
            }
            let limit = shared.options.reconnect_every;
            if limit.is_some_and(|limit| self.on_connection >= limit.get()) {
                return Ok(());
            }
            let due_ns = self.schedule.next_due(now_ns());
            stream.answer_until(due_ns)?;
            self.send(&mut stream, shared)?;
        }
    }

    /// Begins and ends the measured part when it is time.
    fn change_part(&mut self, shared: &Shared) -> io::Result<()> {
        let options = &shared.options;
        if let Part::Warmup = self.part
            && shared.is_measuring.load(Ordering::Acquire)
        {
            self.schedule = Schedule::new(options.rate, options.burst);
            self.part = Part::Measured(match options.extent {
                #[expect(clippy::cast_possible_truncation, reason = "far below 292 years")]
                Extent::Seconds(seconds) => End::Time(now_ns() + (seconds * NS_PER_SECOND) as i64),
                Extent::Frames(frames) => End::Number(self.number.saturating_add(frames)),
            });
            let (client, number) = (self.client, self.number);
            (shared.events)(Event::Steady { client, number });
        }
        let has_ended = match self.part {
            Part::Measured(End::Time(end_ns)) => now_ns() >= end_ns,
            Part::Measured(End::Number(end)) => self.number >= end,
            Part::Warmup | Part::Ended => false,
        };
        if has_ended {
            self.part = Part::Ended;
            shared.record.flush()?;
            let (client, number) = (self.client, self.number);
            (shared.events)(Event::End { client, number });
        }
        Ok(())
    }

    fn send(&mut self, stream: &mut Stream, shared: &Shared) -> io::Result<()> {
        let frame = &self.frames[self.number as usize % self.frames.len()];
        #[expect(clippy::cast_precision_loss, reason = "exact up to MAX_NUMBER")]
        let number = (self.number as f32).to_le_bytes();
        let (first, rest) = frame.parts().split_first().expect("never empty");
        let mut parts = vec![IoSlice::new(first)];
        for part in rest {
            parts.extend([IoSlice::new(&number), IoSlice::new(part)]);
        }
        let before_ns = now_ns();
        stream.send(&mut parts)?;
        let after_ns = now_ns();
        if let Part::Measured(_) = self.part {
            self.on_connection += 1;
            shared.record.add(SentFrame {
                client: self.client,
                number: self.number,
                before_ns,
                after_ns,
                points: frame.points(),
            })?;
        }
        self.number += 1;
        Ok(())
    }
}
