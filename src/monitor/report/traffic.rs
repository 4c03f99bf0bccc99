//! Messages, links, queues and stages over the run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::connection::status::LinkState;
use crate::metrics::ledger::Account;
use crate::monitor::sample::{BridgeSample, LinkSample, QueueSample, StageSample};

/// Messages of one topic, or of all, during the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TopicReport {
    /// Name relative to the namespace.
    pub topic: String,
    /// Messages in the frames from SENSR.
    pub received: u64,
    /// Messages passed to the middleware.
    pub published: u64,
    /// Messages left out by the rate limit.
    pub thinned: u64,
    /// Messages without a subscriber.
    pub unsubscribed: u64,
    /// Lost messages: the queue was full, or the middleware refused them.
    pub dropped: u64,
    /// Lost messages: not valid.
    pub malformed: u64,
    /// Bytes passed to the middleware.
    pub published_bytes: u64,
    /// Mean of `received` per second.
    pub received_per_s: f64,
    /// Mean of `published` per second.
    pub published_per_s: f64,
}

impl TopicReport {
    /// Returns the lost messages: dropped and malformed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped + self.malformed
    }

    fn add_difference(&mut self, old: &Account, new: &Account) {
        let difference = |count: fn(&Account) -> u64| count(new).saturating_sub(count(old));
        self.received += difference(|account| account.received);
        self.published += difference(|account| account.published);
        self.thinned += difference(|account| account.thinned);
        self.unsubscribed += difference(|account| account.unsubscribed);
        self.dropped += difference(|account| account.dropped);
        self.malformed += difference(|account| account.malformed);
        self.published_bytes += difference(|account| account.published_bytes);
    }

    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.published += other.published;
        self.thinned += other.thinned;
        self.unsubscribed += other.unsubscribed;
        self.dropped += other.dropped;
        self.malformed += other.malformed;
        self.published_bytes += other.published_bytes;
    }

    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    fn with_rates(mut self, seconds: f64) -> Self {
        if seconds > 0.0 {
            self.received_per_s = self.received as f64 / seconds;
            self.published_per_s = self.published as f64 / seconds;
        }
        self
    }
}

/// One link during the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LinkReport {
    /// `points` or `output`.
    pub link: String,
    /// URL of the server.
    pub url: String,
    /// Time for which it was connected, seconds.
    pub connected_s: f64,
    /// Time observed, seconds.
    pub observed_s: f64,
    /// Links established.
    pub connects: u64,
    /// Established links that ended.
    pub disconnects: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Links closed because nothing arrived.
    pub stalls: u64,
    /// Links that SENSR closed because its send buffer was full.
    pub server_overflows: u64,
    /// Frames received.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
    /// Frames discarded.
    pub discarded_frames: u64,
    /// Parts that did not decode.
    pub undecodable_parts: u64,
    /// Largest fill of the queue between receiving and publishing thread, bytes.
    pub max_queue_bytes: u64,
    /// The same as part of its bound, 0 to 1.
    pub max_queue_fill: f64,
    /// Largest fill of the queue of reliable messages as part of its bound, 0 to 1.
    pub max_reliable_queue_fill: f64,
    /// Error that ended the last link or attempt.
    pub last_error: String,
}

/// Times of one stage during the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StageReport {
    /// `points` or `output`.
    pub link: String,
    /// `decode`, `wait`, `convert`, `publish` or `total`.
    pub stage: String,
    /// Number of runs.
    pub count: u64,
    /// Mean of the runs, milliseconds.
    pub mean_ms: f64,
    /// Longest run, milliseconds.
    pub max_ms: f64,
}

/// Change between two statistics of the same process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Change {
    pub(super) received: u64,
    pub(super) published: u64,
    /// Messages dropped or malformed.
    pub(super) lost: u64,
    /// Fullest queue as part of its bound, at the end.
    pub(super) queue_fill: f64,
}

/// Sums over the run.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    observed: Duration,
    topics: Vec<TopicReport>,
    links: Vec<LinkReport>,
    stages: BTreeMap<(String, String), StageSums>,
}

#[derive(Debug, Default)]
struct StageSums {
    count: u64,
    sum_ns: f64,
    max_ns: u64,
}

impl Traffic {
    /// Adds what happened between `before` and `sample`, which are of the same process. Without `before` the process is
    /// observed from its start on.
    pub(super) fn add(&mut self, before: Option<&BridgeSample>, sample: &BridgeSample) -> Change {
        let start = before.map_or(Duration::ZERO, |before| before.uptime);
        let elapsed = sample.uptime.saturating_sub(start);
        self.observed += elapsed;
        let mut change = Change::default();
        for (name, account) in &sample.topics {
            let old = before.and_then(|before| {
                let mut topics = before.topics.iter();
                topics.find(|(old, _)| old == name)
            });
            let mut part = TopicReport::default();
            part.add_difference(&old.map(|(_, old)| *old).unwrap_or_default(), account);
            change.received += part.received;
            change.published += part.published;
            change.lost += part.lost();
            entry(
                &mut self.topics,
                |topic| topic.topic == *name,
                || TopicReport {
                    topic: name.clone(),
                    ..TopicReport::default()
                },
            )
            .add(&part);
        }
        for link in &sample.links {
            let old = before.and_then(|before| {
                let mut links = before.links.iter();
                links.find(|old| old.name == link.name)
            });
            entry(
                &mut self.links,
                |report| report.link == link.name,
                || LinkReport {
                    link: link.name.clone(),
                    ..LinkReport::default()
                },
            )
            .add(old, link, elapsed, sample.stamp_ns);
        }
        self.observe(sample);
        change.queue_fill = queue_fill(sample);
        change
    }

