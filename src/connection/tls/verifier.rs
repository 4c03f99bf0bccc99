//! Verifier of a server's certificate: that of rustls, with additions for operators of single machines.
//!
//! A certificate that is itself in the CA file is trusted, which rustls refuses for CA certificates. Verification of the
//! name can be switched off. The reason of a refusal is kept in an operator's words.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::Certificate;
use super::chain::PresentedChain;

/// Verifier for one handshake.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    /// Certificates in the CA file.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    pub(super) ca_file: PathBuf,
    pub(super) verify_name: bool,
    pub(super) findings: Findings,
}

/// Findings of a verifier.
#[derive(Debug, Default)]
pub(super) struct Findings {
    refusal: OnceLock<String>,
    warning: OnceLock<String>,
}

impl Findings {
    /// Reason why the certificate was refused, with the cure.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.get().map(String::as_str)
    }

    /// Warning about the certificate, which was accepted nevertheless.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.get().map(String::as_str)
    }
}

impl ServerVerifier {
    fn verify_certificate(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Both verify the name last, so that an error about it means that everything else is valid.
        let verified = if self.trusted.contains(end_entity) {
            verify_trusted_leaf(end_entity, server_name, now)
        } else {
            self.webpki.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )
        };
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.verify_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }
}

/// Verifies a certificate that is itself in the CA file: everything but its issuer.
fn verify_trusted_leaf(
    end_entity: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let refuse = |error| Err(Error::InvalidCertificate(error));
    let parsed = ParsedCertificate::try_from(end_entity)?;
    let Some(certificate) = Certificate::parse(end_entity) else {
        return refuse(CertificateError::BadEncoding);
    };
    if certificate.is_not_yet_valid(now) {
        return refuse(CertificateError::NotValidYet);
    }
    if certificate.is_expired(now) {
        return refuse(CertificateError::Expired);
    }
    if certificate.foreign_purposes().is_some() {
        return refuse(CertificateError::InvalidPurpose);
    }
    verify_server_name(&parsed, server_name)?;
    Ok(ServerCertVerified::assertion())
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = PresentedChain {
            leaf: end_entity,
            sent: intermediates,
            trusted: &self.trusted,
            ca_file: &self.ca_file,
            name: server_name,
            now,
        };
        let verified =
            self.verify_certificate(end_entity, intermediates, server_name, ocsp_response, now);
        let refusal = match &verified {
            Err(error) => Some(chain.explain_refusal(error)),
            Ok(_) => chain.explain_unusable_key(),
        };
        if let Some(refusal) = refusal {
            self.findings.refusal.get_or_init(|| refusal);
            return Err(verified.err().unwrap_or(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )));
        }
        if let Some(warning) = chain.expired_ca_warning() {
            self.findings.warning.get_or_init(|| warning);
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
