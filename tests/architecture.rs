//! Dependencies between the components of the bridge point in one direction, as ARCHITECTURE.md says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Components, and the components that each may use.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("time", &[]),
    ("place", &[]),
    ("topic", &[]),
    ("connection", &["time"]),
    ("encode", &["time"]),
    ("config", &["time", "topic", "connection", "place"]),
    ("environment", &["time"]),
    ("metrics", &["time", "topic", "connection"]),
    ("supervisor", &[]),
    (
        "pipeline",
        &["time", "topic", "connection", "encode", "config", "metrics"],
    ),
    (
        "diagnostics",
        &[
            "time",
            "topic",
            "connection",
            "config",
            "environment",
            "metrics",
        ],
    ),
    (
        "recorder",
        &[
            "time",
            "topic",
            "connection",
            "config",
            "environment",
            "metrics",
            "diagnostics",
        ],
    ),
    (
        "monitor",
        &[
            "time",
            "topic",
            "connection",
            "environment",
            "metrics",
            "diagnostics",
            "recorder",
        ],
    ),
    (
        "check",
        &[
            "time",
            "topic",
            "connection",
            "config",
            "environment",
            "metrics",
            "diagnostics",
            "recorder",
        ],
    ),
    (
        "ros",
        &[
            "place",
            "time",
            "topic",
            "connection",
            "encode",
            "config",
            "environment",
            "metrics",
            "supervisor",
            "pipeline",
            "diagnostics",
            "recorder",
            "monitor",
            "check",
        ],
    ),
];

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Source text without comments.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("UTF-8 source");
    let lines = text.lines().map(str::trim_start);
    let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
    code.join("\n")
}

/// Components that a text refers to by `crate::NAME` or in `use crate::{NAME, …}`.
fn used_components(code: &str) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let list = match rest.strip_prefix('{') {
            Some(group) => group.split_once("};").map_or(group, |(list, _)| list),
            None => rest,
        };
        let names = if rest.starts_with('{') {
            list.split(',').collect()
        } else {
            vec![list]
        };
        for name in names {
            let name = name.trim_start();
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            used.insert(&name[..end.unwrap_or(name.len())]);
        }
    }
    used
}

#[test]
fn components_use_only_those_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for (component, may_use) in MAY_USE {
        let mut files = Vec::new();
        if source.join(component).is_dir() {
            source_files(&source.join(component), &mut files);
        }
        files.push(source.join(component).with_extension("rs"));
        for file in files {
            let code = code_of(&file);
            for used in used_components(&code) {
                let is_component = MAY_USE.iter().any(|(name, _)| *name == used);
                assert!(
                    !is_component || used == component || may_use.contains(&used),
                    "{}: {component} must not use {used}",
                    file.display()
                );
                checked += usize::from(is_component);
            }
        }
    }
    assert!(checked > 200, "only {checked} references were found");
}

#[test]
fn every_component_is_checked_and_only_ros_uses_r2r() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = code_of(&source.join("lib.rs"));
    for line in map.lines() {
        let Some(name) = line.strip_prefix("pub mod ") else {
            continue;
        };
        let name = name.trim_end_matches(';');
        assert!(
            MAY_USE.iter().any(|(component, _)| *component == name),
            "{name} is not in the table"
        );
    }
    let mut files = Vec::new();
    source_files(&source, &mut files);
    let (ros, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| file.starts_with(source.join("ros")));
    assert!(ros.iter().any(|file| code_of(file).contains("r2r::")));
    for file in others {
        assert!(!code_of(&file).contains("r2r::"), "{}", file.display());
    }
}
