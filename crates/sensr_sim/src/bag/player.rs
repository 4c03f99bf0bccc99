//! Player of a bag: sends its frames when they are due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cdr::Link;
use super::error::BagError;
use super::pace::Pace;
use super::read_ahead::ReadAhead;
use super::reader::{Bag, Frame};
use crate::error::SimError;
use crate::hub::Hub;
use crate::options::BagOptions;
use crate::outgoing::Message;
use crate::output::overflow_event;
use crate::producer::{End, LATE};
use crate::report::{CloudCounts, OutputCounts};
use crate::shared::Shared;
use sensr_protocol::points::decode_points;
use sensr_protocol::wire::PointCloud;
use tokio_util::sync::CancellationToken;

/// Shortest pause that is logged, so that the simulator does not seem to hang.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// Player of a bag.
#[derive(Debug)]
pub(crate) struct Player {
    shared: Arc<Shared>,
    bag: Bag,
    options: BagOptions,
}

impl Player {
    /// Opens the bag. Reads a whole file if it has no summary.
    pub(crate) fn open(shared: Arc<Shared>, options: BagOptions) -> Result<Self, BagError> {
        let bag = Bag::open(&options.path, options.topic.as_deref())?;
        Ok(Self {
            shared,
            bag,
            options,
        })
    }

    /// Plays until the end of the bag, until the requested number of frames is sent, or until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<End, SimError> {
        let ahead = ReadAhead::start(self.bag, self.options.repeat);
        let stage = Stage {
            shared: &self.shared,
            speed: self.options.speed,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(End::Stopped),
            ended = stage.play(ahead) => ended,
        }
    }
}

struct Stage<'a> {
    shared: &'a Shared,
    speed: f64,
}

impl Stage<'_> {
    async fn play(&self, mut ahead: ReadAhead) -> Result<End, SimError> {
        self.wait_for_clients().await;
        self.shared.start_clock();
        let is_paced = self.speed > 0.0;
        let mut clock = Clock::new(self.speed);
        let mut point_frames = 0;
        while let Some(frame) = ahead.next().await? {
            if is_paced {
                self.shared.note_late(clock.wait(&frame).await);
            } else {
                self.wait_for_room(&frame).await;
            }
            self.send(&frame);
            point_frames += u64::from(frame.link == Link::Points);
            if self.shared.options.count == Some(point_frames) {
                break;
            }
            // Late frames follow each other without a pause; the clients must get a chance to run.
            tokio::task::yield_now().await;
        }
        Ok(End::Complete)
    }

    fn hub(&self, link: Link) -> &Hub {
        match link {
            Link::Points => &self.shared.points,
            Link::Output => &self.shared.output,
        }
    }

    async fn wait_for_clients(&self) {
        let (points, output) = (&self.shared.points, &self.shared.output);
        if self.shared.options.free_running {
            return;
        }
        log::info!("waiting for a client on each of the two ports");
        while points.is_empty() || output.is_empty() {
            points.occupied().await;
            output.occupied().await;
        }
        log::info!("the clock starts");
    }

    /// Waits until there is a client and every client has space.
    async fn wait_for_room(&self, frame: &Frame) {
        let hub = self.hub(frame.link);
        loop {
            hub.room(frame.data.len()).await;
            if !hub.is_empty() || self.shared.options.free_running {
                return;
            }
            hub.occupied().await;
        }
    }

    fn send(&self, frame: &Frame) {
        let hub = self.hub(frame.link);
        if hub.is_empty() {
            hub.counters.unheard.add(1);
            return;
        }
        hub.counters.messages.add(1);
        let message = self.message(frame);
        let event = || overflow_event(frame.stamp_ns);
        let last_words = || (frame.link == Link::Output).then(event);
        let overflowed = hub.offer(|_| message.clone(), last_words);
        if overflowed > 0 {
            self.shared.tell_overflow(overflowed, &event());
        }
    }

    /// Returns the message of a frame. An undecodable frame is sent too: the bridge received it.
    fn message(&self, frame: &Frame) -> Message {
        let data = frame.data.clone();
        if frame.link == Link::Output {
            return Message::output(data, OutputCounts::default());
        }
        let clouds = decode_points(data.clone()).map_or_else(
            |_| CloudCounts::default(),
            |result| result.clouds.iter().map(PointCloud::r#type).collect(),
        );
        self.shared.note_clouds(&clouds);
        Message::clouds(data, clouds)
    }
}

/// Timer of the frames.
struct Clock {
    pace: Pace,
    warned: bool,
}

impl Clock {
    fn new(speed: f64) -> Self {
        Self {
            pace: Pace::new(Instant::now(), speed),
            warned: false,
        }
    }

    /// Waits until the frame is due; returns the delay.
    async fn wait(&mut self, frame: &Frame) -> Duration {
        let due = self.pace.due(frame.stamp_ns);
        let pause = due.saturating_duration_since(Instant::now());
        if pause >= LONG_PAUSE {
            log::info!("the next frame is due in {pause:.1?}, as recorded");
        }
        tokio::time::sleep_until(due.into()).await;
        let late = due.elapsed();
        if late > LATE && !self.warned {
            self.warned = true;
            log::warn!("cannot keep up: more than {LATE:?} late; every frame is still sent");
        }
        late
    }
}
