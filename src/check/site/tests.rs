use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use super::link_findings::split_cure;
use super::*;
use crate::check::finding::Verdict;
use crate::config::resolve::Resolution;
use crate::config::{Config, ResolvedConfig};

/// Time of listening of tests without frames.
const SHORT: Duration = Duration::from_millis(100);

fn target(name: &str, host: &str, ports: [u16; 2], ca_file: Option<PathBuf>) -> SiteTarget {
    let mut config = Config {
        host: host.to_owned(),
        points_port: ports[0],
        output_port: ports[1],
        ..Config::default()
    };
    if let Some(ca_file) = ca_file {
        config.tls_enabled = true;
        config.tls.ca_file = ca_file;
    }
    let config = ResolvedConfig::for_site(config, None).expect("valid");
    let Resolution {
        config,
        points,
        output,
    } = Resolution::of(config);
    SiteTarget {
        name: name.to_owned(),
        namespace: format!("/{name}"),
        config,
        points,
        output,
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

fn find<'a>(report: &'a SiteReport, subject: &str) -> &'a Finding {
    let mut all = report.findings.iter();
    all.find(|finding| finding.subject == subject)
        .unwrap_or_else(|| panic!("no {subject} in {report:?}"))
}

#[test]
fn closed_ports_fail_with_a_command_and_nothing_follows() {
    let port = free_port();
    let targets = [target("a", "127.0.0.1", [port, port], None)];
    let reports = check_sites(&targets, SHORT).expect("resources");
    let [report] = &reports[..] else {
        panic!("{reports:?}")
    };
    let subjects: Vec<_> = report.findings.iter().map(|one| one.subject).collect();
    assert_eq!(subjects, ["host name", "point port", "output port"]);
    assert_eq!(find(report, "host name").verdict, Verdict::Pass);
    let finding = find(report, "point port");
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(finding.site.as_deref(), Some("a"));
    let command = format!("nc -vz 127.0.0.1 {port}");
    assert!(finding.cure.starts_with(&command), "{finding:?}");
    assert_eq!(report.bytes_per_second, None);
}

#[test]
fn unusable_ca_file_does_not_keep_the_ports_from_being_tried() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let open = listener.local_addr().expect("bound").port();
    let missing = PathBuf::from("/nonexistent/sensr-ca.crt");
    let targets = [target("a", "127.0.0.1", [open, free_port()], Some(missing))];
    let report = check_sites(&targets, SHORT).expect("resources").remove(0);
    assert_eq!(find(&report, "point port").verdict, Verdict::Pass);
    assert_eq!(find(&report, "output port").verdict, Verdict::Fail);
    let tls = find(&report, "point tls");
    assert_eq!(tls.verdict, Verdict::Fail);
    assert!(tls.message.contains("/nonexistent/sensr-ca.crt"), "{tls:?}");
    assert!(tls.cure.starts_with("openssl x509 -in"), "{tls:?}");
}

#[test]
fn every_site_has_its_report_although_one_has_an_impossible_name() {
    let port = free_port();
    let targets = [
        target("lost", "no-such-host.invalid", [port, port], None),
        target("here", "127.0.0.1", [port, port], None),
    ];
    let reports = check_sites(&targets, SHORT).expect("resources");
    let [lost, here] = &reports[..] else {
        panic!("{reports:?}")
    };
    let name = find(lost, "host name");
    assert_eq!(name.verdict, Verdict::Fail);
    assert!(name.cure.contains("getent hosts no-such-host.invalid"));
    assert_eq!(lost.findings.len(), 1);
    assert_eq!(find(here, "point port").verdict, Verdict::Fail);
}

#[test]
fn cure_of_an_error_is_split_off_only_if_it_is_one() {
    let split = |error| split_cure(error).map(|(_, cure)| cure);
    assert_eq!(
        split("the server speaks TLS 1.1 or older only: enable TLS 1.2 or 1.3 on it").as_deref(),
        Some("enable TLS 1.2 or 1.3 on it")
    );
    assert_eq!(split("cannot connect: connection refused"), None);
    assert_eq!(split("no colon"), None);
}
