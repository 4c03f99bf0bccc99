//! Diagnostic of losses: topics with dropped or malformed messages.

use std::array;
use std::time::{Duration, Instant};

use super::format::format_duration;
use super::trends::History;
use super::{Level, Status};
use crate::metrics::ledger::{Account, Accounts};
use crate::topic::{AnyTopic, SensorTopics};

/// Time for which a loss is shown.
const WINDOW: Duration = Duration::from_secs(30);

/// Watches the ledger for losses.
#[derive(Debug)]
pub(super) struct LossDiagnostic {
    history: History<Losses>,
}

/// Losses of all topics, in the order of [`AnyTopic::index`].
type Losses = [TopicLoss; AnyTopic::COUNT];

/// Losses of one topic.
#[derive(Debug, Clone, Copy, Default)]
struct TopicLoss {
    dropped: u64,
    malformed: u64,
    /// Clouds published without their intensities.
    without_intensity: u64,
}

impl LossDiagnostic {
    pub(super) fn new(start: Instant) -> Self {
        let nothing = [TopicLoss::default(); AnyTopic::COUNT];
        Self {
            history: History::starting_with(WINDOW, start, nothing),
        }
    }

    pub(super) fn assess_ledger(
        &mut self,
        now: Instant,
        accounts: &Accounts,
        sensor_topics: &SensorTopics,
    ) -> Status {
        let total = accounts.map(TopicLoss::count_in);
        let (_, before) = self.history.record_sample(now, total);
        let recent = array::from_fn(|i| total[i].growth_since(before[i]));
        let status = Status::new("loss", describe_losses(&recent, &total, sensor_topics));
        with_accounts(status, "", accounts, sensor_topics)
    }
}

/// Adds the accounts of all topics that ever received a message.
pub(super) fn with_accounts(
    status: Status,
    prefix: &str,
    accounts: &Accounts,
    sensor_topics: &SensorTopics,
) -> Status {
    let topics = sensor_topics.with_names(accounts);
    let active = topics.filter(|(_, _, account)| account.received > 0);
    active.fold(status, |status, (_, name, account)| {
        status.with_value(format!("{prefix}{name}"), account)
    })
}

fn describe_losses(
    recent: &Losses,
    total: &Losses,
    sensor_topics: &SensorTopics,
) -> (Level, String) {
    let lossy: Vec<(AnyTopic, &str, &TopicLoss)> = sensor_topics
        .with_names(recent)
        .filter(|(_, _, loss)| loss.has_any())
        .collect();
    let window = format_duration(WINDOW);
    if lossy.is_empty() {
        let lost_ever = total
            .iter()
            .fold(0, |sum: u64, loss| sum.saturating_add(loss.lost_messages()));
        let message = match lost_ever {
            0 => "nothing lost".to_owned(),
            _ => format!("nothing lost in the last {window}, {lost_ever} messages since the start"),
        };
        return (Level::Ok, message);
    }
    let is_reliable_message_lost = lossy
        .iter()
        .any(|(topic, _, _)| carries_reliable_messages(*topic));
    let level = if is_reliable_message_lost {
        Level::Error
    } else {
        Level::Warn
    };
    let losses: Vec<String> = lossy
        .into_iter()
        .map(|(_, name, loss)| format!("{name} {}", loss.list_counts()))
        .collect();
    let losses = losses.join("; ");
    (level, format!("lost in the last {window}: {losses}"))
}

/// Returns whether messages of the topic (events, zones, health, status) are sent only once. Those of other topics are
/// replaced by the next message, which is why only those topics can be switched off.
fn carries_reliable_messages(topic: AnyTopic) -> bool {
    topic.row().switch().is_none()
}

impl TopicLoss {
    fn count_in(account: Account) -> Self {
        Self {
            dropped: account.dropped,
            malformed: account.malformed,
            without_intensity: account.intensity_mismatch,
        }
    }

