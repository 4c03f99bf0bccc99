//! Findings about name, ports and WebSocket handshake.

use std::io::ErrorKind;
use std::net::IpAddr;

use super::SiteTarget;
use super::link_kind::LinkKind;
use crate::check::finding::Finding;
use crate::connection::error::LinkError;
use crate::connection::handshake::HandshakeError;
use crate::connection::options::LinkOptions;
use crate::connection::probe::{AttemptStep, ProbeResult};

/// Returns whether a step of an attempt succeeded.
pub(super) fn has_completed(result: &ProbeResult, step: AttemptStep) -> bool {
    result.trace.completed >= Some(step)
}

/// Checks the resolution of the name. Both links resolve it, and either may be the one that succeeds.
pub(super) fn check_name(
    target: &SiteTarget,
    points: &ProbeResult,
    output: &ProbeResult,
) -> Finding {
    const SUBJECT: &str = "host name";
    let host = &target.config.host;
    let resolved = [points, output]
        .into_iter()
        .find(|result| has_completed(result, AttemptStep::Resolve));
    let Some(resolved) = resolved else {
        let error = points.error.as_ref().or(output.error.as_ref());
        let error = error.map_or_else(|| "no answer".to_owned(), ToString::to_string);
        return Finding::fail(
            SUBJECT,
            format!("{host}: {error}"),
            format!(
                "getent hosts {host}   (correct the address in the hosts file or the parameter host, or the name \
                 server)"
            ),
        );
    };
    if host.parse::<IpAddr>().is_ok() {
        return Finding::pass(SUBJECT, format!("{host} is an IP address"));
    }
    let addresses = resolved.trace.addresses.iter();
    let addresses: Vec<String> = addresses.map(|one| one.ip().to_string()).collect();
    Finding::pass(SUBJECT, format!("{host} is {}", addresses.join(", ")))
}

/// Checks the TCP port. `None` if the name did not lead to an address, which is a finding of its own.
pub(super) fn check_port(
    kind: &LinkKind,
    options: &LinkOptions,
    result: &ProbeResult,
) -> Option<Finding> {
    let port = options.endpoint.port;
    let host = &options.endpoint.address;
    if has_completed(result, AttemptStep::Connect) {
        return Some(Finding::pass(
            kind.port,
            format!("port {port} accepts connections"),
        ));
    }
    if !has_completed(result, AttemptStep::Resolve) {
        return None;
    }
    let error = result.error.as_ref();
    let is_refused = matches!(error, Some(LinkError::Connect(refusals))
        if !refusals.is_empty() && refusals.iter().all(|(_, error)| error.kind() == ErrorKind::ConnectionRefused));
    let cure = if is_refused {
        format!(
            "nc -vz {host} {port}   (the machine responds: start SENSR on it, or set {} to the port that it listens \
             on)",
            kind.port_parameter
        )
    } else {
        format!(
            "ping -c 3 {host}; nc -vz {host} {port}   (check power, cable, address and firewall of the SENSR machine)"
        )
    };
    let error = error.map_or_else(|| "no answer".to_owned(), ToString::to_string);
    Some(Finding::fail(
        kind.port,
        format!("port {port}: {error}"),
        cure,
    ))
}

/// Checks the WebSocket handshake. `None` if it was not reached.
pub(super) fn check_websocket(
    kind: &LinkKind,
    options: &LinkOptions,
    result: &ProbeResult,
) -> Option<Finding> {
    let needed = if options.endpoint.tls.is_some() {
        AttemptStep::Tls
    } else {
        AttemptStep::Connect
    };
    if !has_completed(result, needed) || result.ca_file_error.is_some() {
        return None;
    }
    if has_completed(result, AttemptStep::WebSocket) {
        let url = options.endpoint.url();
        return Some(Finding::pass(kind.websocket, format!("connected to {url}")));
    }
    let error = result.error.as_ref()?;
    if matches!(
        error,
        LinkError::Handshake(HandshakeError::NeedsTls | HandshakeError::NoAnswer)
    ) {
        let ca_file = "tls.ca_file:=/path/to/sensr-ca.crt";
        let message = match split_cure(&error.to_string()) {
            Some((message, _)) => message,
            None => error.to_string(),
        };
        return Some(Finding::fail(
            kind.websocket,
            format!("port {}: {message}", options.endpoint.port),
            format!(
                "--ros-args -p tls.enabled:=true -p {ca_file}   (or the section tls of the site in the hosts file)"
            ),
        ));
    }
    let (message, cure) = split_cure(&error.to_string()).unwrap_or_else(|| {
        let parameter = kind.port_parameter;
        let cure = format!(
            "set {parameter} to the port of SENSR's {}: another service answers on {}",
            kind.stream, options.endpoint.port
        );
        (error.to_string(), cure)
    });
    Some(Finding::fail(
        kind.websocket,
        format!("port {}: {message}", options.endpoint.port),
        cure,
    ))
}

/// Splits an error into problem and cure, if it has one: many end with `: do this`.
pub(super) fn split_cure(error: &str) -> Option<(String, String)> {
    const BEGINNINGS: [&str; 19] = [
        "add ",
        "another ",
        "check ",
        "convert ",
        "copy ",
        "does ",
        "enable ",
        "get ",
        "give ",
        "have ",
        "is it ",
        "it requires ",
        "make ",
        "reissue ",
        "renew ",
        "see ",
        "set ",
        "switch ",
        "use ",
    ];
    let (problem, cure) = error.rsplit_once(": ")?;
    BEGINNINGS
        .iter()
        .any(|verb| cure.starts_with(verb))
        .then(|| (problem.to_owned(), cure.to_owned()))
}