    /// Takes what a sample says of the present: queues, and the stage times since the sample before.
    pub(super) fn observe(&mut self, sample: &BridgeSample) {
        for link in &sample.links {
            let report = entry(
                &mut self.links,
                |report| report.link == link.name,
                || LinkReport {
                    link: link.name.clone(),
                    ..LinkReport::default()
                },
            );
            report.url.clone_from(&link.url);
            report.last_error.clone_from(&link.last_error);
            report.max_queue_bytes = report.max_queue_bytes.max(link.queue.bytes);
            report.max_queue_fill = report.max_queue_fill.max(fill(link.queue));
            report.max_reliable_queue_fill = report
                .max_reliable_queue_fill
                .max(fill(link.reliable_queue));
        }
        for stage in sample.stages.iter().filter(|stage| stage.count > 0) {
            let key = (stage.link.clone(), stage.stage.clone());
            self.stages.entry(key).or_default().add(stage);
        }
    }

    /// Returns the time for which statistics were received.
    pub(super) fn observed(&self) -> Duration {
        self.observed
    }

    /// Returns the sum of the topics, and the topics that received something.
    pub(super) fn topics(&self) -> (TopicReport, Vec<TopicReport>) {
        let seconds = self.observed.as_secs_f64();
        let mut total = TopicReport {
            topic: "all topics".to_owned(),
            ..TopicReport::default()
        };
        for topic in &self.topics {
            total.add(topic);
        }
        let topics = self.topics.iter().filter(|topic| topic.received > 0);
        let topics = topics.map(|topic| topic.clone().with_rates(seconds));
        (total.with_rates(seconds), topics.collect())
    }

    /// Returns the links.
    pub(super) fn links(&self) -> Vec<LinkReport> {
        self.links.clone()
    }

    /// Returns the stages that ran, those of a link together and in the order of the data flow.
    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    pub(super) fn stages(&self) -> Vec<StageReport> {
        let order = |stage: &str| {
            use crate::metrics::stage_times::Stage;
            Stage::ALL.iter().position(|known| known.name() == stage)
        };
        let mut stages: Vec<StageReport> = self
            .stages
            .iter()
            .map(|((link, stage), sums)| StageReport {
                link: link.clone(),
                stage: stage.clone(),
                count: sums.count,
                mean_ms: sums.sum_ns / sums.count as f64 / 1e6,
                max_ms: sums.max_ns as f64 / 1e6,
            })
            .collect();
        stages.sort_by_key(|stage| (stage.link != "points", order(&stage.stage)));
        stages
    }
}

impl LinkReport {
    fn add(
        &mut self,
        old: Option<&LinkSample>,
        new: &LinkSample,
        elapsed: Duration,
        stamp_ns: i64,
    ) {
        let difference =
            |count: fn(&LinkSample) -> u64| count(new).saturating_sub(old.map_or(0, count));
        self.connects += difference(|link| link.connects);
        self.disconnects += difference(|link| link.disconnects);
        self.failed_attempts += difference(|link| link.failed_attempts);
        self.stalls += difference(|link| link.stalls);
        self.server_overflows += difference(|link| link.server_overflows);
        self.frames += difference(|link| link.frames);
        self.bytes += difference(|link| link.bytes);
        self.discarded_frames += difference(|link| link.discarded_frames);
        self.undecodable_parts += difference(|link| link.undecodable_parts);
        // The last change of state divides the interval.
        let since_change = stamp_ns.saturating_sub(new.state_since_ns);
        let after = Duration::from_nanos(u64::try_from(since_change).unwrap_or(0)).min(elapsed);
        let mut connected = Duration::ZERO;
        if new.state == LinkState::Connected {
            connected += after;
        } else if old.is_some_and(|old| old.state == LinkState::Connected) {
            connected += elapsed.saturating_sub(after);
        }
        self.connected_s += connected.as_secs_f64();
        self.observed_s += elapsed.as_secs_f64();
    }
}

impl StageSums {
    #[expect(clippy::cast_precision_loss, reason = "only for display")]
    fn add(&mut self, stage: &StageSample) {
        self.count += stage.count;
        self.sum_ns += stage.mean_ns as f64 * stage.count as f64;
        self.max_ns = self.max_ns.max(stage.max_ns);
    }
}

/// Fill of the fullest queue as part of its bound.
pub(super) fn queue_fill(sample: &BridgeSample) -> f64 {
    let links = sample.links.iter();
    let fills = links.map(|link| fill(link.queue).max(fill(link.reliable_queue)));
    fills.fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "only for display")]
fn fill(queue: QueueSample) -> f64 {
    if queue.max_bytes == 0 {
        return 0.0;
    }
    queue.bytes as f64 / queue.max_bytes as f64
}

fn entry<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool, create: impl FnOnce() -> T) -> &mut T {
    let index = list.iter().position(is_it).unwrap_or_else(|| {
        list.push(create());
        list.len() - 1
    });
    &mut list[index]
}
