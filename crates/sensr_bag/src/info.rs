//! The command `info`: topics, gaps, splits, and the ledger at the end of a recording.

mod report;

use std::collections::BTreeMap;

use ros_bag::{Message, MessageType, Topic, TypeCache, Value, read_message};
use sensr_bridge::topic::{QosClass, Topic as BridgeTopic};

use super::arguments::InfoOptions;
use super::error::Error;
use super::output::print;
use super::recording::Recording;
use super::selection::is_meant;

const WIRE_FRAME: &str = BridgeTopic::Wire.message_type();
const STATISTICS: &str = "sensr_bridge/msg/BridgeStatistics";

/// Messages of a topic.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct TopicSummary {
    kind: String,
    messages: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
    /// Messages that do not have the form that the recording defines for them.
    damaged: u64,
    /// `None` if the messages have no sequence numbers.
    sequence: Option<Sequence>,
}

/// Sequence numbers of a topic, which count what the bridge has published.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sequence {
    /// Last number of each stream of numbers; frames have one for each link.
    last: BTreeMap<u64, u64>,
    /// Numbers that were left out.
    missing: u64,
    /// Numbers that began anew: another run of the bridge.
    restarts: u64,
    /// Latched messages that the bridge has sent once more.
    repeats: u64,
}

impl Sequence {
    /// Takes a number. `repeatable` is the number of latest messages that may come again.
    fn take(&mut self, stream: u64, number: u64, repeatable: u64) {
        let Some(last) = self.last.get(&stream).copied() else {
            self.last.insert(stream, number);
            return;
        };
        if number > last {
            self.missing = self.missing.saturating_add(number - last - 1);
        } else if last - number < repeatable {
            self.repeats += 1;
            return;
        } else {
            self.restarts += 1;
        }
        self.last.insert(stream, number);
    }
}

/// Ledger of a bridge, from its last statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ledger {
    topic: String,
    recorded_ns: u64,
    version: String,
    accounts: Vec<Account>,
}

/// Account of a topic: name, and the counts in the order of [`COUNTS`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    topic: String,
    counts: [u64; COUNTS.len()],
}

/// Counts of an account. The first one is the sum of the others.
const COUNTS: [&str; 7] = [
    "received",
    "published",
    "thinned",
    "unsubscribed",
    "dropped",
    "malformed",
    "queued",
];

impl Account {
    fn balances(&self) -> bool {
        let [received, outcomes @ ..] = self.counts;
        received == outcomes.iter().sum::<u64>()
    }
}

/// Everything that is told of a recording.
#[derive(Debug, Default)]
struct Summary {
    topics: BTreeMap<String, TopicSummary>,
    /// Last statistics of each bridge, serialized, with the time of recording.
    statistics: BTreeMap<String, (Topic, u64, Vec<u8>)>,
    types: TypeCache,
}

/// Prints the description of a recording.
pub(crate) fn run(options: &InfoOptions) -> Result<(), Error> {
    let source = &options.source;
    let recording = Recording::open(&source.bag)?;
    if !source.topic.is_empty() {
        recording.topics(&source.topic, "", |_| true)?;
    }
    let range = recording.range(source)?;
    let mut summary = Summary::default();
    let is_wanted = |topic: &Topic| {
        let names = &source.topic;
        names.is_empty() || names.iter().any(|name| is_meant(&topic.name, name))
    };
    let splits = recording.read(range, |message| {
        if is_wanted(message.topic) {
            summary.take(message);
        }
        Ok(())
    })?;
    let ledgers = summary.ledgers();
    let report = report::Report {
        recording: &recording,
        topics: &summary.topics,
        splits: &splits,
        ledgers: &ledgers,
    };
    let text = if options.json {
        format!("{:#}\n", report.as_json())
    } else {
        report.as_text()
    };
    print(&text)
}

