//! Profiling results of the server's nodes, decoded entry by entry.

use bytes::Bytes;

use crate::decode_failures::DecodeFailures;
use crate::decode_parts::{decode_map, decode_number_map, decode_optional, decode_or_default};
use crate::health::NameMap;
use crate::heap_size::HeapSize;
use crate::wire::envelope::{self, PartEntry};
use crate::wire::proto;
use crate::wire::proto::profiling_result::characteristic::Value;
use crate::wire::proto::profiling_result::{AmountEntry, Characteristic, CharacteristicEntry};
use crate::wire::proto::profiling_result_set::NodeEntry;

/// Processing times and memory of all nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfilingResultSet {
    /// Master node.
    pub master_node: Option<ProfilingResult>,
    /// Algorithm nodes.
    pub algo_nodes: NameMap<ProfilingResult>,
}

/// Processing times and memory of one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfilingResult {
    /// Nanoseconds.
    pub processing_times: NameMap<u64>,
    /// Bytes.
    pub mem_usages: NameMap<u64>,
    /// Further properties of the node.
    pub characteristics: NameMap<Characteristic>,
}

impl ProfilingResultSet {
    /// Decodes a set. `None` if it is absent or fails to decode; an entry that fails costs only itself.
    pub(crate) fn decode(pieces: Vec<Bytes>, failures: &mut DecodeFailures) -> Option<Self> {
        let set: envelope::Profiling = decode_optional("profiling", pieces, failures)?;
        let master_node = (!set.master_node.is_empty())
            .then(|| ProfilingResult::decode(set.master_node, failures))
            .flatten();
        let labels = ["profiling of a node", "node name"];
        let algo_nodes =
            decode_map::<PartEntry, _>(labels, set.algo_nodes, failures, ProfilingResult::decode);
        Some(Self {
            master_node,
            algo_nodes,
        })
    }
}

impl ProfilingResult {
    fn decode(pieces: Vec<Bytes>, failures: &mut DecodeFailures) -> Option<Self> {
        let result: envelope::ProfilingResult =
            decode_or_default("profiling of a node", pieces, failures)?;
        let time = ["processing time", "name of a processing time"];
        let memory = ["memory usage", "name of a memory usage"];
        let characteristic = ["characteristic", "name of a characteristic"];
        Some(Self {
            processing_times: decode_number_map::<envelope::AmountEntry>(
                time,
                result.processing_times,
                failures,
            ),
            mem_usages: decode_number_map::<envelope::AmountEntry>(
                memory,
                result.mem_usages,
                failures,
            ),
            characteristics: decode_map::<PartEntry, _>(
                characteristic,
                result.characteristics,
                failures,
                decode_characteristic,
            ),
        })
    }
}

fn decode_characteristic(
    pieces: Vec<Bytes>,
    failures: &mut DecodeFailures,
) -> Option<Characteristic> {
    let decoded: Characteristic = decode_or_default("characteristic", pieces, failures)?;
    if let Some(Value::Text(text)) = &decoded.value {
        failures.check_text("text of a characteristic", text);
    }
    Some(decoded)
}

impl HeapSize for ProfilingResultSet {
    fn heap_size(&self) -> usize {
        self.master_node.heap_size() + self.algo_nodes.heap_size()
    }
}

impl HeapSize for ProfilingResult {
    fn heap_size(&self) -> usize {
        self.processing_times.heap_size()
            + self.mem_usages.heap_size()
            + self.characteristics.heap_size()
    }
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

fn amount_entries(amounts: NameMap<u64>) -> Vec<AmountEntry> {
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

    fn decode(bytes: Vec<u8>) -> (ProfilingResultSet, DecodeFailures) {
        let mut failures = DecodeFailures::default();
        let set = ProfilingResultSet::decode(vec![bytes.into()], &mut failures);
        (set.expect("the rest decodes"), failures)
    }

    #[test]
    fn broken_entry_costs_only_itself() {
        // Processing times of the master node: a valid entry of 5, and one whose value is a float.
        let times = [
            &[0x0a, 5, 0x0a, 1, b'a', 0x10, 5][..],
            &[0x0a, 5, 0x15, 0, 0, 0, 0],
        ]
        .concat();
        let length = u8::try_from(times.len()).expect("short");
        let (set, failures) = decode([&[0x0a, length][..], &times].concat());
        let master = set.master_node.expect("there");
        assert_eq!(master.processing_times, NameMap::from([(b"a".to_vec(), 5)]));
        assert_eq!(failures.count(), 1);
        assert!(
            failures.to_string().contains("processing time"),
            "{failures}"
        );
    }

    proptest! {
        #[test]
        fn names_and_texts_of_any_bytes_are_kept(names in vec(vec(any::<u8>(), 0..6), 5), amount: u64) {
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
            let (decoded, failures) =
                decode(proto::ProfilingResultSet::from(set.clone()).encode_to_vec());
            prop_assert_eq!(decoded, set);
            prop_assert_eq!(failures.count(), 0);
            let all_text = names.iter().all(|name| crate::text::is_text(name));
            prop_assert_eq!(failures.texts().count() == 0, all_text);
        }
    }
}
