use super::*;
use crate::config::{Config, ResolvedConfig};

fn parse_hosts(text: &str) -> Result<Hosts, HostsError> {
    Hosts::parse(Path::new("hosts.yaml"), text)
}

/// Parses a file and returns its first site.
fn parse_site(text: &str) -> Site {
    let hosts = parse_hosts(text).expect("valid");
    let (_, site) = hosts.sites.into_iter().next().expect("a site");
    site
}

/// Returns the error of a file, without its path.
fn parse_error(text: &str) -> String {
    let line = parse_hosts(text).expect_err("refused").to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    for word in [
        "invalid type",
        "struct",
        "unit",
        "u16",
        "deserializ",
        "Hosts",
    ] {
        assert!(!line.contains(word), "{line}");
    }
    let reason = line.strip_prefix("hosts file hosts.yaml: ");
    reason.expect("the path").to_owned()
}

#[test]
fn host_is_a_site_or_an_address() {
    let hosts = parse_hosts(
        "sites:\n  harbour: {address: 192.0.2.7}\n  v6: {address: '2001:db8::7', points_port: 6051}\n",
    )
    .expect("valid");
    assert_eq!(hosts.site("v6").expect("there").points_port, Some(6051));
    assert_eq!(hosts.site("192.0.2.99"), None);
    for known in [
        "harbour",
        "192.0.2.99",
        "2001:db8::9",
        "sensr.example",
        "localhost",
        "LOCALHOST",
    ] {
        assert!(hosts.accepts_host(known), "{known}");
    }
    assert!(!hosts.accepts_host("harbor"));
    assert_eq!(hosts.site_names().collect::<Vec<_>>(), ["harbour", "v6"]);
}

#[test]
fn names_are_taken_as_written() {
    let text = "sites:\r\n  항구: 192.0.2.1\r\n  08: 192.0.2.2\r\n  2e1: 192.0.2.3\r\n  N: 192.0.2.4\r\n  ~: 192.0.2.5\r\n  10: a\r\n";
    let hosts = parse_hosts(text).expect("valid");
    let names: Vec<_> = hosts.site_names().collect();
    assert_eq!(names, ["08", "10", "2e1", "N", "~", "항구"]);
    assert_eq!(hosts.site("항구").expect("there").address, "192.0.2.1");
}

#[test]
fn ports_and_booleans_may_be_written_in_several_ways() {
    assert_eq!(
        parse_site("sites: {pier: 192.0.2.10}").address,
        "192.0.2.10"
    );
    let ports = parse_site("sites: {a: {address: x, points_port: '5051', output_port: 5050}}");
    assert_eq!(
        (ports.output_port, ports.points_port),
        (Some(5050), Some(5051))
    );
    for (text, enabled) in [
        ("tls: true", true),
        ("tls: yes", true),
        ("tls: 'on'", true),
        ("tls: {}", true),
        ("tls:\n      # ca_file: sensr-ca.crt", true),
        ("tls: {verify_name: false}", true),
        ("tls: false", false),
        ("tls: no", false),
        ("tls: {enabled: no}", false),
        ("tls: {enabled: Off}", false),
        ("tls: {enabled: 'false'}", false),
        ("tls: {enabled: YES}", true),
    ] {
        let tls = parse_site(&format!("sites:\n  a:\n    address: x\n    {text}\n")).tls;
        assert_eq!(tls.map(|tls| tls.enabled), Some(enabled), "{text}");
    }
    let no = parse_site("sites: {a: {address: x, tls: {verify_name: n}}}").tls;
    assert_eq!(no.and_then(|tls| tls.verify_name), Some(false));
    let shared = "sites:\n  a: &tls {address: x, tls: {enabled: true}}\n  b: *tls\n";
    assert_eq!(parse_hosts(shared).expect("valid").site_names().count(), 2);
}