impl Summary {
    fn take(&mut self, message: &Message<'_>) {
        let (topic, time_ns) = (message.topic, message.recorded_ns);
        let entry = self
            .topics
            .entry(topic.name.clone())
            .or_insert_with(|| TopicSummary {
                kind: topic.kind.clone(),
                first_ns: time_ns,
                ..TopicSummary::default()
            });
        entry.messages += 1;
        entry.bytes += message.data.len() as u64;
        entry.first_ns = entry.first_ns.min(time_ns);
        entry.last_ns = entry.last_ns.max(time_ns);
        if topic.kind == STATISTICS {
            let last = (topic.clone(), time_ns, message.data.to_vec());
            self.statistics.insert(topic.name.clone(), last);
        }
        // A type without a definition has no field that could be found.
        let Ok(kind) = self.types.type_of(topic) else {
            return;
        };
        if kind.position("sequence").is_none() {
            return;
        }
        let Ok(value) = read_message(&kind, message.data) else {
            entry.damaged += 1;
            return;
        };
        let number = |name| value.get(name).and_then(Value::as_u64);
        if let Some(sequence) = number("sequence") {
            let stream = if topic.kind == WIRE_FRAME {
                number("link")
            } else {
                None
            };
            let numbers = entry.sequence.get_or_insert_default();
            numbers.take(stream.unwrap_or(0), sequence, repeatable(&topic.kind));
        }
    }

    fn ledgers(&mut self) -> Vec<Ledger> {
        let Self {
            statistics, types, ..
        } = self;
        let ledgers = statistics
            .values()
            .filter_map(|(topic, recorded_ns, data)| {
                let kind = types.type_of(topic).ok()?;
                ledger_of(topic, *recorded_ns, &kind, data)
            });
        ledgers.collect()
    }
}

/// Returns the number of latest messages of a type that the bridge may send once more: the history of latched topics.
fn repeatable(kind: &str) -> u64 {
    let mut latched = BridgeTopic::ALL.into_iter();
    let is_latched =
        latched.any(|topic| topic.message_type() == kind && topic.qos_class().is_latched());
    if is_latched {
        QosClass::Latched.depth(0) as u64
    } else {
        0
    }
}

fn ledger_of(topic: &Topic, recorded_ns: u64, kind: &MessageType, data: &[u8]) -> Option<Ledger> {
    let value = read_message(kind, data).ok()?;
    let accounts = value.get("topics")?.as_list()?.iter().map(|account| {
        let count = |name| account.get(name).and_then(Value::as_u64);
        let counts = COUNTS.map(count);
        Some(Account {
            topic: account.get("topic")?.as_str()?.to_owned(),
            counts: counts.map(Option::unwrap_or_default),
        })
    });
    Some(Ledger {
        topic: topic.name.clone(),
        recorded_ns,
        version: value.get("version")?.as_str()?.to_owned(),
        accounts: accounts.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[u64], repeatable: u64) -> (u64, u64, u64) {
        let mut sequence = Sequence::default();
        for number in numbers {
            sequence.take(0, *number, repeatable);
        }
        (sequence.missing, sequence.restarts, sequence.repeats)
    }

    #[test]
    fn gaps_restarts_and_repeats_are_told_apart() {
        assert_eq!(after(&[], 0), (0, 0, 0));
        assert_eq!(after(&[5, 6, 7], 0), (0, 0, 0));
        assert_eq!(after(&[0, 1, 4, 6], 0), (3, 0, 0));
        assert_eq!(after(&[0, 1, 9, 0, 1, 2], 0), (7, 1, 0));
        assert_eq!(after(&[0, 1, 2, 3, 0, 1, 2, 3, 4], 4), (0, 0, 4));
        assert_eq!(after(&[0, 1, 9, 9, 0], 4), (7, 1, 1));
        assert_eq!(after(&[0, u64::MAX, 0], 0), (u64::MAX - 1, 1, 0));
    }

    #[test]
    fn each_link_has_its_own_numbers() {
        let mut sequence = Sequence::default();
        for (stream, number) in [(0, 0), (1, 0), (0, 1), (1, 2), (0, 2)] {
            sequence.take(stream, number, 0);
        }
        assert_eq!((sequence.missing, sequence.restarts), (1, 0));
    }

    #[test]
    fn only_latched_messages_may_come_again() {
        assert_eq!(repeatable("sensr_bridge/msg/ZoneArray"), 4);
        assert_eq!(repeatable("sensr_bridge/msg/ZoneEvent"), 0);
        assert_eq!(repeatable(WIRE_FRAME), 0);
    }
}
