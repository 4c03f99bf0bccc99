//! Playback: messages generated on schedule, or the frames of a bag.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bag::Player;
use super::error::SimError;
use super::options;
use super::output::{OutputEncoder, OutputTime};
use super::queue_item::Message;
use super::schedule::{Schedule, Tick};
use super::shared_state::SharedState;
use super::source::CloudSource;
use tokio_util::sync::CancellationToken;

/// Playback of messages to the clients of both streams.
pub(super) enum Playback {
    /// Generated messages of the scene or of scans, on a schedule.
    Generated(Box<Producer>),
    /// Recorded frames of both streams.
    Bag(Box<Player>),
}

impl Playback {
    /// Prepares the source, which may take long or fail.
    pub(super) fn open(shared: Arc<SharedState>) -> Result<Self, SimError> {
        let source = match &shared.options.source {
            options::Source::Street { seed } => CloudSource::street(&shared.options, *seed),
            options::Source::Replay { path, repeat } => {
                CloudSource::replay(&shared.options, path, *repeat)?
            }
            options::Source::Bag(bag) => {
                let bag = bag.clone();
                return Ok(Self::Bag(Box::new(Player::open(shared, bag)?)));
            }
        };
        Ok(Self::Generated(Box::new(Producer::new(shared, source))))
    }

    /// Plays until all requested messages are sent or `stop`.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<PlaybackEnd, SimError> {
        match self {
            Self::Generated(producer) => producer.run(stop).await,
            Self::Bag(player) => player.run(stop).await,
        }
    }
}

/// Generator of messages on schedule, which sends them to the clients of both streams.
pub(super) struct Producer {
    shared: Arc<SharedState>,
    source: CloudSource,
    output: OutputEncoder,
    schedule: Schedule,
    lateness_was_logged: bool,
}

/// Delay that is logged: the machine is too slow for the requested rate.
pub(super) const LATENESS_WARNING: Duration = Duration::from_secs(1);

/// End of the playback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaybackEnd {
    /// All requested messages were sent.
    Complete,
    /// The server was stopped.
    Stopped,
}

impl Producer {
    pub(super) fn new(shared: Arc<SharedState>, source: CloudSource) -> Self {
        let rate_hz = shared
            .options
            .free_running
            .then_some(shared.options.rate_hz);
        Self {
            output: OutputEncoder::new(source.surroundings(), shared.options.generation),
            schedule: Schedule::new(Instant::now(), rate_hz),
            lateness_was_logged: false,
            shared,
            source,
        }
    }

    /// Generates messages until all requested ones are sent or `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<PlaybackEnd, SimError> {
        let shared = Arc::clone(&self.shared);
        if self.schedule.is_running() {
            shared.start_clock();
        }
        loop {
            let (tick, due) = self.schedule.next_tick();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(PlaybackEnd::Stopped),
                () = shared.points.wait_for_client(), if !self.schedule.is_running() => {
                    self.schedule = Schedule::new(Instant::now(), Some(shared.options.rate_hz));
                    shared.start_clock();
                    log::info!("the clock starts");
                    continue;
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            shared.record_lateness(due.elapsed());
            self.warn_once_when_late(due.elapsed());
            match tick {
                Tick::Points(k) => {
                    if !self.send_points(k).await? {
                        return Ok(PlaybackEnd::Complete);
                    }
                }
                Tick::Output(k) => self.send_output(k),
            }
            self.schedule.mark_done(tick);
            // Late ticks follow each other without a pause; the clients must get a chance to run.
            tokio::task::yield_now().await;
        }
    }

    /// Sends point message `k`. Returns false if it was the last.
    async fn send_points(&mut self, k: u64) -> Result<bool, SimError> {
        if self.source.ends_before(k) {
            return Ok(false);
        }
        let t_secs = self.schedule.elapsed_secs(Tick::Points(k));
        let broadcast = &self.shared.points;
        if broadcast.is_empty() {
            broadcast.counters.unheard.add(1);
        } else if let Some(frame) = self.source.encode_points(k, t_secs).await? {
            broadcast.counters.messages.add(1);
            let clouds = self.source.types_of(k).iter().copied().collect();
            self.shared.count_clouds(&clouds);
            let message = Message::clouds(frame, clouds);
            let overflowed = broadcast.send_message(|_| message.clone(), || None);
            self.report_overflow(overflowed, &self.output_time_of(Tick::Points(k)));
        }
        Ok(self.shared.options.count != Some(k + 1) && !self.source.ends_before(k + 1))
    }

    /// Sends output message `k` and the events since the previous one.
    fn send_output(&mut self, k: u64) {
        let shared = Arc::clone(&self.shared);
        let broadcast = &shared.output;
        if broadcast.is_empty() {
            broadcast.counters.unheard.add(1);
            return;
        }
        let output_time = self.output_time_of(Tick::Output(k));
        let tracks = self
            .source
            .tracks(output_time.scene_secs.unwrap_or_default());
        let mut frames = self.output.encode_tick(&output_time, tracks);
        let counts = frames.message_counts;
        shared.count_contents(&counts);
        broadcast.counters.messages.add(1);
        let final_message = || Some(self.output.overflow_event(&output_time));
        let message = |first| Message::output(frames.encoded_for(first), counts);
        let mut overflowed = broadcast.send_message(message, final_message);
        if let Some(event) = &frames.event {
            shared.count_contents(&frames.event_counts);
            broadcast.counters.messages.add(1);
            let event = Message::output(event.clone(), frames.event_counts);
            overflowed += broadcast.send_event(&event, final_message);
        }
        self.report_overflow(overflowed, &output_time);
    }

    /// Returns the time of a tick.
    fn output_time_of(&self, tick: Tick) -> OutputTime {
        let elapsed_secs = self.schedule.elapsed_secs(tick);
        let is_running = self.schedule.is_running();
        OutputTime {
            k: match tick {
                Tick::Output(k) | Tick::Points(k) => k,
            },
            now_ns: self.shared.clock.ns_at(self.schedule.start(), elapsed_secs),
            scene_secs: is_running.then_some(elapsed_secs),
        }
    }

    fn warn_once_when_late(&mut self, late: Duration) {
        if late > LATENESS_WARNING && !self.lateness_was_logged {
            self.lateness_was_logged = true;
            log::warn!(
                "cannot keep up: more than {LATENESS_WARNING:?} late; every message is still sent"
            );
        }
    }

    /// Reports to the remaining output clients that clients of either stream were too slow.
    fn report_overflow(&self, clients: u64, output_time: &OutputTime) {
        if clients == 0 {
            return;
        }
        let event = self.output.overflow_event(output_time);
        self.shared.report_overflow(clients, &event);
    }
}