#[test]
fn ca_file_is_relative_to_the_hosts_file() {
    let ca_file = |text: &str| {
        let text = format!("sites: {{a: {{address: x, tls: {{ca_file: {text}}}}}}}");
        let hosts = Hosts::parse(Path::new("/etc/sensr/hosts.yaml"), &text).expect("valid");
        hosts
            .site("a")
            .cloned()
            .and_then(|site| site.tls)
            .and_then(|tls| tls.ca_file)
    };
    assert_eq!(ca_file("ca.crt"), Some("/etc/sensr/ca.crt".into()));
    assert_eq!(ca_file("/srv/ca.crt"), Some("/srv/ca.crt".into()));
    let home = std::env::home_dir().expect("a home");
    assert_eq!(ca_file("~/ca.crt"), Some(home.join("ca.crt")));
}

/// Invalid texts with parts of their errors.
const INVALID: &[(&str, &str)] = &[
    // No sites.
    ("", "it has no `sites:`"),
    ("# sites:\n", "it has no `sites:`"),
    ("---\n---\n", "it has no `sites:`"),
    ("{}", "a hosts file has `sites:`"),
    (
        "192.0.2.1",
        "a hosts file has `sites:`, with the sites below it, got \"192.0.2.1\"",
    ),
    ("- a\n", "got a list"),
    (
        "sites:\n",
        "sites: sites are a mapping of names to addresses or settings, {} if there are none, got nothing",
    ),
    ("sites: [a]", "got a list at line 1"),
    (
        "site: {}\n",
        "there is no key site, did you mean sites? at line 1",
    ),
    (
        "a: {address: x}\n",
        "there is no key a; a hosts file has sites at line 1",
    ),
    (
        "sites: {a: 192.0.2.1}\n---\nsites: {b: 192.0.2.2}\n",
        "several YAML documents",
    ),
    // Duplicate keys.
    (
        "sites:\n  yard: 192.0.2.1\n  yard: 192.0.2.2\n",
        "sites: yard occurs twice: remove or rename one at line 3 column 3",
    ),
    (
        "sites:\n  yard: 192.0.2.1\n  \"yard\": 192.0.2.2\n",
        "yard occurs twice",
    ),
    (
        "sites: {}\nsites: {}\n",
        "sites occurs twice: remove or rename one at line 2",
    ),
    (
        "sites:\n  a:\n    address: x\n    points_port: 1\n    points_port: 2\n",
        "sites.a: points_port occurs twice: remove or rename one at line 5",
    ),
    (
        "sites: {a: {address: x, tls: {enabled: yes, enabled: no}}}",
        "sites.a.tls: enabled occurs twice",
    ),
    // Unknown and invalid keys.
    (
        "sites:\n  a:\n    adress: x\n",
        "sites.a: there is no key adress, did you mean address? at line 3 column 5",
    ),
    (
        "sites:\n  a: {address: x, port: 1}\n",
        "there is no key port; a site has address, output_port, points_port, frame_id, parent_frame, transform, origin, earth_frame, tls at line 2",
    ),
    (
        "sites: {a: {address: x, tls: {cafile: y}}}",
        "did you mean ca_file?",
    ),
    ("sites: {a: {address: x, <<: {}}}", "there is no key <<"),
    (
        "sites: {a: {frame_id: x}}",
        "sites.a: the site has no `address:`",
    ),
    (
        "sites: {[a]: {}}",
        "sites: there must be a name before the colon at line 1",
    ),
    (
        "sites: {'two words': 192.0.2.1}",
        "the name of a site \"two words\" has blanks",
    ),
    (
        "sites: {'a:5050': 192.0.2.1}",
        "the name of a site \"a:5050\" has a port",
    ),
    (
        "sites: {\"yard\\u200b\": 192.0.2.1}",
        "\"yard\\u{200b}\" has invisible characters",
    ),
    ("sites: {'': 192.0.2.1}", "the name of a site \"\" is empty"),
    // Missing values.
    (
        "sites:\n  a:\n  b: 192.0.2.1\n",
        "sites.a: a site is an address, or a mapping with `address:`, got nothing at line 2",
    ),
    (
        "sites:\n  a:\n    address:\n",
        "sites.a.address: an address is a host name or an IP address, got nothing at line 3",
    ),
    (
        "sites: {a: {address: x, output_port: }}",
        "sites.a.output_port: a port is a number from 1 to 65535, got nothing",
    ),
    (
        "sites: {a: {address: x, points_port: null}}",
        "sites.a.points_port: a port is a number from 1 to 65535, got nothing",
    ),
    (
        "sites: {a: {address: x, frame_id: ~}}",
        "sites.a.frame_id: a frame is a name",
    ),
    ("sites: {a: {address: x, parent_frame: }}", "got nothing"),
    (
        "sites: {a: {address: x, tls: {enabled: }}}",
        "sites.a.tls.enabled: this is true or false, got nothing",
    ),
    (
        "sites: {a: {address: x, tls: {ca_file: }}}",
        "ca_file is the path of a file, got nothing",
    ),
    (
        "sites: {a: {address: x, tls: {ca_file: ''}}}",
        "ca_file is the path of a file, got \"\"",
    ),
    (
        "sites: {a: {address: x, tls: {server_name: }}}",
        "got nothing",
    ),
    (
        "sites: {a: {address: x, tls: {verify_name: }}}",
        "got nothing",
    ),
    // Values of the wrong type.
    (
        "sites:\n  a:\n    address: x\n    points_port: 70000\n",
        "sites.a.points_port: a port is a number from 1 to 65535, got 70000 at line 4 column 18",
    ),
    ("sites: {a: {address: x, points_port: 0}}", "got 0"),
    ("sites: {a: {address: x, points_port: -1}}", "got -1"),
    (
        "sites: {a: {address: x, points_port: 5051.0}}",
        "got 5051.0",
    ),
    (
        "sites: {a: {address: x, points_port: 99999999999999999999}}",
        "got 99999999999999999999",
    ),
    (
        "sites: {a: {address: x, points_port: http}}",
        "got \"http\"",
    ),
    (
        "sites: {a: {address: x, points_port: [5051]}}",
        "got a list",
    ),
    (
        "sites: {a: {address: x, points_port: {a: 1}}}",
        "got a mapping",
    ),
    (
        "sites: {a: {address: x, points_port: !port 5051}}",
        "got a value with a tag",
    ),
    ("sites: {a: {address: x, points_port: true}}", "got true"),
    (
        "sites: {a: {address: 10}}",
        "sites.a.address: an address is a host name or an IP address, got 10",
    ),
    (
        "sites: {a: {address: 192.168}}",
        "an address is a host name or an IP address, got 192.168",
    ),
    (
        "sites: {a: {address: '10'}}",
        "the address \"10\" is not an IPv4 address",
    ),
    ("sites: {a: {address: [x]}}", "got a list"),
    (
        "sites: {a: {address: 'ws://192.0.2.1:5050'}}",
        "sites.a.address: the address \"ws://192.0.2.1:5050\" has a scheme",
    ),
    (
        "sites: {a: ws://192.0.2.1:5050}",
        "sites.a: the address \"ws://192.0.2.1:5050\" has a scheme",
    ),
    (
        "sites: {a: 192.0.2.1:5050}",
        "has a port: give the address without",
    ),
    ("sites: {a: '192.0.2.1, 192.0.2.2'}", "has blanks"),
    (
        "sites: {a: 10}",
        "sites.a: a site is an address, or a mapping with `address:`, got 10",
    ),
    ("sites: {a: true}", "got true"),
    ("sites: {a: [x]}", "got a list"),
    (
        "sites: {a: {address: x, frame_id: 7}}",
        "got 7; if this is one, put it in quotes",
    ),
    (
        "sites: {a: {address: x, frame_id: true}}",
        "got true; if this is one, put it in quotes",
    ),
    (
        "sites: {a: {address: x, frame_id: /lidar}}",
        "sites.a.frame_id: a frame is a name without blanks, invisible characters and leading slash, got \"/lidar\"",
    ),
    (
        "sites: {a: {address: x, frame_id: \"a\\u200b\"}}",
        "got \"a\\u{200b}\"",
    ),
    (
        "sites: {a: {address: x, parent_frame: 'a b'}}",
        "sites.a.parent_frame: a frame",
    ),
    (
        "sites: {a: {address: x, transform: [1, 2, 3]}}",
        "sites.a.transform: transform is a mapping of x_m, y_m, z_m, roll_deg, pitch_deg and yaw_deg, got a list",
    ),
    (
        "sites: {a: {address: x, transform: {yaw: 90}}}",
        "sites.a.transform: there is no key yaw, did you mean yaw_deg? at line 1",
    ),
    (
        "sites: {a: {address: x, transform: {yaw_deg: 361}}}",
        "sites.a.transform.yaw_deg: an angle is a number of degrees from -360 to 360, got 361",
    ),
    (
        "sites: {a: {address: x, transform: {x_m: .nan}}}",
        "x_m: a translation is a number of metres from -10000000 to 10000000, got",
    ),
    (
        "sites: {a: {address: x, origin: {latitude: 37, longitude_deg: 127}}}",
        "sites.a.origin: there is no key latitude, did you mean latitude_deg?",
    ),
    (
        "sites: {a: {address: x, origin: {latitude_deg: 127, longitude_deg: 37}}}",
        "sites.a.origin.latitude_deg: latitude_deg is a number of degrees north from -90 to 90, got 127",
    ),
    (
        "sites: {a: {address: x, origin: {latitude_deg: 37}}}",
        "sites.a.origin: the origin has no `longitude_deg:`",
    ),
    (
        "sites: {a: {address: x, origin: {latitude_deg: 37, longitude_deg: 127, heading_deg: -1}}}",
        "heading_deg is a number of degrees clockwise from true north from 0 to 360, got -1",
    ),
    (
        "sites: {a: {address: x, origin: {latitude_deg: 37, longitude_deg: 127, altitude_m: sea}}}",
        "altitude_m is a number of metres above the WGS 84 ellipsoid from -1000 to 10000, got \"sea\"",
    ),
    (
        "sites: {a: {address: x, origin: true}}",
        "sites.a.origin: origin is a mapping with latitude_deg",
    ),
    (
        "sites: {a: {address: x, earth_frame: /earth}}",
        "sites.a.earth_frame: a frame is a name",
    ),
    (
        "sites: {a: {address: x, tls: 1}}",
        "sites.a.tls: tls is true, false or a mapping of enabled, ca_file, server_name and verify_name, got 1",
    ),
    (
        "sites: {a: {address: x, tls: sensr-ca.crt}}",
        "got \"sensr-ca.crt\"",
    ),
    (
        "sites: {a: {address: x, tls: {enabled: 1}}}",
        "this is true or false, got 1",
    ),
    (
        "sites: {a: {address: x, tls: {enabled: maybe}}}",
        "got \"maybe\"",
    ),
    (
        "sites: {a: {address: x, tls: {server_name: 'two words'}}}",
        "sites.a.tls.server_name: server_name \"two words\" has blanks",
    ),
    (
        "sites: {a: {address: x, tls: {server_name: -x-}}}",
        "server_name is a DNS name or an IP address, got \"-x-\"",
    ),
    (
        "sites: {a: {address: x, tls: {ca_file: ~lee/ca.crt}}}",
        "~ stands for your own home only",
    ),
    // Invalid YAML.
    ("sites: [", "got a list at line 1"),
    ("sites: {a: x", "line 1"),
    ("sites:\n  a: x\n b: y\n", "line 3"),
    (
        "sites:\n\tyard: 192.0.2.1\n",
        "line 2 begins with a tab, YAML takes only blanks there",
    ),
    (
        "sites:\n  yard:\n  \taddress: 192.0.2.1\n",
        "line 3 begins with a tab",
    ),
    ("sites: {a: *b}", "unknown anchor"),
];

