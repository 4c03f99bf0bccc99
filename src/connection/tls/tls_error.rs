//! TLS errors, each with its cure.

use std::io;

use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error as RustlsError, PeerIncompatible,
};

use super::ca_file::CaFileError;

/// Reason why a TLS handshake or connection failed. Each message is one line with the cure.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The CA file cannot be used.
    #[error(transparent)]
    CaFile(CaFileError),
    /// The host name is not a name that a certificate can have.
    #[error(
        "a certificate cannot have the name {name}: set tls.server_name to a name in the server's certificate"
    )]
    NoServerName {
        /// Host name.
        name: String,
    },
    /// The server's certificate was refused.
    #[error("{0}")]
    Certificate(String),
    /// The answer is not TLS.
    #[error("the server does not speak TLS here: set tls.enabled to false, or enable TLS in SENSR")]
    NotTls,
    /// The server ended the connection without an answer.
    #[error(
        "the server ended the connection during the TLS handshake: does it have TLS enabled on this port? If not, set tls.enabled to false"
    )]
    Ended,
    /// No cipher suite or signature scheme in common.
    #[error(
        "the server and this bridge have no TLS cipher suite in common ({0}): enable TLS 1.3 on the server, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, and a certificate with an RSA, an ECDSA P-256 or P-384, or an Ed25519 key"
    )]
    NoCommonSuite(&'static str),
    /// The server has no secure protocol version.
    #[error("the server speaks TLS 1.1 or older only: enable TLS 1.2 or 1.3 on it")]
    TooOld,
    /// The server requests a client certificate.
    #[error(
        "the server asks for a client certificate, which clients of SENSR do not have: switch that off in the server, or in the proxy before it"
    )]
    WantsCertificate,
    /// The server has no certificate for the requested name.
    #[error(
        "the server has no certificate for the requested name (alert unrecognized_name): set tls.server_name"
    )]
    UnknownName,
    /// The server ended the handshake with another alert.
    #[error(
        "the server ended the TLS handshake with the alert {0}: see the log of the server for the reason"
    )]
    Alert(String),
    /// The server violates the protocol.
    #[error("the server breaks the TLS protocol ({0}): check for a middlebox that changes data")]
    Broken(String),
    /// I/O error of the connection.
    #[error("connection lost during the TLS handshake: {0}")]
    Io(io::Error),
}

impl TlsError {
    /// Returns whether the server's certificate is the reason.
    #[must_use]
    pub fn is_about_certificate(&self) -> bool {
        matches!(self, Self::Certificate(_) | Self::UnknownName)
    }

    /// Converts the error of a handshake. `is_requested`: whether the server requested a client certificate.
    pub(super) fn from_handshake(error: io::Error, is_requested: bool) -> Self {
        match rustls_error(&error) {
            Some(RustlsError::AlertReceived(_)) if is_requested => Self::WantsCertificate,
            Some(found) => Self::from_rustls(found),
            None if is_connection_end(error.kind()) => Self::Ended,
            None => Self::Io(error),
        }
    }

    /// Converts the error of a connection after its handshake. `None` if it is not a TLS error.
    pub(in crate::connection) fn from_io(error: &io::Error) -> Option<Self> {
        rustls_error(error).map(Self::from_rustls)
    }

    /// Converts the error of the first read after the handshake. `None` if it is not a TLS error.
    pub(in crate::connection) fn from_first_read(error: &io::Error) -> Option<Self> {
        Some(match rustls_error(error)? {
            // In TLS 1.3 a server verifies the client's certificate after the handshake has ended for the client.
            RustlsError::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::HandshakeFailure,
            ) => Self::WantsCertificate,
            other => Self::from_rustls(other),
        })
    }

    fn from_rustls(error: &RustlsError) -> Self {
        match error {
            RustlsError::InvalidCertificate(CertificateError::BadSignature) => Self::Certificate(
                "the server cannot prove that its certificate is its own: certificate and key on the SENSR machine do not match"
                    .to_owned(),
            ),
            RustlsError::InvalidCertificate(_) => Self::Certificate(
                "the server's certificate cannot be used for TLS: reissue it".to_owned(),
            ),
            RustlsError::NoCertificatesPresented => {
                Self::Certificate("the server has no certificate: give it one".to_owned())
            }
            RustlsError::InvalidMessage(_) => Self::NotTls,
            RustlsError::AlertReceived(alert) => Self::from_alert(*alert),
            RustlsError::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                Self::TooOld
            }
            RustlsError::PeerIncompatible(_) => Self::NoCommonSuite("by the server's answer"),
            // The text is the name of a variant.
            RustlsError::PeerMisbehaved(kind) => Self::Broken(snake_case(&format!("{kind:?}"))),
            RustlsError::InappropriateMessage { .. }
            | RustlsError::InappropriateHandshakeMessage { .. } => {
                Self::Broken("an unexpected message".to_owned())
            }
            RustlsError::DecryptError => Self::Broken("data that cannot be decrypted".to_owned()),
            RustlsError::PeerSentOversizedRecord => Self::Broken("a record too large".to_owned()),
            other => Self::Broken(snake_case(&other.to_string())),
        }
    }

    fn from_alert(alert: AlertDescription) -> Self {
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
            other => Self::Alert(snake_case(&format!("{other:?}"))),
        }
    }
}

/// TLS error inside an I/O error, if it is one.
fn rustls_error(error: &io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}

/// Converts the name of a variant to that of the alert in the RFCs, such as `bad_record_mac`.
fn snake_case(name: &str) -> String {
    /// Limit on the characters: no name is longer, but a text may be.
    const MAX: usize = 100;
    let mut snake = String::new();
    let mut follows_lowercase = false;
    for c in name.chars().filter(|c| !c.is_control()).take(MAX) {
        if c.is_ascii_uppercase() && follows_lowercase {
            snake.push('_');
        }
        follows_lowercase = c.is_ascii_lowercase();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn is_connection_end(kind: io::ErrorKind) -> bool {
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

    fn error_text(error: RustlsError, is_requested: bool) -> String {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        TlsError::from_handshake(error, is_requested).to_string()
    }

    #[test]
    fn alerts_are_named_with_the_cure() {
        let text = |alert| error_text(RustlsError::AlertReceived(alert), false);
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
            assert!(text(alert).contains(words), "{}", text(alert));
        }
    }

    #[test]
    fn handshake_failure_after_a_certificate_request_names_the_request() {
        let alert = RustlsError::AlertReceived(AlertDescription::HandshakeFailure);
        assert!(error_text(alert, true).contains("client certificate"));
    }

    #[test]
    fn length_of_an_error_is_bounded() {
        let long = RustlsError::General("x\n".repeat(10_000));
        let text = error_text(long, false);
        assert!(text.len() < 300 && !text.contains('\n'), "{text}");
    }
}
