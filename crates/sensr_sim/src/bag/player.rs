//! Player of a bag: sends its frames when they are due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bag_error::BagError;
use super::playback_times::PlaybackTimes;
use super::read_ahead::ReadAhead;
use super::reader::{Bag, RecordedFrame};
use super::wire_frame::Link;
use crate::broadcast::Broadcast;
use crate::error::SimError;
use crate::options::BagOptions;
use crate::output::overflow_event;
use crate::playback::{LATENESS_WARNING, PlaybackEnd};
use crate::queue_item::Message;
use crate::report::{CloudCounts, OutputCounts};
use crate::shared_state::SharedState;
use sensr_protocol::points::decode_points;
use sensr_protocol::wire::PointCloud;
use tokio_util::sync::CancellationToken;

/// Shortest pause that is logged, so that the simulator does not seem to hang.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// Player of a bag.
#[derive(Debug)]
pub(crate) struct Player {
    shared: Arc<SharedState>,
    bag: Bag,
    options: BagOptions,
}

impl Player {
    /// Opens the bag. Reads a whole file if it has no summary.
    pub(crate) fn open(shared: Arc<SharedState>, options: BagOptions) -> Result<Self, BagError> {
        let bag = Bag::open(&options.path, options.topic.as_deref())?;
        Ok(Self {
            shared,
            bag,
            options,
        })
    }

    /// Plays until the end of the bag, until the requested number of frames is sent, or until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<PlaybackEnd, SimError> {
        let ahead = ReadAhead::start(self.bag, self.options.repeat);
        let playback = BagPlayback {
            shared: &self.shared,
            speed: self.options.speed,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(PlaybackEnd::Stopped),
            ended = playback.play_frames(ahead) => ended,
        }
    }
}

struct BagPlayback<'a> {
    shared: &'a SharedState,
    speed: f64,
}

impl BagPlayback<'_> {
    async fn play_frames(&self, mut ahead: ReadAhead) -> Result<PlaybackEnd, SimError> {
        self.wait_for_clients().await;
        self.shared.start_clock();
        let is_paced = self.speed > 0.0;
        let mut timer = FrameTimer::new(self.speed);
        let mut point_frames = 0;
        while let Some(frame) = ahead.next().await? {
            if is_paced {
                self.shared
                    .record_lateness(timer.wait_until_due(&frame).await);
            } else {
                self.wait_for_capacity(&frame).await;
            }
            self.send_frame(&frame);
            point_frames += u64::from(frame.link == Link::Points);
            if self.shared.options.count == Some(point_frames) {
                break;
            }
            // Late frames follow each other without a pause; the clients must get a chance to run.
            tokio::task::yield_now().await;
        }
        Ok(PlaybackEnd::Complete)
    }

    fn broadcast_of(&self, link: Link) -> &Broadcast {
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
            points.wait_for_client().await;
            output.wait_for_client().await;
        }
        log::info!("the clock starts");
    }

    /// Waits until there is a client and every client has space.
    async fn wait_for_capacity(&self, frame: &RecordedFrame) {
        let broadcast = self.broadcast_of(frame.link);
        loop {
            broadcast.wait_for_space(frame.data.len()).await;
            if !broadcast.is_empty() || self.shared.options.free_running {
                return;
            }
            broadcast.wait_for_client().await;
        }
    }

    fn send_frame(&self, frame: &RecordedFrame) {
        let broadcast = self.broadcast_of(frame.link);
        if broadcast.is_empty() {
            broadcast.counters.unheard.add(1);
            return;
        }
        broadcast.counters.messages.add(1);
        let message = self.to_message(frame);
        let event = || overflow_event(frame.stamp_ns);
        let final_message = || (frame.link == Link::Output).then(event);
        let overflowed = broadcast.send_message(|_| message.clone(), final_message);
        if overflowed > 0 {
            self.shared.report_overflow(overflowed, &event());
        }
    }

    /// Returns the message of a frame. An undecodable frame is sent too: the bridge received it.
    fn to_message(&self, frame: &RecordedFrame) -> Message {
        let data = frame.data.clone();
        if frame.link == Link::Output {
            return Message::output(data, OutputCounts::default());
        }
        let clouds = decode_points(data.clone()).map_or_else(
            |_| CloudCounts::default(),
            |result| result.clouds.iter().map(PointCloud::r#type).collect(),
        );
        self.shared.count_clouds(&clouds);
        Message::clouds(data, clouds)
    }
}

/// Timer of the frames.
struct FrameTimer {
    times: PlaybackTimes,
    warned: bool,
}

impl FrameTimer {
    fn new(speed: f64) -> Self {
        Self {
            times: PlaybackTimes::new(Instant::now(), speed),
            warned: false,
        }
    }

    /// Waits until the frame is due; returns the delay.
    async fn wait_until_due(&mut self, frame: &RecordedFrame) -> Duration {
        let due = self.times.due_at(frame.stamp_ns);
        let pause = due.saturating_duration_since(Instant::now());
        if pause >= LONG_PAUSE {
            log::info!("the next frame is due in {pause:.1?}, as recorded");
        }
        tokio::time::sleep_until(due.into()).await;
        let late = due.elapsed();
        if late > LATENESS_WARNING && !self.warned {
            self.warned = true;
            log::warn!(
                "cannot keep up: more than {LATENESS_WARNING:?} late; every frame is still sent"
            );
        }
        late
    }
}