#[test]
fn errors_name_place_and_cure() {
    for (text, words) in INVALID {
        let line = parse_error(text);
        assert!(line.contains(words), "{text:?}: {line}");
    }
}

#[test]
fn errors_name_the_file_and_are_one_line() {
    for (text, shown) in [
        (r#"sites: {"a\nb": x}"#, r"a\nb"),
        (r#"sites: {a: {address: x, "p\nt": 1}}"#, r"p\nt"),
        (r#"sites: {a: {address: "x\ny"}}"#, r"x\ny"),
        ("sites: {\"a\\eb\": x}", r"a\u{1b}b"),
    ] {
        let line = parse_error(text);
        assert!(line.contains(shown), "{line:?}");
    }
    let missing = Hosts::load(Path::new("/no/such/hosts\u{200b}.yaml")).expect_err("missing");
    let line = missing.to_string();
    let expected = "cannot read hosts file /no/such/hosts\\u{200b}.yaml: No such file";
    assert!(line.starts_with(expected), "{line}");
}

#[test]
fn only_an_unreadable_file_is_transient() {
    let error = |path: &str| Hosts::load(Path::new(path)).expect_err("refused");
    assert!(error("/no/such/hosts.yaml").is_transient());
    assert!(!error("/").is_transient());
    assert!(!parse_hosts("").expect_err("refused").is_transient());
}

#[test]
fn other_encodings_are_named() {
    let folder = std::env::temp_dir().join(format!("sensr-hosts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("hosts.yaml");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        Hosts::load(&path)
    };
    for text in [
        "\u{feff}---\nsites: {yard: 192.0.2.1}\n",
        "\u{feff}sites:\r\n  yard: 192.0.2.1\r\n",
        "\u{feff}# \r\nsites:\r\n  yard: 192.0.2.1\r\n...\r\n",
    ] {
        let hosts = load(text.as_bytes()).expect("taken");
        assert_eq!(hosts.site_names().collect::<Vec<_>>(), ["yard"]);
    }
    let utf16: Vec<u8> = "sites: {}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let line = load(&utf16).expect_err("refused").to_string();
    assert!(
        line.ends_with("hosts.yaml: it is UTF-16, save it as UTF-8"),
        "{line}"
    );
    let line = load(b"sites:\n  \xc7\xd7: 192.0.2.1\n")
        .expect_err("refused")
        .to_string();
    assert!(line.contains("hosts.yaml: line 2 is not UTF-8"), "{line}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn shipped_file_has_two_sites_with_documentation_addresses() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/hosts.yaml");
    let hosts = Hosts::load(&path).expect("valid");
    assert_eq!(hosts.sites.len(), 2);
    for site in hosts.sites.values() {
        // RFC 5737
        assert!(
            ["192.0.2.", "198.51.100.", "203.0.113."]
                .iter()
                .any(|net| site.address.starts_with(net)),
            "{}",
            site.address
        );
    }
}

#[test]
fn all_problems_are_found_with_their_places_and_valid_sites_are_kept() {
    let text = "sites:\n  a:\n    address: http://x\n    output_port: 0\n    colour: {red: [1]}\n    frame_id: [x]\n    \
                tls: {ca_file: 7, enabled: perhaps, key: 1}\n  b: 192.0.2.1\n  c: {output_port: 1}\n  b: 192.0.2.2\n  \
                d: !x 1\n  e f: 192.0.2.3\n  g: {address: {a: 1}, points_port: 1}\nothers: []\n";
    let (sites, problems) = parse::parse_with_problems(text);
    let places = [
        "sites.a.address: the address",
        "sites.a.output_port: a port is",
        "sites.a: there is no key colour",
        "sites.a.frame_id: a frame is a name",
        "sites.a.tls.ca_file: ca_file is",
        "sites.a.tls.enabled: this is true or false",
        "sites.a.tls: there is no key key",
        "sites.c: the site has no `address:`",
        "sites: b occurs twice",
        "sites.d: a site is an address",
        "sites: the name of a site",
        "sites.g.address: an address is a host name",
        "there is no key others",
    ];
    assert_eq!(problems.len(), places.len(), "{problems:#?}");
    for (problem, place) in problems.iter().zip(places) {
        assert!(problem.starts_with(place), "{problem}, not {place}");
        assert!(problem.contains(" at line "), "{problem}");
    }
    assert_eq!(sites.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(parse::parse_sites(text), Err(problems[0].clone()));
}

#[test]
fn problem_of_the_whole_file_is_found_once() {
    for text in [
        "",
        "sites: '",
        "7",
        "{}",
        "sites: {a: 192.0.2.1}\n---\nsites: {}\n",
    ] {
        let (_, problems) = parse::parse_with_problems(text);
        assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
        assert_eq!(
            parse::parse_sites(text),
            Err(problems[0].clone()),
            "{text:?}"
        );
    }
    let many = "  a: 192.0.2.1\n".repeat(1000);
    let (_, problems) = parse::parse_with_problems(&format!("sites:\n{many}"));
    assert_eq!(problems.len(), 100);
}

#[test]
#[expect(clippy::float_cmp, reason = "copied")]
fn the_place_of_a_site_overrides_what_it_names() {
    let site = parse_site(
        "sites:\n  a:\n    address: x\n    parent_frame: map\n    earth_frame: earth\n    transform: {x_m: 12.5, \
         yaw_deg: '-90'}\n    origin: {latitude_deg: 37.5, longitude_deg: 127}\n",
    );
    let transform = site.transform.expect("given");
    assert_eq!(transform.translation_m, [Some(12.5), None, None]);
    assert_eq!(transform.rpy_deg, [None, None, Some(-90.0)]);
    let given = Config {
        place: crate::config::place::Place {
            translation_m: [1.0, 2.0, 3.0],
            rpy_deg: [4.0, 5.0, 6.0],
            ..Config::default().place
        },
        ..Config::default()
    };
    let resolved = ResolvedConfig::for_site(given.clone(), Some(site)).expect("consistent");
    assert_eq!(resolved.earth_frame.as_deref(), Some("earth"));
    assert_eq!(resolved.place.translation_m, [12.5, 2.0, 3.0]);
    assert_eq!(resolved.place.rpy_deg, [4.0, 5.0, -90.0]);
    let origin = resolved.place.origin().expect("the file gives one");
    assert_eq!([origin.latitude_deg, origin.longitude_deg], [37.5, 127.0]);
    assert_eq!([origin.altitude_m, origin.heading_deg], [0.0, 90.0]);
    // It may be kept in the file and switched off.
    let off = parse_site(
        "sites: {a: {address: x, origin: {enabled: false, latitude_deg: 1, longitude_deg: 2}}}",
    );
    let resolved = ResolvedConfig::for_site(given, Some(off)).expect("consistent");
    assert_eq!(resolved.place.origin(), None);
}

#[test]
fn the_earth_frame_differs_from_the_other_frames() {
    for text in [
        "sites: {a: {address: x, earth_frame: sensr}}",
        "sites: {a: {address: x, earth_frame: map, parent_frame: map}}",
    ] {
        let site = parse_site(text);
        let error = ResolvedConfig::for_site(Config::default(), Some(site)).expect_err("refused");
        assert!(
            error
                .to_string()
                .contains("earth_frame must be different from"),
            "{error}"
        );
    }
}
