//! Whether clouds and objects come as often as they used to.

mod classifier;
mod usual_rate;

use std::time::{Duration, Instant};

use super::monitor::{History, per_second};
use super::{DiagnosticsInput, Finding, Level, Status, format};
use crate::connection::status::{LinkFigures, LinkState};
use crate::metrics::ledger::Account;
use crate::topic::Topic;
use classifier::{RateClassifier, Verdict};
use usual_rate::UsualRate;

/// The rate is that of so long a time …
const WINDOW: Duration = Duration::from_secs(5);
/// … or of so many messages, if they are rare …
const MESSAGES: f64 = 10.0;
/// … but never of more than this.
const MAX_WINDOW: Duration = Duration::from_secs(60);
/// Fewer messages than this in a window tell nothing.
const MIN_MESSAGES: f64 = 5.0;
/// What has been otherwise for so long is the new normal. Silence is not, but is no longer an error: someone
/// may have switched it off.
const ACCEPTED_AFTER: Duration = Duration::from_secs(300);

/// Watches the rates of what comes all the time.
#[derive(Debug)]
pub(super) struct RateWatch {
    clouds: [TopicRate; 3],
    objects: [TopicRate; 2],
}

impl RateWatch {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            clouds: Topic::CLOUDS.map(|topic| TopicRate::new(topic, start)),
            objects: [Topic::ObjectPoints, Topic::Objects]
                .map(|topic| TopicRate::new(topic, start)),
        }
    }

    /// One status per topic that ever received something from the server it is connected to.
    pub(super) fn examine(&mut self, facts: &DiagnosticsInput) -> impl Iterator<Item = Status> {
        let clouds = self.clouds.iter_mut().map(|rate| (rate, &facts.points));
        let objects = self.objects.iter_mut().map(|rate| (rate, &facts.output));
        clouds.chain(objects).filter_map(|(rate, link)| {
            let account = &facts.accounts[rate.topic.index()];
            rate.examine(facts.now, &link.figures, account)
        })
    }
}

#[derive(Debug)]
struct TopicRate {
    topic: Topic,
    /// The server, and how many links to it there have been.
    url: String,
    connects: u64,
    /// How many had been received when this server was first connected to.
    received_before: u64,
    /// Of this link only: while there was none, there was no rate.
    history: History<Counts>,
    normal: UsualRate,
    court: RateClassifier,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    received: u64,
    published: u64,
}

/// Messages per second within a window.
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    received: f64,
    published: f64,
}

impl TopicRate {
    fn new(topic: Topic, start: Instant) -> Self {
        Self {
            topic,
            url: String::new(),
            connects: 0,
            received_before: 0,
            history: History::new(MAX_WINDOW),
            normal: UsualRate::default(),
            court: RateClassifier::new(start),
        }
    }

    fn examine(&mut self, now: Instant, link: &LinkFigures, account: &Account) -> Option<Status> {
        self.follow(now, link, account);
        if account.received <= self.received_before {
            return None;
        }
        let (rates, judgement) = if link.state == LinkState::Connected {
            self.look(now, account)
        } else {
            let message = "the link is not connected".to_owned();
            (Rates::default(), (Level::Stale, message))
        };
        let normal = self.normal.hz();
        let normal = normal.map_or_else(|| "unknown".to_owned(), |hz| format!("{hz:.2}"));
        let status = Status::new(format!("rate of {}", self.topic.name()), judgement)
            .with("received (Hz)", format!("{:.2}", rates.received))
            .with("normal (Hz)", normal)
            .with("published (Hz)", format!("{:.2}", rates.published));
        Some(status)
    }

    /// Another server has another normal; another link starts with an empty window.
    fn follow(&mut self, now: Instant, link: &LinkFigures, account: &Account) {
        if self.url != link.url {
            if !self.url.is_empty() {
                self.received_before = account.received;
            }
            self.url.clone_from(&link.url);
            self.normal = UsualRate::default();
        } else if self.connects == link.connects && link.state == LinkState::Connected {
            return;
        }
        self.connects = link.connects;
        self.history.clear();
        self.normal.pause();
        self.court = RateClassifier::new(now);
    }

    fn look(&mut self, now: Instant, account: &Account) -> (Rates, Finding) {
        let counts = Counts {
            received: account.received,
            published: account.published,
        };
        let oldest = self.history.note(now, counts);
        let is_usual = self.court.verdict() == Verdict::Usual;
        self.normal.note(now, counts.received, is_usual);
        let Some(normal) = self.normal.hz() else {
            let rates = Rates::between(oldest, (now, counts));
            let message = format!("{}, not known yet what is normal", hertz(rates.received));
            return (rates, (Level::Ok, message));
        };
        let window = window(normal);
        let begin = self.history.back(now, window);
        let rates = Rates::between(begin.unwrap_or(oldest), (now, counts));
        let can_tell = begin.is_some() && normal * window.as_secs_f64() >= MIN_MESSAGES;
        if can_tell {
            self.court.observe(now, rates.received, normal);
            self.accept(now, rates.received);
        }
        (rates, self.judge(now, rates.received, window))
    }

    /// What is no exception any more is normal.
    fn accept(&mut self, now: Instant, received_hz: f64) {
        let is_lasting = self.court.age(now) >= ACCEPTED_AFTER;
        let is_accepted = match self.court.verdict() {
            Verdict::Usual | Verdict::Silent => false,
            Verdict::Low => is_lasting,
            // What was learned from a stream that had not got going is no measure.
            Verdict::High => is_lasting || !self.normal.is_settled(),
        };
        if is_accepted {
            self.normal.set(received_hz);
            self.court = RateClassifier::new(now);
        }
    }

    fn judge(&self, now: Instant, received_hz: f64, window: Duration) -> Finding {
        let received = hertz(received_hz);
        let normal = hertz(self.normal.hz().unwrap_or_default());
        match self.court.verdict() {
            Verdict::Usual => (Level::Ok, received),
            Verdict::Low | Verdict::High => {
                (Level::Warn, format!("{received}, {normal} is normal"))
            }
            Verdict::Silent => {
                let age = self.court.age(now);
                let level = if age < ACCEPTED_AFTER {
                    Level::Error
                } else {
                    Level::Warn
                };
                let silence = format::span(window.saturating_add(age));
                (level, format!("nothing for {silence}, {normal} is normal"))
            }
        }
    }
}

impl Rates {
    fn between((then, before): (Instant, Counts), (now, counts): (Instant, Counts)) -> Self {
        let elapsed = now.duration_since(then);
        Self {
            received: per_second(before.received, counts.received, elapsed),
            published: per_second(before.published, counts.published, elapsed),
        }
    }
}

/// Long enough for [`MESSAGES`] at that rate.
fn window(normal_hz: f64) -> Duration {
    let seconds = MESSAGES / normal_hz.max(f64::MIN_POSITIVE);
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(MAX_WINDOW)
        .clamp(WINDOW, MAX_WINDOW)
}

fn hertz(hz: f64) -> String {
    if hz < 1.0 {
        format!("{hz:.2} Hz")
    } else {
        format!("{hz:.1} Hz")
    }
}

#[cfg(test)]
mod tests;
