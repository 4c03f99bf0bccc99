//! Mutations of the corpus.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Same limit as in `scripts/fuzz`.
const MAX_LENGTH: usize = 4096;

/// Bytes with a meaning as lengths, counts or keys.
const INTERESTING: [u8; 10] = [0, 1, 2, 0x0a, 0x12, 0x7f, 0x80, 0xfe, 0xff, b'\n'];

/// Deterministic generator of mutations.
pub(crate) struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    random: StdRng,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(corpus: &'a [Vec<u8>]) -> Self {
        Self {
            corpus,
            random: StdRng::seed_from_u64(7),
        }
    }

    /// Returns an entry with one to eight changes.
    pub(crate) fn next_mutation(&mut self) -> Vec<u8> {
        let mut bytes = self.random_entry().to_vec();
        for _ in 0..self.random.random_range(1..=8) {
            self.change_bytes(&mut bytes);
        }
        bytes.truncate(MAX_LENGTH);
        bytes
    }

    fn random_entry(&mut self) -> &'a [u8] {
        &self.corpus[self.random.random_range(0..self.corpus.len())]
    }

    fn change_bytes(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        let place = random.random_range(0..=bytes.len());
        let end = bytes.len().min(place + random.random_range(1..=16));
        match random.random_range(0..6) {
            0 => bytes[place..end]
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
            1 => bytes[place..end]
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte = INTERESTING[random.random_range(0..INTERESTING.len())]),
            2 => bytes.insert(
                place,
                INTERESTING[random.random_range(0..INTERESTING.len())],
            ),
            3 => drop(bytes.drain(place..end)),
            4 => {
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            _ => {
                let other = self.random_entry();
                let from = self.random.random_range(0..=other.len());
                bytes.splice(place.., other[from..].iter().copied());
            }
        }
    }
}

#[test]
fn mutations_are_deterministic_and_differ() {
    let corpus = [b"sites: {a: {address: x}}".to_vec(), vec![]];
    let mutations = || {
        let mut mutator = Mutator::new(&corpus);
        let mutations = std::iter::repeat_with(move || mutator.next_mutation());
        mutations.take(100).collect::<Vec<_>>()
    };
    let first = mutations();
    assert_eq!(first, mutations());
    let mut different = first.clone();
    different.sort();
    different.dedup();
    assert!(different.len() > 50, "{}", different.len());
}
