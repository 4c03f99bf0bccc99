//! Statements in the documentation and manifests that can be compared with the repository.

use std::fs;
use std::path::{Path, PathBuf};

use sensr_bridge::topic::Topic;

/// Folders that a path in backticks can begin with.
const FOLDERS: [&str; 12] = [
    ".github/", "benches/", "cmake/", "config/", "crates/", "docs/", "fuzz/", "launch/", "msg/",
    "scripts/", "src/", "tests/",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files below `folder` with one of the extensions, relative to the repository.
fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|found| extensions.iter().any(|wanted| found == *wanted))
            {
                found.push(path.strip_prefix(root()).expect("below").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Returns the Markdown files of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = files("docs", &["md"]);
    pages.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "fuzz/README.md",
        ]
        .map(PathBuf::from),
    );
    pages
}

/// Returns the texts between each `open` and the next `close`.
fn between<'t>(text: &'t str, open: &str, close: char) -> Vec<&'t str> {
    text.split(open)
        .skip(1)
        .filter_map(|rest| rest.split_once(close).map(|(inside, _)| inside))
        .collect()
}

/// Returns the texts in backticks, outside of indented code.
fn quoted(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with("    "));
    lines
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Returns the anchor of a heading as GitHub makes it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Fails with all problems at once.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut problems = Vec::new();
    for page in pages() {
        let folder = page.parent().expect("a file");
        for link in between(&read(&page), "](", ')') {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                folder.join(file)
            };
            if !root().join(&target).exists() {
                problems.push(format!("{}: no file for {link}", page.display()));
            } else if !heading.is_empty() && !has_heading(&read(target), heading) {
                problems.push(format!("{}: no heading for {link}", page.display()));
            }
        }
    }
    assert_none(&problems);
}

fn has_heading(text: &str, wanted: &str) -> bool {
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|line| anchor(line) == wanted)
}

#[test]
fn paths_in_the_documentation_exist() {
    let mut problems = Vec::new();
    for page in pages() {
        for path in quoted(&read(&page)) {
            let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder));
            // Patterns, commands, and `TARGET` for any of several names.
            let is_literal = !path.contains([' ', '*', '…']) && !path.contains("TARGET");
            if is_path && is_literal && !root().join(path).exists() {
                problems.push(format!("{}: there is no {path}", page.display()));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_topic_is_documented_with_type_and_qos_class() {
    let page = read("docs/topics.md");
    let mut problems = Vec::new();
    for topic in Topic::ALL {
        let (name, class) = (
            topic.name(),
            format!("{:?}", topic.qos_class()).to_lowercase(),
        );
        let message_type = topic.message_type().replace("/msg/", "/");
        let is_row = |line: &&str| {
            line.starts_with(&format!("| `{name}` |"))
                && line.contains(&message_type)
                && line.ends_with(&format!("| {class} |"))
        };
        if !page.lines().any(|line| is_row(&line)) {
            problems.push(format!("no row for {name}, {message_type}, {class}"));
        }
    }
    assert_none(&problems);
}

#[test]
fn all_files_name_the_same_repository() {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let manifest = read("package.xml");
    for (kind, path) in [
        ("website", ""),
        ("repository", ""),
        ("bugtracker", "/issues"),
    ] {
        let url = format!("<url type=\"{kind}\">{repository}{path}</url>");
        assert!(manifest.contains(&url), "package.xml: expected {url}");
    }
    assert!(read("README.md").contains(&format!("git clone {repository}\n")));
    let mut texts = pages();
    texts.extend(["package.xml", "CHANGELOG.rst"].map(PathBuf::from));
    for file in texts {
        let text = read(&file);
        let is_end = |c: char| c.is_whitespace() || "<>()[]`\"'".contains(c);
        let urls = text.split(is_end).filter(|word| word.contains("://"));
        for url in urls.filter(|url| url.contains("sensr_bridge")) {
            assert!(
                url.starts_with(repository),
                "{}: {url}, but Cargo.toml has {repository}",
                file.display()
            );
        }
    }
}

#[test]
fn all_files_name_the_same_version() {
    let version = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
    assert!(
        read("package.xml").contains(&version),
        "package.xml: expected {version}"
    );
}

#[test]
fn log_messages_in_the_documentation_are_printed_by_a_program() {
    let mut sources = String::new();
    for folder in ["src", "crates", "launch"] {
        for file in files(folder, &["rs", "py"]) {
            sources.push_str(&read(file));
        }
    }
    // A literal may go on in the next line, and has its quotes escaped.
    let words = sources.replace("\\\n", " ").replace("\\\"", "\"");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = read("docs/troubleshooting.md");
    let (messages, _) = page.split_once("\n## Symptoms").expect("a heading");
    let mut problems = Vec::new();
    let mut count = 0;
    for row in messages.lines().filter(|line| line.starts_with("| ")) {
        let cell = row.split('|').nth(1).expect("a cell");
        for text in quoted(cell) {
            count += 1;
            if !words.contains(text) {
                problems.push(format!("no program prints \"{text}\""));
            }
        }
    }
    assert!(count > 20, "only {count} messages were found");
    assert_none(&problems);
}
