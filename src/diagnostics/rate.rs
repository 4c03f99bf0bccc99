//! Diagnostic of topic rates: warns if clouds or objects arrive at another rate than usual.

mod classifier;
mod usual_rate;

use std::time::{Duration, Instant};

use super::format::format_duration;
use super::trends::{History, growth_per_second};
use super::{DiagnosticsInput, Level, Status};
use crate::connection::status::{LinkFigures, LinkState};
use crate::metrics::ledger::Account;
use crate::topic::Topic;
use classifier::{RateClass, RateClassifier};
use usual_rate::UsualRate;

/// Shortest time over which the rate is measured.
const MIN_WINDOW: Duration = Duration::from_secs(5);
/// Longest time over which the rate is measured.
const MAX_WINDOW: Duration = Duration::from_secs(60);
/// Number of messages that the window is sized for, within its limits.
const WINDOW_MESSAGES: f64 = 10.0;
/// Number of usual messages in a window below which the rate is not classified.
const MIN_MESSAGES: f64 = 5.0;
/// Time after which a changed rate becomes the usual one. Silence never does, but is only a warning from then on: the
/// stream may have been switched off on purpose.
const ACCEPTED_AFTER: Duration = Duration::from_secs(300);

/// Watches the rates of the periodic topics.
#[derive(Debug)]
pub(super) struct RateDiagnostic {
    clouds: [TopicRate; 3],
    objects: [TopicRate; 2],
}

impl RateDiagnostic {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            clouds: Topic::CLOUDS.map(|topic| TopicRate::new(topic, start)),
            objects: [Topic::ObjectPoints, Topic::Objects]
                .map(|topic| TopicRate::new(topic, start)),
        }
    }

    /// Returns one status per topic that ever received a message from the current server.
    pub(super) fn assess_rates(
        &mut self,
        input: &DiagnosticsInput,
    ) -> impl Iterator<Item = Status> {
        let clouds = self.clouds.iter_mut().map(|rate| (rate, &input.points));
        let objects = self.objects.iter_mut().map(|rate| (rate, &input.output));
        clouds.chain(objects).filter_map(|(rate, link)| {
            let account = &input.accounts[rate.topic.index()];
            rate.assess_topic(input.now, &link.figures, account)
        })
    }
}

