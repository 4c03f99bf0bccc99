//! Whether something was lost.

use std::array;
use std::time::{Duration, Instant};

use super::monitor::History;
use super::{Finding, Level, Status, format};
use crate::metrics::ledger::Account;
use crate::topic::Topic;

/// A loss is shown for so long.
const WINDOW: Duration = Duration::from_secs(30);

/// Watches the ledger for losses.
#[derive(Debug)]
pub(super) struct LossWatch {
    history: History<[Lost; Topic::COUNT]>,
}

/// What was lost of a topic.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    dropped: u64,
    malformed: u64,
    /// Clouds that lost their intensities only.
    without_intensity: u64,
}

impl LossWatch {
    pub(super) fn new(start: Instant) -> Self {
        let nothing = [Lost::default(); Topic::COUNT];
        Self {
            history: History::starting_with(WINDOW, start, nothing),
        }
    }

    pub(super) fn examine(&mut self, now: Instant, accounts: &[Account; Topic::COUNT]) -> Status {
        let total = accounts.map(Lost::of);
        let (_, before) = self.history.note(now, total);
        let recent = array::from_fn(|i| total[i].since(before[i]));
        let status = Status::new("loss", judge(&recent, &total));
        with_accounts(status, "", accounts)
    }
}

/// The accounts of all topics that ever received something.
pub(super) fn with_accounts(
    status: Status,
    prefix: &str,
    accounts: &[Account; Topic::COUNT],
) -> Status {
    let active = Topic::ALL.iter().zip(accounts);
    let active = active.filter(|(_, account)| account.received > 0);
    active.fold(status, |status, (topic, account)| {
        status.with(format!("{prefix}{}", topic.name()), account)
    })
}

fn judge(recent: &[Lost; Topic::COUNT], total: &[Lost; Topic::COUNT]) -> Finding {
    let losers: Vec<(Topic, &Lost)> = Topic::ALL
        .into_iter()
        .zip(recent)
        .filter(|(_, lost)| lost.is_something())
        .collect();
    let window = format::span(WINDOW);
    if losers.is_empty() {
        let ever = total
            .iter()
            .fold(0, |sum: u64, lost| sum.saturating_add(lost.messages()));
        let message = match ever {
            0 => "nothing lost".to_owned(),
            _ => format!("nothing lost in the last {window}, {ever} messages since the start"),
        };
        return (Level::Ok, message);
    }
    let is_precious_lost = losers.iter().any(|(topic, _)| is_reliable_event(*topic));
    let level = if is_precious_lost {
        Level::Error
    } else {
        Level::Warn
    };
    let losers: Vec<String> = losers
        .into_iter()
        .map(|(topic, lost)| format!("{} {}", topic.name(), lost.in_words()))
        .collect();
    let losers = losers.join("; ");
    (level, format!("lost in the last {window}: {losers}"))
}

/// Events, zones, health and status are sent once. All else is replaced by the next message, which is why
/// that, and only that, can be switched off.
fn is_reliable_event(topic: Topic) -> bool {
    topic.switch().is_none()
}

impl Lost {
    fn of(account: Account) -> Self {
        Self {
            dropped: account.dropped,
            malformed: account.malformed,
            without_intensity: account.intensity_mismatch,
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_sub(before.dropped),
            malformed: self.malformed.saturating_sub(before.malformed),
            without_intensity: self
                .without_intensity
                .saturating_sub(before.without_intensity),
        }
    }

    fn messages(self) -> u64 {
        self.dropped.saturating_add(self.malformed)
    }

    fn is_something(self) -> bool {
        self.messages() > 0 || self.without_intensity > 0
    }

    fn in_words(self) -> String {
        let counts = [
            (self.dropped, "dropped"),
            (self.malformed, "malformed"),
            (self.without_intensity, "without intensities"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(n, what)| format!("{n} {what}")).collect();
        counts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::QosClass;

    struct Fixture {
        watch: LossWatch,
        now: Instant,
        accounts: [Account; Topic::COUNT],
    }

    impl Fixture {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                watch: LossWatch::new(now),
                now,
                accounts: [Account::default(); Topic::COUNT],
            }
        }

        fn account(&mut self, topic: Topic) -> &mut Account {
            &mut self.accounts[topic.index()]
        }

        fn look(&mut self) -> Status {
            self.now += Duration::from_secs(1);
            self.watch.examine(self.now, &self.accounts)
        }
    }

    #[test]
    fn a_loss_is_named_and_shown_for_half_a_minute() {
        let mut fixture = Fixture::new();
        let status = fixture.look();
        assert_eq!(
            (status.level, &*status.message),
            (Level::Ok, "nothing lost")
        );
        fixture.account(Topic::Raw).dropped = 12;
        fixture.account(Topic::Objects).malformed = 2;
        let status = fixture.look();
        assert_eq!(status.level, Level::Warn);
        assert_eq!(
            status.message,
            "lost in the last 30 s: points/raw 12 dropped; objects 2 malformed"
        );
        let levels: Vec<Level> = (0..31).map(|_| fixture.look().level).collect();
        assert_eq!((levels[28], levels[30]), (Level::Warn, Level::Ok));
        assert_eq!(
            fixture.look().message,
            "nothing lost in the last 30 s, 14 messages since the start"
        );
    }

    #[test]
    fn what_goes_on_being_lost_goes_on_being_shown() {
        let mut fixture = Fixture::new();
        for _ in 0..100 {
            fixture.account(Topic::Ground).dropped += 1;
            assert_eq!(fixture.look().level, Level::Warn);
        }
        let message = fixture.look().message;
        assert!(message.contains("points/ground 29 dropped"), "{message}");
    }

    #[test]
    fn what_was_lost_before_the_first_look_counts() {
        let mut fixture = Fixture::new();
        fixture.account(Topic::Wire).dropped = 1;
        assert_eq!(fixture.look().level, Level::Warn);
    }

    #[test]
    fn a_lost_event_is_an_error() {
        for topic in Topic::ALL {
            let mut fixture = Fixture::new();
            fixture.account(topic).malformed = 1;
            let is_event = match topic.qos_class() {
                QosClass::Event => true,
                // Pictures of the zones come again.
                QosClass::Latched => topic != Topic::ZoneMarkers,
                _ => false,
            };
            let expected = if is_event { Level::Error } else { Level::Warn };
            assert_eq!(fixture.look().level, expected, "{topic:?}");
        }
    }

    #[test]
    fn lost_intensities_are_no_lost_message() {
        let mut fixture = Fixture::new();
        fixture.account(Topic::Raw).intensity_mismatch = 3;
        let status = fixture.look();
        assert_eq!(status.level, Level::Warn);
        assert!(status.message.ends_with("points/raw 3 without intensities"));
        fixture.now += Duration::from_secs(40);
        fixture.look();
        assert_eq!(fixture.look().message, "nothing lost");
    }

    #[test]
    fn the_ledger_of_active_topics_is_shown() {
        let mut fixture = Fixture::new();
        let account = fixture.account(Topic::Health);
        (account.received, account.published, account.queued) = (3, 2, 1);
        let (key, value) = &fixture.look().values[0];
        assert_eq!(key, "health");
        assert_eq!(
            value,
            "received 3 = published 2 + thinned 0 + unsubscribed 0 + dropped 0 + malformed 0 + queued 1"
        );
        assert_eq!(fixture.look().values.len(), 1);
    }
}
