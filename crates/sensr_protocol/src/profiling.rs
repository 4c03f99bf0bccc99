//! Profiling of the server's nodes, opened entry by entry.

use bytes::Bytes;

use super::health::Named;
use super::parts::Undecodable;
use super::wire::envelope::{self, PartEntry};
use super::wire::proto;
use super::wire::proto::profiling_result::characteristic::Value;
use super::wire::proto::profiling_result::{AmountEntry, Characteristic, CharacteristicEntry};
use super::wire::proto::profiling_result_set::NodeEntry;

/// Time and memory of all nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfilingResultSet {
    /// The master node.
    pub master_node: Option<ProfilingResult>,
    /// The others.
    pub algo_nodes: Named<ProfilingResult>,
}

/// Time and memory of one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfilingResult {
    /// Nanoseconds.
    pub processing_times: Named<u64>,
    /// Bytes.
    pub mem_usages: Named<u64>,
    /// Properties of the node that are no time and no memory.
    pub characteristics: Named<Characteristic>,
}

impl ProfilingResultSet {
    /// Opens a set; an entry that does not decode costs itself.
    pub(crate) fn open(pieces: Vec<Bytes>, undecodable: &mut Undecodable) -> Option<Self> {
        let set: envelope::Profiling = undecodable.one("profiling", pieces)?;
        let master_node = (!set.master_node.is_empty())
            .then(|| ProfilingResult::open(undecodable, set.master_node))
            .flatten();
        let node = ["profiling of a node", "node name"];
        Some(Self {
            master_node,
            algo_nodes: undecodable.named::<PartEntry, _>(
                node,
                set.algo_nodes,
                ProfilingResult::open,
            ),
        })
    }
}

impl ProfilingResult {
    fn open(undecodable: &mut Undecodable, pieces: Vec<Bytes>) -> Option<Self> {
        let result: envelope::ProfilingResult =
            undecodable.one_or_default("profiling of a node", pieces)?;
        let time = ["processing time", "name of a processing time"];
        let memory = ["memory usage", "name of a memory usage"];
        let characteristic = ["characteristic", "name of a characteristic"];
        Some(Self {
            processing_times: undecodable.named::<envelope::AmountEntry, _>(
                time,
                result.processing_times,
                as_it_is,
            ),
            mem_usages: undecodable.named::<envelope::AmountEntry, _>(
                memory,
                result.mem_usages,
                as_it_is,
            ),
            characteristics: undecodable.named::<PartEntry, _>(
                characteristic,
                result.characteristics,
                open_characteristic,
            ),
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as those that open a part")]
fn as_it_is(_: &mut Undecodable, amount: u64) -> Option<u64> {
    Some(amount)
}

fn open_characteristic(
    undecodable: &mut Undecodable,
    pieces: Vec<Bytes>,
) -> Option<Characteristic> {
    let opened: Characteristic = undecodable.one_or_default("characteristic", pieces)?;
    if let Some(Value::Text(text)) = &opened.value {
        undecodable.check_text("text of a characteristic", text);
    }
    Some(opened)
}

impl From<ProfilingResultSet> for proto::ProfilingResultSet {
    fn from(set: ProfilingResultSet) -> Self {
        let nodes = set.algo_nodes.into_iter().map(|(key, result)| NodeEntry {
            key,
            value: Some(result.into()),
        });
        Self {
            master_node: set.master_node.map(Into::into),
            algo_nodes: nodes.collect(),
        }
    }
}

impl From<ProfilingResult> for proto::ProfilingResult {
    fn from(result: ProfilingResult) -> Self {
        let characteristics = result.characteristics.into_iter();
        let characteristics = characteristics.map(|(key, value)| CharacteristicEntry {
            key,
            value: Some(value),
        });
        Self {
            processing_times: amount_entries(result.processing_times),
            mem_usages: amount_entries(result.mem_usages),
            characteristics: characteristics.collect(),
        }
    }
}

fn amount_entries(amounts: Named<u64>) -> Vec<AmountEntry> {
    let amounts = amounts.into_iter();
    amounts
        .map(|(key, value)| AmountEntry { key, value })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn open(bytes: Vec<u8>) -> (ProfilingResultSet, Undecodable) {
        let mut undecodable = Undecodable::default();
        let set = ProfilingResultSet::open(vec![bytes.into()], &mut undecodable);
        (set.expect("the rest decodes"), undecodable)
    }

    #[test]
    fn a_broken_entry_costs_itself() {
        // Of the master node: a time of 5, and one that is a float.
        let times = [
            &[0x0a, 5, 0x0a, 1, b'a', 0x10, 5][..],
            &[0x0a, 5, 0x15, 0, 0, 0, 0],
        ]
        .concat();
        let length = u8::try_from(times.len()).expect("short");
        let (set, undecodable) = open([&[0x0a, length][..], &times].concat());
        let master = set.master_node.expect("there");
        assert_eq!(master.processing_times, Named::from([(b"a".to_vec(), 5)]));
        assert_eq!(undecodable.count(), 1);
        assert!(
            undecodable.to_string().contains("processing time"),
            "{undecodable}"
        );
    }

    proptest! {
        /// Any bytes in any name and text.
        #[test]
        fn names_and_texts_lose_nothing(names in vec(vec(any::<u8>(), 0..6), 5), amount: u64) {
            let value = Some(Value::Text(names[0].clone()));
            let result = ProfilingResult {
                processing_times: [(names[1].clone(), amount)].into(),
                mem_usages: [(names[2].clone(), amount)].into(),
                characteristics: [(names[3].clone(), Characteristic { value })].into(),
            };
            let set = ProfilingResultSet {
                master_node: Some(result.clone()),
                algo_nodes: [(names[4].clone(), result)].into(),
            };
            let (opened, undecodable) =
                open(proto::ProfilingResultSet::from(set.clone()).encode_to_vec());
            prop_assert_eq!(opened, set);
            prop_assert_eq!(undecodable.count(), 0);
            let all_text = names.iter().all(|name| crate::text::is_text(name));
            prop_assert_eq!(undecodable.texts().count() == 0, all_text);
        }
    }
}