    fn growth_since(self, before: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_sub(before.dropped),
            malformed: self.malformed.saturating_sub(before.malformed),
            without_intensity: self
                .without_intensity
                .saturating_sub(before.without_intensity),
        }
    }

    fn lost_messages(self) -> u64 {
        self.dropped.saturating_add(self.malformed)
    }

    fn has_any(self) -> bool {
        self.lost_messages() > 0 || self.without_intensity > 0
    }

    fn list_counts(self) -> String {
        let counts = [
            (self.dropped, "dropped"),
            (self.malformed, "malformed"),
            (self.without_intensity, "without intensities"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(n, kind)| format!("{n} {kind}")).collect();
        counts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::{QosClass, Topic};

    struct Fixture {
        diagnostic: LossDiagnostic,
        now: Instant,
        accounts: Accounts,
        sensor_topics: SensorTopics,
    }

    impl Fixture {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                diagnostic: LossDiagnostic::new(now),
                now,
                accounts: [Account::default(); AnyTopic::COUNT],
                sensor_topics: SensorTopics::default(),
            }
        }

        fn account(&mut self, topic: impl Into<AnyTopic>) -> &mut Account {
            &mut self.accounts[topic.into().index()]
        }

        fn assess_after_second(&mut self) -> Status {
            self.now += Duration::from_secs(1);
            self.diagnostic
                .assess_ledger(self.now, &self.accounts, &self.sensor_topics)
        }
    }

    #[test]
    fn a_loss_is_shown_with_its_topic_for_half_a_minute() {
        let mut fixture = Fixture::new();
        let status = fixture.assess_after_second();
        assert_eq!(
            (status.level, &*status.message),
            (Level::Ok, "nothing lost")
        );
        fixture.account(Topic::Raw).dropped = 12;
        fixture.account(Topic::Objects).malformed = 2;
        let status = fixture.assess_after_second();
        assert_eq!(status.level, Level::Warn);
        assert_eq!(
            status.message,
            "lost in the last 30 s: points/raw 12 dropped; objects 2 malformed"
        );
        let levels: Vec<Level> = (0..31)
            .map(|_| fixture.assess_after_second().level)
            .collect();
        assert_eq!((levels[28], levels[30]), (Level::Warn, Level::Ok));
        assert_eq!(
            fixture.assess_after_second().message,
            "nothing lost in the last 30 s, 14 messages since the start"
        );
    }

    #[test]
    fn a_continuing_loss_stays_shown() {
        let mut fixture = Fixture::new();
        for _ in 0..100 {
            fixture.account(Topic::Ground).dropped += 1;
            assert_eq!(fixture.assess_after_second().level, Level::Warn);
        }
        let message = fixture.assess_after_second().message;
        assert!(message.contains("points/ground 29 dropped"), "{message}");
    }

    #[test]
    fn losses_before_the_first_assessment_count() {
        let mut fixture = Fixture::new();
        fixture.account(Topic::Wire).dropped = 1;
        assert_eq!(fixture.assess_after_second().level, Level::Warn);
    }

    #[test]
    fn a_lost_reliable_message_is_an_error() {
        for topic in Topic::ALL {
            let mut fixture = Fixture::new();
            fixture.account(topic).malformed = 1;
            let is_reliable = match topic.qos_class() {
                QosClass::Event => true,
                // Markers of the zones are published again.
                QosClass::Latched => topic != Topic::ZoneMarkers,
                _ => false,
            };
            let expected = if is_reliable {
                Level::Error
            } else {
                Level::Warn
            };
            assert_eq!(fixture.assess_after_second().level, expected, "{topic:?}");
        }
    }

    #[test]
    fn lost_intensities_are_not_counted_as_lost_messages() {
        let mut fixture = Fixture::new();
        fixture.account(Topic::Raw).intensity_mismatch = 3;
        let status = fixture.assess_after_second();
        assert_eq!(status.level, Level::Warn);
        assert!(status.message.ends_with("points/raw 3 without intensities"));
        fixture.now += Duration::from_secs(40);
        fixture.assess_after_second();
        assert_eq!(fixture.assess_after_second().message, "nothing lost");
    }

    #[test]
    fn topics_of_sensors_are_shown_with_their_names() {
        let mut fixture = Fixture::new();
        let sensor = fixture.sensor_topics.assign(b"algo#lidar").expect("free");
        fixture.account(sensor).received = 1;
        fixture.account(sensor).dropped = 1;
        let status = fixture.assess_after_second();
        assert_eq!(
            (status.level, &*status.message),
            (
                Level::Warn,
                "lost in the last 30 s: points/raw/algo_lidar 1 dropped"
            )
        );
        assert_eq!(status.values[0].0, "points/raw/algo_lidar");
    }

    #[test]
    fn the_ledger_of_active_topics_is_shown() {
        let mut fixture = Fixture::new();
        let account = fixture.account(Topic::Health);
        (account.received, account.published, account.queued) = (3, 2, 1);
        let (key, value) = &fixture.assess_after_second().values[0];
        assert_eq!(key, "health");
        assert_eq!(
            value,
            "received 3 = published 2 + thinned 0 + unsubscribed 0 + dropped 0 + malformed 0 + queued 1"
        );
        assert_eq!(fixture.assess_after_second().values.len(), 1);
    }
}
