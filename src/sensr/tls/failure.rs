//! What can be wrong with TLS, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error as RustlsError};

use crate::stamp::Stamp;

/// A CA file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaFileError {
    /// Cannot be read.
    #[error("cannot read tls.ca_file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Has no certificate in it.
    #[error(
        "there is no certificate in tls.ca_file {}: it must be PEM, with lines BEGIN CERTIFICATE",
        path.display()
    )]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Has something in it that is no certificate.
    #[error("tls.ca_file {} cannot be used: {reason}", path.display())]
    Bad {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl CaFileError {
    pub(super) fn bad(path: &Path, reason: &impl ToString) -> Self {
        Self::Bad {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Why there is no TLS with a server. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is nothing to verify against.
    #[error(transparent)]
    CaFile(CaFileError),
    /// What was connected to is no name that a certificate can have.
    #[error(
        "{name} cannot stand in a certificate: set tls.server_name to a name that is in the server's"
    )]
    NoServerName {
        /// That name.
        name: String,
    },
    /// Its time is over.
    #[error("the server's certificate expired{}: renew it on the SENSR machine, if this machine's clock is right", at(*.expired, *.now))]
    Expired {
        /// When.
        expired: Option<Stamp>,
        /// The time here.
        now: Option<Stamp>,
    },
    /// Its time has not come.
    #[error("the server's certificate is not valid yet{}: set this machine's clock, or the one it was made by", at(*.begins, *.now))]
    NotYetValid {
        /// When it will be.
        begins: Option<Stamp>,
        /// The time here.
        now: Option<Stamp>,
    },
    /// Nobody in the CA file has signed it.
    #[error("the server's certificate is not signed by tls.ca_file {}: use the CA file (sensr-ca.crt) of this very server", ca_file.display())]
    WrongCa {
        /// That file.
        ca_file: PathBuf,
    },
    /// It is for another name.
    #[error("the server's certificate is not for {wanted}, but for {}: set tls.server_name to one of these names, or tls.verify_name to false", names(.presented))]
    WrongName {
        /// The name that was looked for.
        wanted: String,
        /// Those in it.
        presented: Vec<String>,
    },
    /// Something else is wrong with the certificate.
    #[error("the server's certificate cannot be accepted: {0}")]
    Certificate(CertificateError),
    /// It answered, but not in TLS.
    #[error("the server does not speak TLS here: set tls.enabled to false, or enable TLS in SENSR")]
    NotTls,
    /// It ended the connection instead of answering.
    #[error(
        "the server ended the connection during the TLS handshake: does it have TLS enabled on this port? If not, set tls.enabled to false"
    )]
    Ended,
    /// It does not want to.
    #[error("no TLS: {0}")]
    Other(io::Error),
}

fn at(then: Option<Stamp>, now: Option<Stamp>) -> String {
    match (then, now) {
        (Some(then), Some(now)) => format!(" ({}, here it is {})", then.utc(), now.utc()),
        _ => String::new(),
    }
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all".to_owned();
    }
    // As the verifier has them: DnsName("a.example"), IpAddress(127.0.0.1).
    let bare = presented.iter().map(|name| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"')
    });
    bare.collect::<Vec<_>>().join(", ")
}

fn stamp(time: UnixTime) -> Option<Stamp> {
    let since_epoch = Duration::from_secs(time.as_secs());
    std::time::UNIX_EPOCH
        .checked_add(since_epoch)
        .map(Stamp::from)
}

impl TlsError {
    pub(super) fn of_handshake(error: io::Error, ca_file: &Path) -> Self {
        let inner = error.get_ref();
        let rustls = inner.and_then(|inner| inner.downcast_ref::<RustlsError>());
        match rustls {
            Some(RustlsError::InvalidCertificate(error)) => {
                Self::of_certificate(error.clone(), ca_file)
            }
            Some(RustlsError::InvalidMessage(_)) => Self::NotTls,
            None if is_end(error.kind()) => Self::Ended,
            _ => Self::Other(error),
        }
    }

    fn of_certificate(error: CertificateError, ca_file: &Path) -> Self {
        match error {
            CertificateError::Expired => Self::Expired {
                expired: None,
                now: None,
            },
            CertificateError::ExpiredContext { time, not_after } => Self::Expired {
                expired: stamp(not_after),
                now: stamp(time),
            },
            CertificateError::NotValidYet => Self::NotYetValid {
                begins: None,
                now: None,
            },
            CertificateError::NotValidYetContext { time, not_before } => Self::NotYetValid {
                begins: stamp(not_before),
                now: stamp(time),
            },
            // A CA of the same name with another key is another CA.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::WrongCa {
                ca_file: ca_file.to_owned(),
            },
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => Self::WrongName {
                wanted: expected.to_str().into_owned(),
                presented,
            },
            other => Self::Certificate(other),
        }
    }
}

fn is_end(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}
