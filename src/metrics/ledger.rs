//! The loss ledger: where every message for a topic went.

use std::fmt;
use std::sync::Mutex;

use super::lock;
use crate::topic::Topic;

/// The account of one topic. At every instant [`balances`](Self::balances) holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Found in frames from SENSR.
    pub received: u64,
    /// Handed to the middleware.
    pub published: u64,
    /// Left out by the interval.
    pub thinned: u64,
    /// Nobody wanted it: no subscriber, or switched off by parameter.
    pub unsubscribed: u64,
    /// Lost: pushed out of the queue, refused by the middleware, or left over at the end.
    pub dropped: u64,
    /// Lost: not a whole number of points, or no event at all.
    pub malformed: u64,
    /// Between reader and publisher.
    pub queued: u64,
    /// Bytes handed to the middleware.
    pub published_bytes: u64,
    /// Those of the largest message.
    pub largest_bytes: u64,
    /// Clouds without a point. Published.
    pub empty: u64,
    /// Clouds with a wrong number of intensities. Published with intensity 0.
    pub intensity_mismatch: u64,
}

impl Account {
    /// Whether everything received is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.received
            == self.published
                + self.thinned
                + self.unsubscribed
                + self.dropped
                + self.malformed
                + self.queued
    }
}

impl fmt::Display for Account {
    /// The equation that holds at every instant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            received,
            published,
            thinned,
            unsubscribed,
            dropped,
            malformed,
            queued,
            ..
        } = self;
        write!(
            f,
            "received {received} = published {published} + thinned {thinned} + unsubscribed {unsubscribed} \
             + dropped {dropped} + malformed {malformed} + queued {queued}"
        )
    }
}

/// What the reader does with a message it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Passed on to the publisher, who settles it later.
    Queued,
    /// Not due yet.
    Thinned,
    /// Switched off.
    Unsubscribed,
    /// Not what it should be.
    Malformed,
}

/// What became of a queued message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Handed to the middleware with that many bytes.
    Published {
        /// Length of the serialized message.
        bytes: usize,
    },
    /// Nobody subscribes.
    Unsubscribed,
    /// Lost.
    Dropped,
}

/// The accounts of all topics.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: Mutex<[Account; Topic::COUNT]>,
}

impl Ledger {
    /// Enters a message that just arrived.
    pub fn receive(&self, topic: Topic, intake: Intake) {
        self.update(topic, |account| {
            account.received += 1;
            *match intake {
                Intake::Queued => &mut account.queued,
                Intake::Thinned => &mut account.thinned,
                Intake::Unsubscribed => &mut account.unsubscribed,
                Intake::Malformed => &mut account.malformed,
            } += 1;
        });
    }

    /// Enters what became of a message that was queued.
    pub fn settle(&self, topic: Topic, outcome: Outcome) {
        self.update(topic, |account| {
            account.queued = account.queued.saturating_sub(1);
            match outcome {
                Outcome::Published { bytes } => {
                    account.published += 1;
                    account.published_bytes += bytes as u64;
                    account.largest_bytes = account.largest_bytes.max(bytes as u64);
                }
                Outcome::Unsubscribed => account.unsubscribed += 1,
                Outcome::Dropped => account.dropped += 1,
            }
        });
    }

    /// Notes a cloud without points.
    pub fn note_empty(&self, topic: Topic) {
        self.update(topic, |account| account.empty += 1);
    }

    /// Notes a cloud whose intensities do not fit its points.
    pub fn note_intensity_mismatch(&self, topic: Topic) {
        self.update(topic, |account| account.intensity_mismatch += 1);
    }

    /// All accounts at one instant, in the order of [`Topic::ALL`].
    pub fn snapshot(&self) -> [Account; Topic::COUNT] {
        *lock(&self.accounts)
    }

    fn update(&self, topic: Topic, change: impl FnOnce(&mut Account)) {
        change(&mut lock(&self.accounts)[topic.index()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_keeps_the_balance() {
        let ledger = Ledger::default();
        let topic = Topic::Ground;
        let balanced = || ledger.snapshot().iter().all(Account::balances);
        for intake in [Intake::Thinned, Intake::Unsubscribed, Intake::Malformed] {
            ledger.receive(topic, intake);
            assert!(balanced(), "{intake:?}");
        }
        for outcome in [
            Outcome::Published { bytes: 10 },
            Outcome::Unsubscribed,
            Outcome::Dropped,
        ] {
            ledger.receive(topic, Intake::Queued);
            assert!(balanced());
            ledger.settle(topic, outcome);
            assert!(balanced(), "{outcome:?}");
        }
        let account = ledger.snapshot()[topic.index()];
        assert_eq!(account.received, 6);
        assert_eq!((account.published_bytes, account.largest_bytes), (10, 10));
        assert_eq!(account.queued, 0);
        assert_eq!(account.unsubscribed, 2);
    }

    #[test]
    fn an_unbalanced_account_is_told_apart() {
        let account = Account {
            received: 2,
            published: 1,
            ..Account::default()
        };
        assert!(!account.balances());
    }

    #[test]
    fn topics_do_not_mix() {
        let ledger = Ledger::default();
        ledger.receive(Topic::Background, Intake::Thinned);
        for (other, account) in Topic::ALL.iter().zip(ledger.snapshot()) {
            let expected = u64::from(*other == Topic::Background);
            assert_eq!((account.received, account.thinned), (expected, expected));
        }
    }
}
