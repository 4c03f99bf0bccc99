//! The properties of `fuzz/properties` over the corpus and mutations of it, the same ones every time.
//! `scripts/fuzz` looks for more.

mod mutation;
#[path = "../../fuzz/properties/mod.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod properties;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mutation::Mutator;

/// Mutations per target.
const MUTATIONS: usize = 4000;

/// What properties measure of memory is that of all threads: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&folder).expect("the folder of the target");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "nothing in {}", folder.display());
    let read = |path| fs::read(path).expect("readable");
    paths.into_iter().map(read).collect()
}

fn check(target: &str, property: fn(&[u8])) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let corpus = corpus(target);
    let mut mutator = Mutator::new(&corpus);
    let mutated = std::iter::repeat_with(|| mutator.mutation()).take(MUTATIONS);
    for input in corpus.iter().cloned().chain(mutated) {
        if catch_unwind(AssertUnwindSafe(|| property(&input))).is_err() {
            let input = input.escape_ascii();
            panic!("{target} does not hold, see above, for b\"{input}\"");
        }
    }
}

#[test]
fn points() {
    check("points", properties::points);
}

#[test]
fn output() {
    check("output", properties::output);
}

#[test]
fn websocket() {
    check("websocket", properties::websocket);
}

#[test]
fn hosts() {
    check("hosts", properties::hosts);
}

#[test]
fn parameters() {
    check("parameters", properties::parameters);
}
