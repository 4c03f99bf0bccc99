//! What can be wrong with TLS, and what to do about it.

use std::io;

use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error as RustlsError, PeerIncompatible,
};

use super::ca_file::CaFileError;

/// Why there is no TLS with a server. Each message is one line that says what to do.
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
    /// The certificate was not accepted.
    #[error("{0}")]
    Certificate(String),
    /// It answered, but not in TLS.
    #[error("the server does not speak TLS here: set tls.enabled to false, or enable TLS in SENSR")]
    NotTls,
    /// It ended the connection instead of answering.
    #[error(
        "the server ended the connection during the TLS handshake: does it have TLS enabled on this port? If not, set tls.enabled to false"
    )]
    Ended,
    /// The two sides have no cipher suite, or no way of signing, in common.
    #[error(
        "the server and this bridge have no TLS cipher suite in common ({0}): enable TLS 1.3 on the server, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, and a certificate with an RSA, an ECDSA P-256 or P-384, or an Ed25519 key"
    )]
    NoCommonSuite(&'static str),
    /// It has no protocol version that is safe.
    #[error("the server speaks TLS 1.1 or older only: enable TLS 1.2 or 1.3 on it")]
    TooOld,
    /// It wants to know who we are.
    #[error(
        "the server asks for a client certificate, which clients of SENSR do not have: switch that off in the server, or in the proxy before it"
    )]
    WantsCertificate,
    /// It has another name than the one that was asked for.
    #[error(
        "the server knows no certificate for the name that was asked for (alert unrecognized_name): set tls.server_name"
    )]
    UnknownName,
    /// It ended the handshake for another reason.
    #[error("the server ended the TLS handshake with the alert {0}: its log says why")]
    Alert(String),
    /// It does not keep to the protocol.
    #[error(
        "the server breaks the TLS protocol ({0}): is something between it and this machine that changes data?"
    )]
    Broken(String),
    /// The connection broke.
    #[error("connection lost during the TLS handshake: {0}")]
    Io(io::Error),
}

impl TlsError {
    /// Reads the error of a handshake. `is_asked` tells whether the server has asked for a certificate.
    pub(super) fn of_handshake(error: io::Error, is_asked: bool) -> Self {
        match rustls_error(&error) {
            Some(RustlsError::AlertReceived(_)) if is_asked => Self::WantsCertificate,
            Some(found) => Self::of_rustls(found),
            None if is_end(error.kind()) => Self::Ended,
            None => Self::Io(error),
        }
    }

    /// Reads the error of a connection behind its handshake. None: it is not one of TLS.
    pub(in crate::connection) fn of_io(error: &io::Error) -> Option<Self> {
        rustls_error(error).map(Self::of_rustls)
    }

    /// The same of the first read behind the handshake.
    pub(in crate::connection) fn of_first_read(error: &io::Error) -> Option<Self> {
        Some(match rustls_error(error)? {
            // In TLS 1.3 a server looks at the client's certificate when the client thinks all is done.
            RustlsError::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::HandshakeFailure,
            ) => Self::WantsCertificate,
            other => Self::of_rustls(other),
        })
    }

    fn of_rustls(error: &RustlsError) -> Self {
        match error {
            RustlsError::InvalidCertificate(CertificateError::BadSignature) => Self::Certificate(
                "the server cannot prove that its certificate is its own: certificate and key on the SENSR machine do not belong together"
                    .to_owned(),
            ),
            RustlsError::InvalidCertificate(_) => Self::Certificate(
                "the server's certificate cannot be used for TLS: reissue it".to_owned(),
            ),
            RustlsError::NoCertificatesPresented => {
                Self::Certificate("the server has no certificate: give it one".to_owned())
            }
            RustlsError::InvalidMessage(_) => Self::NotTls,
            RustlsError::AlertReceived(alert) => Self::of_alert(*alert),
            RustlsError::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                Self::TooOld
            }
            RustlsError::PeerIncompatible(_) => Self::NoCommonSuite("by its answer"),
            // Their texts are names of types.
            RustlsError::PeerMisbehaved(what) => Self::Broken(words(&format!("{what:?}"))),
            RustlsError::InappropriateMessage { .. }
            | RustlsError::InappropriateHandshakeMessage { .. } => {
                Self::Broken("a message out of turn".to_owned())
            }
            RustlsError::DecryptError => Self::Broken("data that cannot be decrypted".to_owned()),
            RustlsError::PeerSentOversizedRecord => Self::Broken("a record too large".to_owned()),
            other => Self::Broken(words(&other.to_string())),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::HandshakeFailure => Self::NoCommonSuite("alert handshake_failure"),
            AlertDescription::InsufficientSecurity => {
                Self::NoCommonSuite("alert insufficient_security")
            }
            AlertDescription::ProtocolVersion => Self::TooOld,
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
                Self::WantsCertificate
            }
            AlertDescription::UnrecognisedName => Self::UnknownName,
            AlertDescription::Unknown(number) => Self::Alert(number.to_string()),
            other => Self::Alert(words(&format!("{other:?}"))),
        }
    }
}

/// The error of TLS in one of a socket.
fn rustls_error(error: &io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}

/// The name of an alert as the RFCs write it, from that of a type: `bad_record_mac`.
fn words(name: &str) -> String {
    /// No name is longer, but a text may be.
    const MAX: usize = 100;
    let mut words = String::new();
    let mut is_inside = false;
    for c in name.chars().filter(|c| !c.is_control()).take(MAX) {
        if c.is_ascii_uppercase() && is_inside {
            words.push('_');
        }
        is_inside = c.is_ascii_lowercase();
        words.push(c.to_ascii_lowercase());
    }
    words
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: RustlsError, is_asked: bool) -> String {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        TlsError::of_handshake(error, is_asked).to_string()
    }

    #[test]
    fn alerts_are_told_with_what_to_do() {
        let said = |alert| said(RustlsError::AlertReceived(alert), false);
        for (alert, words) in [
            (
                AlertDescription::HandshakeFailure,
                "no TLS cipher suite in common",
            ),
            (AlertDescription::ProtocolVersion, "TLS 1.1 or older"),
            (AlertDescription::CertificateRequired, "client certificate"),
            (AlertDescription::UnrecognisedName, "tls.server_name"),
            (AlertDescription::BadRecordMac, "alert bad_record_mac"),
            (AlertDescription::UnknownCA, "alert unknown_ca"),
            (AlertDescription::Unknown(200), "alert 200"),
        ] {
            assert!(said(alert).contains(words), "{}", said(alert));
        }
    }

    #[test]
    fn a_server_that_asked_for_a_certificate_got_none() {
        let alert = RustlsError::AlertReceived(AlertDescription::HandshakeFailure);
        assert!(said(alert, true).contains("client certificate"));
    }

    #[test]
    fn no_text_grows_with_what_came() {
        let long = RustlsError::General("x\n".repeat(10_000));
        let said = said(long, false);
        assert!(said.len() < 300 && !said.contains('\n'), "{said}");
    }
}
