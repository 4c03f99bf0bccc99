//! Profiling results of the server. Synthetic, so that the same instant gives the same bytes.

use super::health::NODES;
use crate::convert::to_f64;
use sensr_protocol::health::NameMap;
use sensr_protocol::profiling::{ProfilingResult, ProfilingResultSet};
use sensr_protocol::wire::proto::profiling_result::Characteristic;
use sensr_protocol::wire::proto::profiling_result::characteristic::Value;

/// Bytes of one mebibyte.
const MIB: u64 = 1 << 20;

/// Returns the results of all machines at message `k` with this number of objects.
pub(super) fn profiling_results(k: u64, objects: u64, release: &str) -> ProfilingResultSet {
    let nodes = NODES.iter().zip(1..);
    ProfilingResultSet {
        master_node: Some(machine_result(k, objects, release, 0)),
        algo_nodes: nodes
            .map(|(&name, machine)| (name.into(), machine_result(k, objects, release, machine)))
            .collect(),
    }
}

fn machine_result(k: u64, objects: u64, release: &str, machine: u64) -> ProfilingResult {
    // Varies by a fifth, at a different rate for each machine.
    let sway = (k * (machine + 3)) % 200;
    let steps = [
        ("preprocessing", 6_000_000),
        ("tracking", 2_000_000 + 150_000 * objects),
        ("output", 400_000),
    ];
    let times = steps.map(|(name, ns)| (name, ns * (900 + sway) / 1000));
    let memory = [
        ("resident", (900 + 50 * machine) * MIB + objects * MIB / 8),
        ("gpu", 1800 * MIB),
    ];
    let characteristics = [
        (
            "objects",
            Value::Integer(i64::try_from(objects).unwrap_or(i64::MAX)),
        ),
        ("load", Value::Decimal(0.3 + to_f64(sway) / 1000.0)),
        ("release", Value::Text(release.into())),
    ];
    let named = characteristics.map(|(name, value)| (name, Characteristic { value: Some(value) }));
    ProfilingResult {
        processing_times: to_map(times),
        mem_usages: to_map(memory),
        characteristics: to_map(named),
    }
}

fn to_map<T, const N: usize>(entries: [(&str, T); N]) -> NameMap<T> {
    let entries = entries.into_iter();
    entries.map(|(name, value)| (name.into(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_reports_times_memory_and_all_kinds_of_characteristics() {
        let set = profiling_results(10, 4, "3.3");
        let master = set.master_node.as_ref().expect("a master");
        assert_eq!(set.algo_nodes.len(), 2);
        for result in set.algo_nodes.values().chain([master]) {
            assert!(result.processing_times.values().all(|&ns| ns > 0));
            assert!(result.mem_usages.values().all(|&bytes| bytes > MIB));
            let value = |name: &str| result.characteristics[name.as_bytes()].value.clone();
            assert_eq!(value("objects"), Some(Value::Integer(4)));
            assert_eq!(value("release"), Some(Value::Text("3.3".into())));
            assert!(matches!(value("load"), Some(Value::Decimal(load)) if load > 0.0));
        }
        assert_eq!(profiling_results(10, 4, "3.3"), set, "the same instant");
        assert_ne!(profiling_results(11, 4, "3.3"), set);
    }
}
