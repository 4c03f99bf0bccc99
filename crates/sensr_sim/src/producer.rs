//! Generation of messages on schedule.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::SimError;
use super::outgoing::Message;
use super::output::{Moment, OutputMaker};
use super::schedule::{Schedule, Tick};
use super::shared::Shared;
use super::source::Source;
use tokio_util::sync::CancellationToken;

/// Generates messages on schedule and sends them to the clients of both streams.
pub(super) struct Producer {
    shared: Arc<Shared>,
    source: Source,
    output: OutputMaker,
    schedule: Schedule,
    warned: bool,
}

/// Delay that is logged: the machine is too slow for the requested rate.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// End of the playback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All requested messages were sent.
    Complete,
    /// The server was stopped.
    Stopped,
}

impl Producer {
    pub(super) fn new(shared: Arc<Shared>, source: Source) -> Self {
        let rate_hz = shared
            .options
            .free_running
            .then_some(shared.options.rate_hz);
        Self {
            output: OutputMaker::new(source.setting(), shared.options.generation),
            schedule: Schedule::new(Instant::now(), rate_hz),
            warned: false,
            shared,
            source,
        }
    }

    /// Generates messages until all requested ones are sent or `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<End, SimError> {
        let shared = Arc::clone(&self.shared);
        if self.schedule.is_running() {
            shared.start_clock();
        }
        loop {
            let (tick, due) = self.schedule.peek();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(End::Stopped),
                () = shared.points.occupied(), if !self.schedule.is_running() => {
                    self.schedule = Schedule::new(Instant::now(), Some(shared.options.rate_hz));
                    shared.start_clock();
                    log::info!("the clock starts");
                    continue;
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            shared.note_late(due.elapsed());
            self.warn_once_when_late(due.elapsed());
            match tick {
                Tick::Points(k) => {
                    if !self.points(k).await? {
                        return Ok(End::Complete);
                    }
                }
                Tick::Output(k) => self.output(k),
            }
            self.schedule.done(tick);
            // Late ticks follow each other without a pause; the clients must get a chance to run.
            tokio::task::yield_now().await;
        }
    }

    /// Sends point message `k`. Returns false if it was the last.
    async fn points(&mut self, k: u64) -> Result<bool, SimError> {
        if self.source.is_over(k) {
            return Ok(false);
        }
        let t_secs = self.schedule.elapsed_secs(Tick::Points(k));
        let hub = &self.shared.points;
        if hub.is_empty() {
            hub.counters.unheard.add(1);
        } else if let Some(frame) = self.source.points(k, t_secs).await? {
            hub.counters.messages.add(1);
            let clouds = self.source.types(k).iter().copied().collect();
            self.shared.note_clouds(&clouds);
            let message = Message::clouds(frame, clouds);
            let overflowed = hub.offer(|_| message.clone(), || None);
            self.tell_overflow(overflowed, &self.moment(Tick::Points(k)));
        }
        Ok(self.shared.options.count != Some(k + 1) && !self.source.is_over(k + 1))
    }

    fn output(&mut self, k: u64) {
        let shared = Arc::clone(&self.shared);
        let hub = &shared.output;
        if hub.is_empty() {
            hub.counters.unheard.add(1);
            return;
        }
        let moment = self.moment(Tick::Output(k));
        let tracks = self.source.tracks(moment.world_secs.unwrap_or_default());
        let mut frames = self.output.frames(&moment, tracks);
        let counts = frames.message_counts;
        shared.note_contents(&counts);
        hub.counters.messages.add(1);
        let last_words = || Some(self.output.overflow_event(&moment));
        let message = |first| Message::output(frames.encoded(first), counts);
        let mut overflowed = hub.offer(message, last_words);
        if let Some(event) = &frames.event {
            shared.note_contents(&frames.event_counts);
            hub.counters.messages.add(1);
            let event = Message::output(event.clone(), frames.event_counts);
            overflowed += hub.announce(&event, last_words);
        }
        self.tell_overflow(overflowed, &moment);
    }

    fn moment(&self, tick: Tick) -> Moment {
        let elapsed_secs = self.schedule.elapsed_secs(tick);
        let is_running = self.schedule.is_running();
        Moment {
            k: match tick {
                Tick::Output(k) | Tick::Points(k) => k,
            },
            now_ns: self.shared.clock.ns(self.schedule.start(), elapsed_secs),
            world_secs: is_running.then_some(elapsed_secs),
        }
    }

    fn warn_once_when_late(&mut self, late: Duration) {
        if late > LATE && !self.warned {
            self.warned = true;
            log::warn!("cannot keep up: more than {LATE:?} late; every message is still sent");
        }
    }

    /// Reports to the remaining output clients that clients of either stream were too slow.
    fn tell_overflow(&self, clients: u64, moment: &Moment) {
        if clients == 0 {
            return;
        }
        let event = self.output.overflow_event(moment);
        self.shared.tell_overflow(clients, &event);
    }
}
