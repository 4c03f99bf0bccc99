use super::*;
use clap::CommandFactory as _;
use sensr_sim::{ChaosOptions, TlsOptions};

fn parse(line: &str) -> Result<Options, String> {
    let words = std::iter::once("sensr_sim").chain(line.split_whitespace());
    let parsed = Arguments::try_parse_from(words);
    let arguments = parsed.map_err(|error| one_line(&error))?;
    arguments.options().map_err(|unusable| unusable.to_string())
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn no_arguments_are_the_defaults() {
    assert_eq!(parse(""), Ok(Options::default()));
}

#[test]
fn arguments_become_options() {
    let options =
        parse("--replay scans --loop --types raw,ground --alternate --rate 0.5 --generation 2.5");
    let expected = Options {
        source: Source::Replay {
            path: "scans".into(),
            repeat: true,
        },
        types: vec![CloudType::Raw, CloudType::Ground],
        alternate: true,
        rate_hz: 0.5,
        generation: Generation::V2_5,
        ..Options::default()
    };
    assert_eq!(options, Ok(expected));
}

#[test]
fn a_bag_is_told_from_scans_by_its_name() {
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
    let chaos = options.chaos.expect("asked for");
    assert!((chaos.mean_pause_secs - 0.2).abs() < 1e-9);
}

#[test]
fn ros2_launch_may_start_it() {
    let line = "--points 7 --ros-args -r __ns:=/samyang --params-file x.yaml";
    assert_eq!(parse(line), parse("--points 7"));
    assert_eq!(parse("--ros-args"), Ok(Options::default()));
}

#[test]
fn refusals_are_one_line_that_says_what_is_allowed() {
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
