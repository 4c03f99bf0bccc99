//! Findings about TLS: CA file, certificate, its name and its end.

use super::link_findings::{has_completed, split_cure};
use super::link_kind::LinkKind;
use crate::check::finding::Finding;
use crate::connection::error::LinkError;
use crate::connection::options::LinkOptions;
use crate::connection::probe::{AttemptStep, ProbeResult};
use crate::connection::status::Endpoint;
use crate::connection::tls::{CertificateSummary, TlsError, TlsOptions};

/// Days before the end of a certificate from which to warn: it takes time to get a new one.
const WARNING_DAYS: i64 = 14;

/// Checks the TLS handshake. `None` without TLS, or if it was not reached.
pub(super) fn check_tls(
    kind: &LinkKind,
    options: &LinkOptions,
    result: &ProbeResult,
) -> Option<Finding> {
    let endpoint = &options.endpoint;
    let tls = endpoint.tls.as_ref()?;
    if let Some(error) = &result.ca_file_error {
        let ca_file = tls.ca_file.display();
        let command = format!("openssl x509 -in '{ca_file}' -noout -subject -enddate");
        let (message, cure) = split_cure(&error.to_string()).unwrap_or_else(|| {
            let cure = "copy sensr-ca.crt from the SENSR machine to that path";
            (error.to_string(), cure.to_owned())
        });
        return Some(Finding::fail(
            kind.tls,
            message,
            format!("{command}   ({cure})"),
        ));
    }
    if has_completed(result, AttemptStep::Tls) {
        return Some(check_certificate(kind, tls, result));
    }
    if !has_completed(result, AttemptStep::Connect) {
        return None;
    }
    let error = result.error.as_ref()?;
    let is_about_certificate =
        matches!(error, LinkError::Tls(error) if error.is_about_certificate());
    let (message, cure) = split_cure(&error.to_string()).unwrap_or_else(|| {
        let cure = if is_about_certificate {
            format!(
                "copy sensr-ca.crt of this server to {}",
                tls.ca_file.display()
            )
        } else {
            "see the log of the server, and check for a proxy or firewall between".to_owned()
        };
        (error.to_string(), cure)
    });
    let cure = match error {
        _ if is_about_certificate => format!("{}   ({cure})", show_certificate(endpoint)),
        LinkError::Tls(TlsError::Ended | TlsError::NotTls) => {
            "--ros-args -p tls.enabled:=false   (if TLS is off in SENSR; else enable it there for this port)"
                .to_owned()
        }
        _ => cure,
    };
    Some(Finding::fail(kind.tls, message, cure))
}

fn check_certificate(kind: &LinkKind, tls: &TlsOptions, result: &ProbeResult) -> Finding {
    let Some(certificate) = &result.certificate else {
        return Finding::pass(kind.tls, "encrypted");
    };
    let CertificateSummary {
        subject, issuer, ..
    } = certificate;
    let names = certificate.names.join(", ");
    let (date, days) = (certificate.expiry_date(), certificate.days_left());
    let shown = format!(
        "certificate {subject} for {names}, signed by {issuer}, valid until {date} ({days} days)"
    );
    if days < WARNING_DAYS {
        return Finding::warn(
            kind.tls,
            shown,
            "renew the certificate on the SENSR machine before it expires",
        );
    }
    if let Some(warning) = &result.certificate_warning {
        let (message, cure) = split_cure(warning)
            .unwrap_or_else(|| (warning.clone(), "get the server's new CA file".to_owned()));
        return Finding::warn(kind.tls, message, cure);
    }
    if !tls.verify_name {
        let first = certificate.names.first().map_or("NAME", String::as_str);
        return Finding::warn(
            kind.tls,
            format!("{shown}; its name was not verified (tls.verify_name is false)"),
            format!("set tls.server_name to {first} and tls.verify_name to true"),
        );
    }
    Finding::pass(kind.tls, shown)
}

/// Command that shows the certificate of a server.
fn show_certificate(endpoint: &Endpoint) -> String {
    let authority = endpoint.authority();
    format!(
        "openssl s_client -connect {authority} </dev/null | openssl x509 -noout -subject -issuer -dates -ext \
         subjectAltName"
    )
}
