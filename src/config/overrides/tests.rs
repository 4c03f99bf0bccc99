use super::*;
use crate::config::Value;
use crate::config::table::BRIDGE;

const NODE: &str = "/sensr_bridge";

/// Text of a file, or of an argument.
enum Input<'a> {
    File(&'a str),
    Argument(&'a str),
}
use Input::{Argument, File};

fn parse_overrides(inputs: &[Input<'_>]) -> Result<Overrides, OverrideError> {
    let mut overrides = Overrides::default();
    for (index, input) in inputs.iter().enumerate() {
        match input {
            File(text) => {
                overrides.add_file_contents(&format!("{}.yaml", index + 1), text.as_bytes())?;
            }
            Argument(argument) => overrides.add_argument(argument)?,
        }
    }
    Ok(overrides)
}

fn start_values(node: &str, inputs: &[Input<'_>]) -> StartValues {
    parse_overrides(inputs)
        .and_then(|overrides| overrides.for_node(node, &BRIDGE))
        .expect("valid")
}

fn start_error(inputs: &[Input<'_>]) -> String {
    let refusal = parse_overrides(inputs)
        .and_then(|overrides| overrides.for_node(NODE, &BRIDGE))
        .expect_err("refused")
        .to_string();
    assert!(!refusal.contains('\n'), "{refusal:?}");
    refusal
}

fn string(start: &StartValues, name: &str) -> String {
    match start.settings.get(name) {
        Some(Value::String(value)) => value.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn section(name: &str, parameters: &str) -> String {
    format!("{name}:\n  ros__parameters: {{{parameters}}}\n")
}

#[test]
fn section_applies_to_the_nodes_it_matches() {
    for (name, node, applies) in [
        ("/**", NODE, true),
        ("/*", NODE, true),
        ("/**/sensr_bridge", "/site/sensr_bridge", true),
        ("/*/sensr_bridge", "/site/sensr_bridge", true),
        ("/site/*", "/site/sensr_bridge", true),
        ("sensr_bridge", NODE, true),
        ("sensr_bridge", "/site/sensr_bridge", false),
    ] {
        let file = section(name, "host: there");
        let start = start_values(node, &[File(&file)]);
        let expected = if applies { "there" } else { "localhost" };
        assert_eq!(string(&start, "host"), expected, "{name} {node}");
        assert_eq!(start.warnings.is_empty(), applies, "{:?}", start.warnings);
    }
}

#[test]
fn last_value_wins_regardless_of_its_type() {
    let file = section("/**", "stall_timeout: 20, frame_id: 7");
    let start = start_values(
        NODE,
        &[
            File(&file),
            Argument("stall_timeout:=17.5"),
            Argument("frame_id:=good"),
        ],
    );
    assert_eq!(
        start.settings.get("stall_timeout"),
        Some(&Value::Double(17.5))
    );
    assert_eq!(string(&start, "frame_id"), "good");
    assert_eq!(start.warnings, [] as [&str; 0]);
    for (argument, words) in [
        ("points_port:=abc", "points_port is an integer, got \"abc\""),
        ("tls.enabled:=1", "tls.enabled is a boolean, got 1"),
        ("publish.raw:=0", "publish.raw is a boolean, got 0"),
        ("points_port:='5051'", "leave out the quotes"),
        ("points_port:=70000", "1 to 65535"),
    ] {
        let file = section("/**", "points_port: 5051, tls.enabled: false");
        let refusal = start_error(&[File(&file), Argument(argument)]);
        assert!(
            refusal.starts_with(&format!("-p {argument}: ")),
            "{refusal}"
        );
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[test]
fn sections_have_the_position_of_their_first_occurrence() {
    let any = section("/**", "host: any");
    let own = section("/sensr_bridge", "host: own");
    for (inputs, expected) in [
        (&[File(&any), File(&own)][..], "own"),
        (&[File(&own), File(&any)], "any"),
        (&[File(&any), Argument("host:=p")], "p"),
        (&[File(&own), Argument("host:=p")], "p"),
        (&[Argument("host:=p"), File(&any)], "any"),
        (&[Argument("host:=p"), Argument("host:=q")], "q"),
        (&[File(&own), Argument("sensr_bridge:host:=p")], "p"),
    ] {
        let start = start_values(NODE, inputs);
        assert_eq!(string(&start, "host"), expected);
        assert_eq!(start.warnings, [] as [&str; 0]);
    }
}

#[test]
fn later_value_without_effect_is_warned_of() {
    let both = section("/**", "host: any") + &section("/sensr_bridge", "host: own");
    let start = start_values(NODE, &[File(&both), Argument("host:=p")]);
    assert_eq!(string(&start, "host"), "own");
    let [warning] = &*start.warnings else {
        panic!("{:?}", start.warnings)
    };
    for words in [
        "-p host:=p has no effect",
        "1.yaml, line 4",
        "/sensr_bridge",
    ] {
        assert!(warning.contains(words), "{warning}");
    }
}

#[test]
fn duplicate_parameter_is_warned_of_and_duplicate_section_is_not() {
    let twice = section("/**", "host: a, frame_id: f") + &section("/**", "host: b");
    let start = start_values(NODE, &[File(&twice)]);
    assert_eq!(
        (string(&start, "host"), string(&start, "frame_id")),
        ("b".into(), "f".into())
    );
    let [warning] = &*start.warnings else {
        panic!("{:?}", start.warnings)
    };
    assert!(
        warning.contains("1.yaml, line 2: host has no effect, line 4"),
        "{warning}"
    );
    let nested = section("/**", "tls: {verify_name: false}, tls.verify_name: true");
    assert_eq!(start_values(NODE, &[File(&nested)]).warnings.len(), 1);
}

#[test]
fn strings_are_taken_as_written() {
    for text in ["08", "2e1", "N", "101", "0x1f", ".inf", "1.50", "yes"] {
        let start = start_values(NODE, &[Argument(&format!("frame_id:={text}"))]);
        assert_eq!(string(&start, "frame_id"), text);
        let file = section("/**", &format!("frame_id: {text}"));
        assert_eq!(
            string(&start_values(NODE, &[File(&file)]), "frame_id"),
            text
        );
    }
    for text in ["~", "null"] {
        let refusal = start_error(&[Argument(&format!("parent_frame:={text}"))]);
        assert!(refusal.contains("'' for an empty string"), "{refusal}");
        let quoted = start_values(NODE, &[Argument(&format!("parent_frame:='{text}'"))]);
        assert_eq!(string(&quoted, "parent_frame"), text);
    }
    assert!(start_error(&[Argument("host:=[a]")]).contains("host is a string, got a list"));
}

#[test]
fn values_without_effect_are_warned_of_with_file_and_line() {
    let file = section(
        "/**",
        "pointcloud_intervall: 1.0, use_sim_time: true, else: [1, 2]",
    ) + &section("/sensr_brigde", "host: x")
        + &section("/camera", "host: x");
    let start = start_values(
        NODE,
        &[File(&file), Argument("other:host:=x"), Argument("row:=1")],
    );
    for words in [
        "1.yaml, line 2: there is no parameter pointcloud_intervall, did you mean pointcloud_interval?",
        "1.yaml, line 2: parameter use_sim_time has no effect",
        "1.yaml, line 2: there is no parameter else",
        "1.yaml, line 4: /sensr_brigde is another node",
        "-p other:host:=x: it is for /other",
        "-p row:=1: there is no parameter row",
    ] {
        let count = start
            .warnings
            .iter()
            .filter(|line| line.contains(words))
            .count();
        assert_eq!(count, 1, "{words}: {:?}", start.warnings);
    }
    assert_eq!(start.warnings.len(), 6);
    assert!(
        start.notes[0].contains("line 6: /camera is another node"),
        "{:?}",
        start.notes
    );
}

#[test]
fn file_without_values_for_the_node_is_warned_of() {
    let file = section("/site/sensr_bridge", "host: x");
    let warnings = start_values(NODE, &[File(&file), File("# nothing\n")]).warnings;
    assert_eq!(
        warnings,
        [
            "nothing in 1.yaml is for /sensr_bridge, it is for /site/sensr_bridge",
            "there are no parameters in 2.yaml"
        ]
    );
}

#[test]
fn errors_name_file_and_line() {
    let file = format!("# a comment\n{}", section("/**", "points_port: 70000"));
    assert_eq!(
        start_error(&[File(&file)]),
        "parameter file 1.yaml, line 3: parameter points_port allows 1 to 65535, got 70000"
    );
    assert_eq!(
        start_error(&[File("host: x")]),
        "parameter file 1.yaml: line 1: host has no ros__parameters above it, parameters belong below a node's name \
         and ros__parameters"
    );
    let utf16: Vec<u8> = "\u{feff}/**: {}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = Overrides::default()
        .add_file_contents("a.yaml", &utf16)
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "parameter file a.yaml: it is UTF-16, save it as UTF-8"
    );
}

#[test]
fn shipped_file_sets_the_defaults_on_every_node() {
    let shipped = crate::config::render::parameter_file(&BRIDGE);
    let start = start_values("/site/sensr_bridge", &[File(&shipped)]);
    assert_eq!(start.settings, Settings::of(&BRIDGE));
    assert_eq!((start.warnings, start.notes), (vec![], vec![]));
}
