//! Output stream, the same for every client.

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::time::SystemTime;

use prost_types::Timestamp;

use super::{ServerOptions, Shared};
use crate::clock::now_ns;
use crate::frames::OutputFrames;
use crate::schedule::Schedule;
use crate::stream::Stream;

/// Output stream.
pub(super) struct OutputStream {
    frames: OutputFrames,
    rate: f64,
}

impl OutputStream {
    pub(super) fn new(options: &ServerOptions) -> Self {
        let now = Timestamp::from(SystemTime::now());
        Self {
            frames: OutputFrames::encode(
                options.frames,
                options.objects,
                options.object_points,
                now,
            ),
            rate: options.output_rate,
        }
    }

    /// Serves a connection until it ends, which is an error.
    pub(super) fn serve(&self, socket: TcpStream, shared: &Shared) -> io::Result<()> {
        let mut stream = Stream::accept(socket, &shared.stream_options)?;
        if self.rate <= 0.0 {
            return stream.answer_until(i64::MAX);
        }
        let mut schedule = Schedule::new(self.rate, NonZeroU32::MIN);
        let mut frame = Vec::new();
        for number in 0.. {
            stream.answer_until(schedule.next_due(now_ns()))?;
            self.frames
                .write(number, SystemTime::now().into(), &mut frame);
            stream.send(&mut [IoSlice::new(&frame)])?;
        }
        Ok(())
    }
}
