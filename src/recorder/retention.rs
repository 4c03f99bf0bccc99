//! Choice of the splits to delete, so that a recording stays within its limits.

use std::fmt;
use std::path::PathBuf;

use super::bags::{Bag, Split};

/// Limits of the recordings of one bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Closed splits to keep. 0: all.
    pub keep_splits: u64,
    /// Bytes to keep, the open split included. 0: unlimited.
    pub keep_bytes: u64,
    /// Floor of free disk space in bytes.
    pub free_floor_bytes: u64,
}

/// Limit for which a split is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `keep_splits`.
    Splits,
    /// `keep_bytes`.
    Bytes,
    /// `min_free_bytes` or `min_free_percent`.
    FreeSpace,
}

impl fmt::Display for Reason {
    /// Writes the parameters that set the limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Splits => "keep_splits",
            Self::Bytes => "keep_bytes",
            Self::FreeSpace => "min_free_bytes and min_free_percent",
        })
    }
}

/// Split to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Path of the split.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// Limit for which it is deleted.
    pub reason: Reason,
}

/// Chooses the oldest closed splits, at most `max_deletions`, until the limits are kept or none is left. `bags` are those
/// of one bridge, the oldest first.
#[must_use]
pub fn choose(
    bags: &[Bag],
    limits: &Limits,
    free_bytes: u64,
    max_deletions: usize,
) -> Vec<Deletion> {
    let splits = bags.iter().flat_map(|bag| &bag.splits);
    let mut bytes: u64 = splits.map(|split| split.bytes).sum();
    let mut closed = in_order(bags).count() as u64;
    let mut free = free_bytes;
    let mut deletions = Vec::new();
    for split in in_order(bags) {
        let reason = if limits.keep_splits > 0 && closed > limits.keep_splits {
            Reason::Splits
        } else if limits.keep_bytes > 0 && bytes > limits.keep_bytes {
            Reason::Bytes
        } else if free < limits.free_floor_bytes {
            Reason::FreeSpace
        } else {
            break;
        };
        if deletions.len() >= max_deletions {
            break;
        }
        closed -= 1;
        bytes -= split.bytes;
        free = free.saturating_add(split.bytes);
        deletions.push(Deletion {
            path: split.path.clone(),
            bytes: split.bytes,
            reason,
        });
    }
    deletions
}

/// Closed splits, the oldest first.
fn in_order(bags: &[Bag]) -> impl Iterator<Item = &Split> {
    let splits = bags.iter().flat_map(|bag| &bag.splits);
    splits.filter(|split| !split.is_open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::bags::RecordingMark;
    use proptest::prelude::*;

    /// Bags with splits of these sizes; the last split of the last bag is open.
    fn bags(sizes: &[Vec<u64>]) -> Vec<Bag> {
        let mut bags: Vec<Bag> = sizes
            .iter()
            .enumerate()
            .map(|(i, sizes)| Bag {
                folder: PathBuf::from(format!("/bags/{i}")),
                mark: RecordingMark::open("/a"),
                splits: (0u64..)
                    .zip(sizes)
                    .map(|(number, bytes)| Split {
                        path: PathBuf::from(format!("/bags/{i}/{i}_{number}.mcap")),
                        number,
                        bytes: *bytes,
                        is_open: false,
                    })
                    .collect(),
                orphans: Vec::new(),
                has_metadata: true,
            })
            .collect();
        if let Some(last) = bags.last_mut().and_then(|bag| bag.splits.last_mut()) {
            last.is_open = true;
        }
        bags
    }

    fn paths(deletions: &[Deletion]) -> Vec<&str> {
        let paths = deletions.iter();
        paths.filter_map(|one| one.path.to_str()).collect()
    }

    #[test]
    fn the_newest_closed_splits_are_kept_beside_the_open_one() {
        let bags = bags(&[vec![10, 10], vec![10, 10, 10]]);
        let limits = Limits {
            keep_splits: 2,
            ..Limits::default()
        };
        let chosen = choose(&bags, &limits, 0, 9);
        assert_eq!(paths(&chosen), ["/bags/0/0_0.mcap", "/bags/0/0_1.mcap"]);
        assert_eq!(chosen[0].reason.to_string(), "keep_splits");
        assert_eq!(paths(&choose(&bags, &limits, 0, 1)), ["/bags/0/0_0.mcap"]);
    }

    #[test]
    fn bytes_count_with_the_open_split() {
        let bags = bags(&[vec![10, 20, 30]]);
        let limit = |keep_bytes| Limits {
            keep_bytes,
            ..Limits::default()
        };
        assert!(choose(&bags, &limit(60), 0, 9).is_empty());
        assert_eq!(choose(&bags, &limit(59), 0, 9).len(), 1);
        // The open one stays, although it is too large alone.
        assert_eq!(choose(&bags, &limit(5), 0, 9).len(), 2);
    }

    #[test]
    fn a_full_disk_takes_as_many_as_are_needed() {
        let bags = bags(&[vec![10, 20, 30, 40]]);
        let limits = Limits {
            free_floor_bytes: 100,
            ..Limits::default()
        };
        assert!(choose(&bags, &limits, 100, 9).is_empty());
        assert_eq!(choose(&bags, &limits, 75, 9).len(), 2);
        let all = choose(&bags, &limits, 0, 9);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].reason, Reason::FreeSpace);
    }

    #[test]
    fn without_limits_nothing_is_deleted() {
        assert!(choose(&bags(&[vec![1; 100]]), &Limits::default(), 0, 9).is_empty());
        assert!(choose(&[], &Limits::default(), 0, 9).is_empty());
    }

    proptest! {
        #[test]
        fn limits_are_kept_with_the_fewest_and_oldest_deletions(
            sizes in prop::collection::vec(prop::collection::vec(1u64..1000, 0..6), 0..5),
            keep_splits in 0u64..8,
            keep_bytes in 0u64..5000,
            floor in 0u64..3000,
            free in 0u64..3000,
            max_deletions in 0usize..12,
        ) {
            let bags = bags(&sizes);
            let limits = Limits { keep_splits, keep_bytes, free_floor_bytes: floor };
            let chosen = choose(&bags, &limits, free, usize::MAX);
            let oldest: Vec<_> = in_order(&bags).map(|split| &split.path).collect();
            let taken: Vec<_> = chosen.iter().map(|one| &one.path).collect();
            prop_assert_eq!(&taken[..], &oldest[..taken.len()]);
            let total: u64 = sizes.iter().flatten().sum();
            // Whether the limits are kept after the first `n` deletions.
            let is_kept = |n: usize| {
                let gone: u64 = chosen[..n].iter().map(|one| one.bytes).sum();
                (keep_splits == 0 || (oldest.len() - n) as u64 <= keep_splits)
                    && (keep_bytes == 0 || total - gone <= keep_bytes)
                    && free + gone >= floor
            };
            prop_assert!(is_kept(chosen.len()) || chosen.len() == oldest.len());
            for n in 0..chosen.len() {
                prop_assert!(!is_kept(n));
            }
            let mut open = bags.iter().flat_map(|bag| &bag.splits).filter(|split| split.is_open);
            prop_assert!(open.all(|split| !taken.contains(&&split.path)));
            let fewer = choose(&bags, &limits, free, max_deletions);
            prop_assert_eq!(&fewer[..], &chosen[..chosen.len().min(max_deletions)]);
        }
    }
}
