//! TLS as operators of SENSR use it: the server's certificate is verified against a CA file that they hand out.
//!
//! The chain is always verified. Vendor certificates often have another name than the host name, so that another name can
//! be set, or verification of the name switched off; then each connection logs a warning.

mod ca_file;
mod certificate;
mod certificate_summary;
mod chain;
mod refusal;
mod tls_error;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SignatureScheme};

use super::socket::Socket;
use super::transport::{TlsSocket, buffer_for_tls};
pub use ca_file::CaFileError;
pub use certificate_summary::CertificateSummary;
pub use tls_error::TlsError;
use verifier::{Findings, ServerVerifier};

/// TLS options of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file with the CA certificates that may sign the server's.
    pub ca_file: PathBuf,
    /// Name that the server's certificate must have. `None` for the host name.
    pub server_name: Option<String>,
    /// True if that name is verified.
    pub verify_name: bool,
}

/// Returns whether a certificate can have that name: a DNS name or an IP address.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

/// Verifier with the certificates of a CA file.
pub(super) struct TrustAnchors {
    provider: Arc<CryptoProvider>,
    verifier: ServerVerifier,
}

/// Connection after its TLS handshake.
pub(super) struct TlsConnection {
    pub(super) stream: TlsStream<TlsSocket>,
    /// Warning about the server's certificate, which was accepted nevertheless.
    pub(super) warning: Option<String>,
}

/// Resolver without a client certificate, which records whether the server requested one.
#[derive(Debug, Default)]
struct NoClientCertificate {
    is_requested: AtomicBool,
}

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_requested.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl TlsOptions {
    /// Checks whether the CA file is usable.
    pub fn check_ca_file(&self) -> Result<(), CaFileError> {
        self.build_verifier(&Arc::new(ring::default_provider()))
            .map(drop)
    }

    /// Reads the CA file, at each attempt, so that a new one applies from the next connection on. Runs on another thread,
    /// because the network share that the file is on may hang.
    pub(super) async fn load_trust_anchors(&self) -> Result<TrustAnchors, TlsError> {
        let options = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let provider = Arc::new(ring::default_provider());
            let verifier = options.build_verifier(&provider)?;
            Ok(TrustAnchors { provider, verifier })
        });
        match read.await {
            Ok(trust) => trust.map_err(TlsError::CaFile),
            Err(panic) => Err(TlsError::Io(panic.into())),
        }
    }

    /// Performs the handshake with the server `host` on an established connection.
    pub(super) async fn connect(
        &self,
        socket: Socket,
        host: &str,
        trust: TrustAnchors,
    ) -> Result<TlsConnection, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::NoServerName {
                name: name.to_owned(),
            })?;
        let TrustAnchors { provider, verifier } = trust;
        let verifier = Arc::new(verifier);
        let no_certificate = Arc::new(NoClientCertificate::default());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of every version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_client_cert_resolver(Arc::clone(&no_certificate) as _);
        let connected = TlsConnector::from(Arc::new(config))
            .connect(server_name, buffer_for_tls(socket))
            .await;
        let stream = connected.map_err(|error| match verifier.findings.refusal() {
            Some(refusal) => TlsError::Certificate(refusal.to_owned()),
            None => {
                TlsError::from_handshake(error, no_certificate.is_requested.load(Ordering::Relaxed))
            }
        })?;
        Ok(TlsConnection {
            stream,
            warning: verifier.findings.warning().map(str::to_owned),
        })
    }

    fn build_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<ServerVerifier, CaFileError> {
        let trusted = ca_file::read_certificates(&self.ca_file)?;
        let mut roots = RootCertStore::empty();
        for (index, certificate) in trusted.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|_| {
                let number = index + 1;
                CaFileError::unusable(
                    &self.ca_file,
                    format!("certificate number {number} in it is damaged: copy the file again"),
                )
            })?;
        }
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| CaFileError::unusable(&self.ca_file, error.to_string()))?;
        Ok(ServerVerifier {
            webpki,
            trusted,
            ca_file: self.ca_file.clone(),
            verify_name: self.verify_name,
            findings: Findings::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_are_dns_names_and_ip_addresses() {
        for name in ["sensr", "a.example", "192.0.2.1", "2001:db8::1"] {
            assert!(is_server_name(name), "{name}");
        }
        for name in ["", "two words", "-x-", "a/b"] {
            assert!(!is_server_name(name), "{name}");
        }
    }
}