#[derive(Debug)]
struct TopicRate {
    topic: Topic,
    /// Address of the server.
    url: String,
    /// Number of connects, which identifies the connection.
    connects: u64,
    /// Messages received before the current server was configured.
    received_before: u64,
    /// Counters of the current connection only: there is no rate across a reconnect.
    history: History<Counts>,
    usual_rate: UsualRate,
    classifier: RateClassifier,
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
            usual_rate: UsualRate::default(),
            classifier: RateClassifier::new(start),
        }
    }

    fn assess_topic(
        &mut self,
        now: Instant,
        link: &LinkFigures,
        account: &Account,
    ) -> Option<Status> {
        self.restart_if_reconnected(now, link, account);
        if account.received <= self.received_before {
            return None;
        }
        let (rates, assessment) = if link.state == LinkState::Connected {
            self.assess_rate(now, account)
        } else {
            let message = "the link is not connected".to_owned();
            (Rates::default(), (Level::Stale, message))
        };
        let usual = self.usual_rate.hz();
        let usual = usual.map_or_else(|| "unknown".to_owned(), |hz| format!("{hz:.2}"));
        let status = Status::new(format!("rate of {}", self.topic.name()), assessment)
            .with_value("received (Hz)", format!("{:.2}", rates.received))
            .with_value("usual (Hz)", usual)
            .with_value("published (Hz)", format!("{:.2}", rates.published));
        Some(status)
    }

    /// Forgets the usual rate when the server changes, and empties the window when the connection does.
    fn restart_if_reconnected(&mut self, now: Instant, link: &LinkFigures, account: &Account) {
        if self.url != link.url {
            if !self.url.is_empty() {
                self.received_before = account.received;
            }
            self.url.clone_from(&link.url);
            self.usual_rate = UsualRate::default();
        } else if self.connects == link.connects && link.state == LinkState::Connected {
            return;
        }
        self.connects = link.connects;
        self.history.clear();
        self.usual_rate.skip_gap();
        self.classifier = RateClassifier::new(now);
    }

    fn assess_rate(&mut self, now: Instant, account: &Account) -> (Rates, (Level, String)) {
        let counts = Counts {
            received: account.received,
            published: account.published,
        };
        let oldest = self.history.record_sample(now, counts);
        let is_usual = self.classifier.class() == RateClass::Usual;
        self.usual_rate.record_count(now, counts.received, is_usual);
        let Some(usual_hz) = self.usual_rate.hz() else {
            let rates = Rates::between(oldest, (now, counts));
            let received = format_hz(rates.received);
            let message = format!("{received}, usual rate not known yet");
            return (rates, (Level::Ok, message));
        };
        let window = window_for_rate(usual_hz);
        let begin = self.history.sample_before(now, window);
        let rates = Rates::between(begin.unwrap_or(oldest), (now, counts));
        let is_measurable = begin.is_some() && usual_hz * window.as_secs_f64() >= MIN_MESSAGES;
        if is_measurable {
            self.classifier.observe_rate(now, rates.received, usual_hz);
            self.accept_lasting_rate(now, rates.received);
        }
        (rates, self.describe_class(now, rates.received, window))
    }

    /// Makes the current rate the usual one if it has lasted.
    fn accept_lasting_rate(&mut self, now: Instant, received_hz: f64) {
        let is_lasting = self.classifier.class_age(now) >= ACCEPTED_AFTER;
        let is_accepted = match self.classifier.class() {
            RateClass::Usual | RateClass::Silent => false,
            RateClass::Low => is_lasting,
            // A usual rate learned while the stream was still starting is no reference.
            RateClass::High => is_lasting || !self.usual_rate.is_settled(),
        };
        if is_accepted {
            self.usual_rate.replace_with(received_hz);
            self.classifier = RateClassifier::new(now);
        }
    }

    fn describe_class(&self, now: Instant, received_hz: f64, window: Duration) -> (Level, String) {
        let received = format_hz(received_hz);
        let usual = format_hz(self.usual_rate.hz().unwrap_or_default());
        match self.classifier.class() {
            RateClass::Usual => (Level::Ok, received),
            RateClass::Low | RateClass::High => {
                (Level::Warn, format!("{received}, usually {usual}"))
            }
            RateClass::Silent => {
                let age = self.classifier.class_age(now);
                let level = if age < ACCEPTED_AFTER {
                    Level::Error
                } else {
                    Level::Warn
                };
                let silence = format_duration(window.saturating_add(age));
                let message = format!("no messages for {silence}, usually {usual}");
                (level, message)
            }
        }
    }
}

impl Rates {
    fn between((then, before): (Instant, Counts), (now, counts): (Instant, Counts)) -> Self {
        let elapsed = now.duration_since(then);
        Self {
            received: growth_per_second(before.received, counts.received, elapsed),
            published: growth_per_second(before.published, counts.published, elapsed),
        }
    }
}

/// Returns the time in which [`WINDOW_MESSAGES`] arrive at that rate, within the limits of the window.
fn window_for_rate(usual_hz: f64) -> Duration {
    let seconds = WINDOW_MESSAGES / usual_hz.max(f64::MIN_POSITIVE);
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(MAX_WINDOW)
        .clamp(MIN_WINDOW, MAX_WINDOW)
}

fn format_hz(hz: f64) -> String {
    if hz < 1.0 {
        format!("{hz:.2} Hz")
    } else {
        format!("{hz:.1} Hz")
    }
}

#[cfg(test)]
mod tests;
