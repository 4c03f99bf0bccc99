//! State of one bridge as the monitor knows it: the newest samples, rates between them, and a bounded history.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::sample::{
    BridgeSample, DiagnosticSample, EventSample, LinkSample, RecordingSample, StageSample,
};
use crate::connection::status::LinkState;
use crate::diagnostics::Level;
use crate::metrics::ledger::Account;
use crate::recorder::report::RecordingState;

/// Number of rates kept for a sparkline: two minutes at the usual `statistics_period` of one second.
pub const HISTORY_LENGTH: usize = 120;
/// Number of events kept.
pub const MAX_EVENTS: usize = 500;
/// Time without statistics after which a bridge counts as silent. The longest `statistics_period` is above it; such a
/// bridge is silent after three of its periods.
pub const SILENT_AFTER: Duration = Duration::from_secs(5);

/// Node that a diagnostic is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The bridge.
    Bridge,
    /// `sensr_recorder`.
    Recorder,
}

/// Per-second rates of one topic between the last two samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopicRates {
    /// Messages in the frames from SENSR.
    pub received: f64,
    /// Messages passed to the middleware.
    pub published: f64,
    /// Lost messages: dropped and malformed.
    pub lost: f64,
    /// Bytes passed to the middleware.
    pub published_bytes: f64,
    /// `received` of the last samples, oldest first.
    pub history: VecDeque<f64>,
}

/// Per-second rates of one link between the last two samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkRates {
    /// Frames received.
    pub frames: f64,
    /// Bytes received.
    pub bytes: f64,
    /// `bytes` of the last samples, oldest first.
    pub history: VecDeque<f64>,
}

/// State of one bridge and its recorder.
#[derive(Debug, Clone)]
pub struct Site {
    namespace: String,
    bridge: Option<(BridgeSample, Instant)>,
    /// Time between the last two statistics.
    period: Option<Duration>,
    recording: Option<(RecordingSample, Instant)>,
    topic_rates: BTreeMap<String, TopicRates>,
    link_rates: BTreeMap<String, LinkRates>,
    /// Runs of each stage in the newest sample that has any, by link and stage.
    stages: BTreeMap<(String, String), StageSample>,
    memory: VecDeque<f64>,
    diagnostics: BTreeMap<Source, Vec<DiagnosticSample>>,
    events: VecDeque<EventSample>,
    restarts: u64,
}

