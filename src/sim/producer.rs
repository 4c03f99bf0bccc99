//! Sends what is due, when it is due.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::error::SimError;
use super::number::nanoseconds;
use super::output::{Moment, OutputMaker};
use super::schedule::{Schedule, Tick};
use super::shared::Shared;
use super::source::Source;
use crate::shutdown::Shutdown;

/// Makes messages on schedule and offers them to the hubs.
pub(super) struct Producer {
    shared: Arc<Shared>,
    source: Source,
    output: OutputMaker,
    schedule: Schedule,
    clock: ServerClock,
    warned: bool,
}

/// Being late by so much means that the machine is too slow for what is asked.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// The server's idea of the time of day: it does not jump when somebody sets the machine's clock.
struct ServerClock {
    instant: Instant,
    since_1970: Duration,
}

impl ServerClock {
    fn new() -> Self {
        Self {
            instant: Instant::now(),
            since_1970: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// Nanoseconds since 1970 at `instant + secs`.
    fn ns(&self, instant: Instant, secs: f64) -> i64 {
        let since_start = instant.saturating_duration_since(self.instant);
        let whole = (self.since_1970 + since_start).as_nanos();
        i64::try_from(whole)
            .unwrap_or(i64::MAX)
            .saturating_add(nanoseconds(secs))
    }
}

/// How production ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All that was asked for is produced.
    Complete,
    /// It was told to stop.
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
            clock: ServerClock::new(),
            warned: false,
            shared,
            source,
        }
    }

    /// Produces until all is produced or `stop`.
    pub(super) async fn run(mut self, mut stop: Shutdown) -> Result<End, SimError> {
        let shared = Arc::clone(&self.shared);
        loop {
            let (tick, due) = self.schedule.peek();
            tokio::select! {
                biased;
                () = stop.requested() => return Ok(End::Stopped),
                () = shared.points.occupied(), if !self.schedule.is_running() => {
                    self.schedule = Schedule::new(Instant::now(), Some(shared.options.rate_hz));
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
            // Late ticks follow each other without a pause; the clients must get their turn.
            tokio::task::yield_now().await;
        }
    }

    /// Sends point message `k`. False if it was the last.
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
            self.shared.note_clouds(self.source.types(k));
            let overflowed = hub.offer(|_| frame.clone(), || None);
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
        shared.note_contents(&frames.counts);
        hub.counters.messages.add(1);
        let last_words = || Some(self.output.overflow_event(&moment));
        let mut overflowed = hub.offer(|first| frames.encoded(first), last_words);
        if let Some(event) = &frames.event {
            hub.counters.messages.add(1);
            overflowed += hub.announce(event, last_words);
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
            now_ns: self.clock.ns(self.schedule.start(), elapsed_secs),
            world_secs: is_running.then_some(elapsed_secs),
        }
    }

    fn warn_once_when_late(&mut self, late: Duration) {
        if late > LATE && !self.warned {
            self.warned = true;
            log::warn!("cannot keep up: more than {LATE:?} late; every message is still sent");
        }
    }

    /// Tells those who still read the output stream that clients of either stream were too slow.
    fn tell_overflow(&self, clients: u64, moment: &Moment) {
        if clients == 0 {
            return;
        }
        let event = self.output.overflow_event(moment);
        self.shared.tell_overflow(clients, &event);
    }
}
