//! Loss ledger: the whereabouts of every message of a topic.

use std::fmt;
use std::sync::Mutex;

use super::lock_counters;
use crate::topic::AnyTopic;

/// Account of one topic. [`balances`](Self::balances) holds at every instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Messages found in frames from SENSR.
    pub received: u64,
    /// Messages delivered to the middleware, including the one that it is taking over.
    pub published: u64,
    /// Messages left out by the rate limit.
    pub thinned: u64,
    /// Messages not published for lack of a subscriber, or because a parameter switches the topic off.
    pub unsubscribed: u64,
    /// Lost messages: pushed out of the queue, refused by the middleware, or left over at shutdown.
    pub dropped: u64,
    /// Lost messages: points that are no whole number of x y z triples, or an event that does not decode.
    pub malformed: u64,
    /// Messages between ingest and publisher.
    pub queued: u64,
    /// Bytes delivered to the middleware.
    pub published_bytes: u64,
    /// Bytes of the largest message.
    pub largest_bytes: u64,
    /// Published clouds without a point.
    pub empty: u64,
    /// Clouds with a wrong number of intensities, published with intensity 0.
    pub intensity_mismatch: u64,
}

impl Account {
    /// Returns whether all received messages are accounted for.
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
    /// Writes the equation that holds at every instant.
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

/// Decision of the ingest on a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestDecision {
    /// Queued for the publisher, which settles it later.
    Queued,
    /// Left out by the rate limit.
    Thinned,
    /// Switched off by a parameter.
    Unsubscribed,
    /// Malformed.
    Malformed,
}

/// Outcome of a queued message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered to the middleware.
    Published {
        /// Length of the serialized message.
        bytes: usize,
    },
    /// No subscriber.
    Unsubscribed,
    /// Lost.
    Dropped,
}

/// Accounts of all topics, in the order of [`AnyTopic::index`]. Those of sensors that are still unknown are zero.
pub type Accounts = [Account; AnyTopic::COUNT];

/// Ledger of all topics.
#[derive(Debug)]
pub struct Ledger {
    accounts: Mutex<Accounts>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            accounts: Mutex::new([Account::default(); AnyTopic::COUNT]),
        }
    }
}

impl Ledger {
    /// Enters a received message.
    pub fn record_received(&self, topic: impl Into<AnyTopic>, decision: IngestDecision) {
        self.update(topic, |account| {
            account.received += 1;
            *match decision {
                IngestDecision::Queued => &mut account.queued,
                IngestDecision::Thinned => &mut account.thinned,
                IngestDecision::Unsubscribed => &mut account.unsubscribed,
                IngestDecision::Malformed => &mut account.malformed,
            } += 1;
        });
    }

    /// Enters the outcome of a queued message.
    ///
    /// [`Outcome::Published`] is entered before the message is handed to the middleware, and taken back by
    /// [`retract_published`](Self::retract_published) if that refuses it. So a message that a subscriber has received is
    /// in every later snapshot: a recorder compares the times of its messages with the counts of such snapshots.
    pub fn settle(&self, topic: impl Into<AnyTopic>, outcome: Outcome) {
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

    /// Corrects the entry of a published message that the middleware has refused: it is dropped. The size of the largest
    /// message stays, because the message was serialized.
    pub fn retract_published(&self, topic: impl Into<AnyTopic>, bytes: usize) {
        self.update(topic, |account| {
            account.published = account.published.saturating_sub(1);
            account.published_bytes = account.published_bytes.saturating_sub(bytes as u64);
            account.dropped += 1;
        });
    }

    /// Counts a cloud without points.
    pub fn record_empty_cloud(&self, topic: impl Into<AnyTopic>) {
        self.update(topic, |account| account.empty += 1);
    }

    /// Counts a cloud whose intensities do not fit its points.
    pub fn record_intensity_mismatch(&self, topic: impl Into<AnyTopic>) {
        self.update(topic, |account| account.intensity_mismatch += 1);
    }

    /// Returns all accounts at one instant.
    pub fn snapshot(&self) -> Accounts {
        *lock_counters(&self.accounts)
    }

    fn update(&self, topic: impl Into<AnyTopic>, change: impl FnOnce(&mut Account)) {
        change(&mut lock_counters(&self.accounts)[topic.into().index()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::{SensorSlot, Topic};

    #[test]
    fn every_entry_keeps_the_balance() {
        let ledger = Ledger::default();
        let topic = Topic::Ground;
        let balanced = || ledger.snapshot().iter().all(Account::balances);
        for intake in [
            IngestDecision::Thinned,
            IngestDecision::Unsubscribed,
            IngestDecision::Malformed,
        ] {
            ledger.record_received(topic, intake);
            assert!(balanced(), "{intake:?}");
        }
        for outcome in [
            Outcome::Published { bytes: 10 },
            Outcome::Unsubscribed,
            Outcome::Dropped,
        ] {
            ledger.record_received(topic, IngestDecision::Queued);
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
    fn a_refused_message_moves_from_published_to_dropped() {
        let ledger = Ledger::default();
        let topic = Topic::Ground;
        for bytes in [10, 30] {
            ledger.record_received(topic, IngestDecision::Queued);
            ledger.settle(topic, Outcome::Published { bytes });
        }
        ledger.retract_published(topic, 30);
        let account = ledger.snapshot()[topic.index()];
        assert!(account.balances());
        assert_eq!((account.published, account.dropped), (1, 1));
        assert_eq!((account.published_bytes, account.largest_bytes), (10, 30));
    }

    #[test]
    fn an_unbalanced_account_is_detected() {
        let account = Account {
            received: 2,
            published: 1,
            ..Account::default()
        };
        assert!(!account.balances());
    }

    #[test]
    fn accounts_of_topics_are_independent() {
        let ledger = Ledger::default();
        ledger.record_received(Topic::Background, IngestDecision::Thinned);
        let sensor = SensorSlot::ALL[1];
        ledger.record_received(sensor, IngestDecision::Thinned);
        for (other, account) in AnyTopic::all().zip(ledger.snapshot()) {
            let is_entered = [Topic::Background.into(), sensor.into()].contains(&other);
            let expected = u64::from(is_entered);
            assert_eq!((account.received, account.thinned), (expected, expected));
        }
    }
}
