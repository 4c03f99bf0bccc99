use super::*;
use clap::CommandFactory as _;
use sensr_sim::{ChaosOptions, Fault, FaultKind, Links, TlsOptions};

fn parse(line: &str) -> Result<Options, String> {
    let words = std::iter::once("sensr_sim").chain(line.split_whitespace());
    let parsed = Arguments::try_parse_from(words);
    let arguments = parsed.map_err(|error| one_line_message(&error))?;
    arguments.into_options().map_err(|error| error.to_string())
}

#[test]
fn command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn no_arguments_give_the_defaults() {
    assert_eq!(parse(""), Ok(Options::default()));
}

#[test]
fn arguments_become_options() {
    let options = parse(
        "--replay scans --loop --types raw,ground --alternate --sensors 3 --rate 0.5 --generation 2.5",
    );
    let expected = Options {
        source: Source::Replay {
            path: "scans".into(),
            repeat: true,
        },
        types: vec![CloudType::Raw, CloudType::Ground],
        alternate: true,
        sensors: 3,
        rate_hz: 0.5,
        generation: Generation::V2_5,
        ..Options::default()
    };
    assert_eq!(options, Ok(expected));
}

#[test]
fn bag_is_distinguished_from_scans_by_its_name() {
    let options = parse("--replay x/site.mcap --loop --speed 0 --topic /a/wire --count 5");
    let expected = Options {
        source: Source::Bag(BagOptions {
            repeat: true,
            topic: Some("/a/wire".into()),
            speed: 0.0,
            ..BagOptions::new("x/site.mcap")
        }),
        count: Some(5),
        ..Options::default()
    };
    assert_eq!(options, Ok(expected));
    let options = parse("--replay x.mcap").expect("allowed");
    assert_eq!(options.source, Source::Bag(BagOptions::new("x.mcap")));
}

#[test]
fn faults_and_tls_become_options() {
    let options = parse("--fault cut --fault stall --chaos 7 --tls x --tls-name a --tls-expired");
    let expected = Options {
        faults: ["cut", "stall"]
            .map(|text| text.parse().expect("a fault"))
            .to_vec(),
        chaos: Some(ChaosOptions::new(7)),
        tls: Some(TlsOptions {
            names: vec!["a".to_owned()],
            is_expired: true,
            ..TlsOptions::new("x")
        }),
        ..Options::default()
    };
    assert_eq!(options, Ok(expected));
    let options = parse("--chaos 7 --chaos-pause 0.2").expect("allowed");
    let chaos = options.chaos.expect("given");
    assert!((chaos.mean_pause_secs - 0.2).abs() < 1e-9);
}

#[test]
fn arguments_of_ros2_launch_are_ignored() {
    let line = "--points 7 --ros-args -r __ns:=/samyang --params-file x.yaml";
    assert_eq!(parse(line), parse("--points 7"));
    assert_eq!(parse("--ros-args"), Ok(Options::default()));
}

#[test]
fn errors_are_one_line_with_the_allowed_values() {
    for (line, word) in [
        ("--scene street --replay x", "--replay"),
        ("--scene moon", "street"),
        ("--types raw,sky", "background"),
        ("--client-buffer-mib 0", "1..=65536"),
        ("--ping-interval -1", "0 to 3600"),
        ("--rate fast", "--rate"),
        ("--generation 4", "2.5, 3"),
        ("--points -1", "-1"),
        (
            "--replay x.mcap --rate 10",
            "--rate cannot be used with a bag",
        ),
        ("--replay x.mcap --points 7", "--points cannot"),
        ("--replay x.mcap --types raw", "--types cannot"),
        ("--replay x.mcap --alternate", "--alternate cannot"),
        ("--replay x.mcap --sensors 2", "--sensors cannot"),
        ("--sensors 0", "1..=64"),
        ("--sensors 65", "1..=64"),
        ("--replay x.mcap --generation 3", "--generation cannot"),
        ("--replay x.mcap --seed 7", "--seed"),
        ("--replay x.mcap --scene street", "--scene"),
        (
            "--replay x.pcd --speed 2",
            "--speed can only be used with a bag",
        ),
        ("--replay x.pcd --topic wire", "--topic can only"),
        ("--speed 2", "--replay"),
        ("--fault explode", "refuse, restart, mute"),
        ("--script /nowhere/script", "/nowhere/script"),
        ("--chaos x", "--chaos"),
        ("--chaos-pause 1", "--chaos"),
        ("--tls-name x", "--tls"),
        ("--tls-expired", "--tls"),
    ] {
        let text = parse(line).expect_err(line);
        assert!(text.contains(word), "{text}");
        assert!(!text.contains('\n') && !text.contains("--help"), "{text}");
    }
}

/// Returns all texts that a grammar such as `stall [LINKS] [for SECONDS]` allows.
fn expand_grammar(grammar: &str) -> Vec<String> {
    let (name, options) = grammar.split_once(' ').expect("a name and options");
    let mut texts = vec![name.to_owned()];
    for option in options.split('[').skip(1) {
        let (option, _) = option.split_once(']').expect("a closing bracket");
        let choices = match option {
            "LINKS" => vec!["points", "output", "both"],
            "for SECONDS" => vec!["for 2.5"],
            word => vec![word],
        };
        let with_option: Vec<String> = texts
            .iter()
            .flat_map(|text| choices.iter().map(move |choice| format!("{text} {choice}")))
            .collect();
        texts.extend(with_option);
    }
    texts
}

#[test]
fn help_lists_every_fault_kind_in_a_form_that_parses() {
    let help = Arguments::command().render_long_help().to_string();
    for kind in FaultKind::ALL {
        let grammar = kind.grammar();
        let line = help
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{grammar} ")))
            .unwrap_or_else(|| panic!("{grammar} is missing in {help}"));
        assert!(line.contains(kind.description()), "{line}");
        assert_eq!(line.contains("(default: "), kind.default_secs().is_some());
        assert!(line.chars().count() <= 144, "{line}");

        let texts = expand_grammar(&grammar);
        for text in &texts {
            let fault: Fault = text
                .parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(fault.kind, kind, "{text}");
        }
        // The help shows everything that parses.
        for links in [Links::Points, Links::Output, Links::Both] {
            for duration in ["", " for 2.5"] {
                let text = format!("{kind} {}{duration}", links.name());
                let is_shown = texts.contains(&text);
                assert_eq!(text.parse::<Fault>().is_ok(), is_shown, "{text}");
            }
        }
    }
}

#[test]
fn error_of_an_unknown_fault_lists_every_kind() {
    let error = parse("--fault explode").expect_err("unknown");
    for kind in FaultKind::ALL {
        assert!(error.contains(kind.name()), "{kind} is missing in {error}");
    }
}
