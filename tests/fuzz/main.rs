//! Properties of `fuzz/properties`, checked over the corpus and deterministic mutations of it. `scripts/fuzz` runs them under
//! a fuzzer.

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

/// Held by each test, because the properties measure the memory of all threads.
static SERIAL: Mutex<()> = Mutex::new(());

fn read_corpus(target: &str) -> Vec<Vec<u8>> {
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

fn check_property(target: &str, property: fn(&[u8])) {
    let _serial = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
    let corpus = read_corpus(target);
    let mut mutator = Mutator::new(&corpus);
    let mutated = std::iter::repeat_with(|| mutator.next_mutation()).take(MUTATIONS);
    for input in corpus.iter().cloned().chain(mutated) {
        if catch_unwind(AssertUnwindSafe(|| property(&input))).is_err() {
            let input = input.escape_ascii();
            panic!("{target} does not hold, see above, for b\"{input}\"");
        }
    }
}

#[test]
fn points() {
    check_property("points", properties::points);
}

#[test]
fn output() {
    check_property("output", properties::output);
}

#[test]
fn websocket() {
    check_property("websocket", properties::websocket);
}

#[test]
fn hosts() {
    check_property("hosts", properties::hosts);
}

#[test]
fn parameters() {
    check_property("parameters", properties::parameters);
}
