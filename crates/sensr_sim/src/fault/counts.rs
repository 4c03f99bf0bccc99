//! How many faults of each kind.

use serde::{Serialize, Serializer};

use super::kind::FaultKind;

/// Number of faults run, by kind. Serialized as a map from their names, without zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts([u64; FaultKind::COUNT]);

impl FaultCounts {
    pub(crate) fn add(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Returns the number of faults of this kind.
    #[must_use]
    pub fn of(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    /// Returns the number of all faults.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Serialize for FaultCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kinds = FaultKind::ALL.into_iter();
        let counts = kinds.map(|kind| (kind.name(), self.of(kind)));
        serializer.collect_map(counts.filter(|(_, count)| *count > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_counts_are_not_serialized() {
        let mut counts = FaultCounts::default();
        counts.add(FaultKind::HalfOpen);
        counts.add(FaultKind::Cut);
        counts.add(FaultKind::Cut);
        let json = serde_json::to_string(&counts).expect("JSON");
        assert_eq!(json, r#"{"cut":2,"halfopen":1}"#);
        assert_eq!(counts.total(), 3);
    }
}