impl Site {
    /// Creates the state of a bridge that nothing is known of. `namespace` is absolute, `/` for none.
    #[must_use]
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            bridge: None,
            period: None,
            recording: None,
            topic_rates: BTreeMap::new(),
            link_rates: BTreeMap::new(),
            stages: BTreeMap::new(),
            memory: VecDeque::new(),
            diagnostics: BTreeMap::new(),
            events: VecDeque::new(),
            restarts: 0,
        }
    }

    /// Returns the namespace, `/` for none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the name for people: the namespace without its first slash, `/` for none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.namespace.trim_start_matches('/') {
            "" => "/",
            name => name,
        }
    }

    /// Adopts new statistics, and notes what changed as events.
    pub fn on_statistics(&mut self, sample: BridgeSample, now: Instant) {
        let before = self.bridge.take().map(|(before, _)| before);
        let same_run = before.filter(|before| {
            let is_same = BridgeSample::is_same_run(before.run_start_ns(), sample.run_start_ns());
            if !is_same {
                self.restarts += 1;
                self.note(
                    sample.stamp_ns,
                    Level::Warn,
                    "the bridge was started again".to_owned(),
                );
            }
            is_same
        });
        if let Some(before) = same_run {
            self.note_link_changes(&before.links, &sample);
            let elapsed_ns = sample.stamp_ns - before.stamp_ns;
            if let Ok(elapsed_ns) = u64::try_from(elapsed_ns)
                && elapsed_ns > 0
            {
                let elapsed = Duration::from_nanos(elapsed_ns);
                self.period = Some(elapsed);
                self.update_rates(&before, &sample, elapsed.as_secs_f64());
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "only for display")]
        push_bounded(&mut self.memory, sample.rss_bytes as f64, HISTORY_LENGTH);
        for stage in sample.stages.iter().filter(|stage| stage.count > 0) {
            self.stages
                .insert((stage.link.clone(), stage.stage.clone()), stage.clone());
        }
        self.bridge = Some((sample, now));
    }

    /// Adopts a new state of the recording, and notes a change of it as event.
    pub fn on_recording(&mut self, sample: RecordingSample, now: Instant) {
        let before = self.recording.as_ref();
        let before = before.map(|(before, _)| (before.state, before.missing));
        let (old_state, old_missing) = before.unwrap_or((sample.state, sample.missing));
        if old_state != sample.state {
            let level = match sample.state {
                state if state == RecordingState::Retrying.number() => Level::Error,
                state if state == RecordingState::DiskFull.number() => Level::Error,
                _ => Level::Ok,
            };
            let reason = match sample.reason.as_str() {
                "" => String::new(),
                reason => format!(": {reason}"),
            };
            let state = RecordingState::name_of(sample.state);
            self.note(
                sample.stamp_ns,
                level,
                format!("recording: {state}{reason}"),
            );
        }
        if sample.missing > old_missing {
            let more = sample.missing - old_missing;
            let text = format!("recording: {more} more messages are missing in the closed splits");
            self.note(sample.stamp_ns, Level::Error, text);
        }
        self.recording = Some((sample, now));
    }

    /// Adopts the diagnostics of a node in place of its former ones.
    pub fn on_diagnostics(&mut self, source: Source, statuses: Vec<DiagnosticSample>) {
        self.diagnostics.insert(source, statuses);
    }

    /// Adds an event.
    pub fn on_event(&mut self, event: EventSample) {
        push_bounded(&mut self.events, event, MAX_EVENTS);
    }

    /// Returns the newest statistics.
    #[must_use]
    pub fn bridge(&self) -> Option<&BridgeSample> {
        self.bridge.as_ref().map(|(sample, _)| sample)
    }

    /// Returns the time since the newest statistics arrived.
    #[must_use]
    pub fn bridge_age(&self, now: Instant) -> Option<Duration> {
        let (_, arrival) = self.bridge.as_ref()?;
        Some(now.saturating_duration_since(*arrival))
    }

    /// Returns whether the bridge has stopped publishing statistics, or never has.
    #[must_use]
    pub fn is_silent(&self, now: Instant) -> bool {
        let limit = self
            .period
            .map_or(SILENT_AFTER, |period| SILENT_AFTER.max(period * 3));
        self.bridge_age(now).is_none_or(|age| age > limit)
    }

    /// Returns the newest state of the recording.
    #[must_use]
    pub fn recording(&self) -> Option<&RecordingSample> {
        self.recording.as_ref().map(|(sample, _)| sample)
    }

    /// Returns the time since the newest state of the recording arrived.
    #[must_use]
    pub fn recording_age(&self, now: Instant) -> Option<Duration> {
        let (_, arrival) = self.recording.as_ref()?;
        Some(now.saturating_duration_since(*arrival))
    }

    /// Returns the rates of a topic. `None` before the second statistics.
    #[must_use]
    pub fn topic_rates(&self, topic: &str) -> Option<&TopicRates> {
        self.topic_rates.get(topic)
    }

    /// Returns the rates of a link. `None` before the second statistics.
    #[must_use]
    pub fn link_rates(&self, link: &str) -> Option<&LinkRates> {
        self.link_rates.get(link)
    }

    /// Returns the times of each stage in the newest statistics in which it ran.
    pub fn stages(&self) -> impl Iterator<Item = &StageSample> {
        self.stages.values()
    }

    /// Returns the resident memory of the bridge in the last samples, bytes, oldest first.
    #[must_use]
    pub fn memory(&self) -> &VecDeque<f64> {
        &self.memory
    }

    /// Returns all diagnostics, those of the bridge first.
    pub fn diagnostics(&self) -> impl Iterator<Item = &DiagnosticSample> {
        self.diagnostics.values().flatten()
    }

    /// Returns the worst level of all diagnostics. `None` if there are none.
    #[must_use]
    pub fn worst_level(&self) -> Option<Level> {
        self.diagnostics().map(|status| status.level).max()
    }

    /// Returns the events, oldest first.
    #[must_use]
    pub fn events(&self) -> &VecDeque<EventSample> {
        &self.events
    }

    /// Returns the number of restarts of the bridge that were noticed.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Returns the sum of the accounts of all topics.
    #[must_use]
    pub fn total(&self) -> Account {
        let mut total = Account::default();
        for (_, account) in self.bridge().into_iter().flat_map(|sample| &sample.topics) {
            total.received += account.received;
            total.published += account.published;
            total.thinned += account.thinned;
            total.unsubscribed += account.unsubscribed;
            total.dropped += account.dropped;
            total.malformed += account.malformed;
            total.queued += account.queued;
            total.published_bytes += account.published_bytes;
        }
        total
    }

    fn note(&mut self, stamp_ns: i64, level: Level, text: String) {
        self.on_event(EventSample {
            stamp_ns,
            level,
            text,
        });
    }

    fn note_link_changes(&mut self, before: &[LinkSample], sample: &BridgeSample) {
        for link in &sample.links {
            let Some(old) = before.iter().find(|old| old.name == link.name) else {
                continue;
            };
            if old.state == link.state {
                continue;
            }
            let (level, text) = match link.state {
                LinkState::Connected => (Level::Ok, "connected".to_owned()),
                LinkState::Paused => (Level::Warn, "paused".to_owned()),
                LinkState::Stopped => (Level::Warn, "stopped".to_owned()),
                LinkState::Backoff if old.state == LinkState::Connected => {
                    (Level::Error, format!("lost: {}", link.last_error))
                }
                // The way back from a loss.
                LinkState::Connecting | LinkState::Backoff => continue,
            };
            let text = format!("{} link {text}", link.name);
            self.note(sample.stamp_ns, level, text);
        }
    }

    fn update_rates(&mut self, before: &BridgeSample, sample: &BridgeSample, seconds: f64) {
        #[expect(clippy::cast_precision_loss, reason = "only for display")]
        let rate = |old: u64, new: u64| new.saturating_sub(old) as f64 / seconds;
        for (topic, new) in &sample.topics {
            let Some((_, old)) = before.topics.iter().find(|(name, _)| name == topic) else {
                continue;
            };
            let rates = self.topic_rates.entry(topic.clone()).or_default();
            rates.received = rate(old.received, new.received);
            rates.published = rate(old.published, new.published);
            rates.lost = rate(old.dropped + old.malformed, new.dropped + new.malformed);
            rates.published_bytes = rate(old.published_bytes, new.published_bytes);
            push_bounded(&mut rates.history, rates.received, HISTORY_LENGTH);
        }
        for new in &sample.links {
            let Some(old) = before.links.iter().find(|old| old.name == new.name) else {
                continue;
            };
            let rates = self.link_rates.entry(new.name.clone()).or_default();
            rates.frames = rate(old.frames, new.frames);
            rates.bytes = rate(old.bytes, new.bytes);
            push_bounded(&mut rates.history, rates.bytes, HISTORY_LENGTH);
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, length: usize) {
    if queue.len() == length {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    /// Statistics `second` seconds after the start of a run that began at `start_ns`.
    fn sample(start_ns: i64, second: u64, received: u64) -> BridgeSample {
        let uptime = Duration::from_secs(second);
        BridgeSample {
            stamp_ns: start_ns + i64::try_from(second).expect("small") * SECOND_NS,
            uptime,
            links: vec![LinkSample {
                name: "points".to_owned(),
                bytes: received * 1000,
                frames: received,
                ..LinkSample::default()
            }],
            topics: vec![(
                "points/raw".to_owned(),
                Account {
                    received,
                    published: received,
                    ..Account::default()
                },
            )],
            rss_bytes: received,
            ..BridgeSample::default()
        }
    }

    fn link_state(mut sample: BridgeSample, state: LinkState, error: &str) -> BridgeSample {
        sample.links[0].state = state;
        error.clone_into(&mut sample.links[0].last_error);
        sample
    }

    fn texts(site: &Site) -> Vec<&str> {
        site.events().iter().map(|event| &*event.text).collect()
    }

    #[test]
    fn rates_are_those_between_the_last_two_samples() {
        let mut site = Site::new("/harbour");
        let now = Instant::now();
        site.on_statistics(sample(0, 10, 100), now);
        assert_eq!(site.topic_rates("points/raw"), None);
        site.on_statistics(sample(0, 12, 120), now);
        site.on_statistics(sample(0, 13, 150), now);
        let rates = site.topic_rates("points/raw").expect("known");
        assert_eq!(rates.history, [10.0, 30.0]);
        let link = site.link_rates("points").expect("known");
        assert_eq!(link.history, [10_000.0, 30_000.0]);
        assert_eq!(site.total().published, 150);
        assert_eq!(*site.memory(), [100.0, 120.0, 150.0]);
    }

    #[test]
    fn a_restart_is_noted_and_gives_no_rate() {
        let mut site = Site::new("/");
        let now = Instant::now();
        site.on_statistics(sample(0, 10, 100), now);
        site.on_statistics(sample(30 * SECOND_NS, 1, 7), now);
        assert_eq!(site.restarts(), 1);
        assert_eq!(site.topic_rates("points/raw"), None);
        assert_eq!(texts(&site), ["the bridge was started again"]);
    }

    #[test]
    fn loss_and_return_of_a_link_are_noted_once() {
        let mut site = Site::new("/");
        let states = [
            (LinkState::Connected, ""),
            (LinkState::Backoff, "connection refused"),
            (LinkState::Connecting, "connection refused"),
            (LinkState::Backoff, "connection refused"),
            (LinkState::Connected, "connection refused"),
        ];
        for ((state, error), second) in states.into_iter().zip(1..) {
            site.on_statistics(
                link_state(sample(0, second, 0), state, error),
                Instant::now(),
            );
        }
        assert_eq!(
            texts(&site),
            [
                "points link lost: connection refused",
                "points link connected"
            ]
        );
    }

    #[test]
    fn changes_of_the_recording_are_noted_with_their_reason() {
        let mut site = Site::new("/");
        let mut recording = RecordingSample {
            state: RecordingState::Recording.number(),
            ..RecordingSample::default()
        };
        site.on_recording(recording.clone(), Instant::now());
        recording.state = RecordingState::DiskFull.number();
        recording.reason = "1 GB are free".to_owned();
        recording.missing = 3;
        site.on_recording(recording, Instant::now());
        assert_eq!(
            texts(&site),
            [
                "recording: disk full: 1 GB are free",
                "recording: 3 more messages are missing in the closed splits"
            ]
        );
    }

    #[test]
    fn silence_is_judged_by_the_period_of_the_statistics() {
        let mut site = Site::new("/");
        let now = Instant::now();
        assert!(site.is_silent(now));
        site.on_statistics(sample(0, 10, 0), now);
        assert!(!site.is_silent(now + Duration::from_secs(5)));
        assert!(site.is_silent(now + Duration::from_secs(6)));
        site.on_statistics(sample(0, 20, 0), now);
        assert!(!site.is_silent(now + Duration::from_secs(30)));
        assert!(site.is_silent(now + Duration::from_secs(31)));
    }

    #[test]
    fn everything_kept_is_bounded() {
        let mut site = Site::new("/");
        for second in 0..2000 {
            site.on_statistics(sample(0, second, second), Instant::now());
            site.note(0, Level::Ok, String::new());
        }
        assert_eq!(site.events().len(), MAX_EVENTS);
        assert_eq!(site.memory().len(), HISTORY_LENGTH);
        let rates = site.topic_rates("points/raw").expect("known");
        assert_eq!(rates.history.len(), HISTORY_LENGTH);
    }

    #[test]
    fn the_name_for_people_has_no_first_slash() {
        assert_eq!(Site::new("/north/samyang").name(), "north/samyang");
        assert_eq!(Site::new("/").name(), "/");
    }
}
