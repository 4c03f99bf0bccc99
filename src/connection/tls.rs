//! TLS as SENSR's operators use it: the server's certificate is verified against a CA file that they hand out.
//!
//! The chain is always verified. Vendor certificates often carry another name than the one the machine is reached
//! by, so the name can be looked for elsewhere or not at all; the latter is said whenever a link is established.

mod ca_file;
mod certificate;
mod failure;
mod refusal;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SignatureScheme};

pub use ca_file::CaFileError;
pub use failure::TlsError;
use verifier::{Findings, ServerVerifier};

/// How a server is spoken to in TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file with the certificates that the server's may be signed by.
    pub ca_file: PathBuf,
    /// The name that the server's certificate must have. None: the one that is connected to.
    pub server_name: Option<String>,
    /// Whether that is looked at.
    pub verify_name: bool,
}

/// Whether a certificate can have that name: a DNS name or an IP address.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

/// The certificates of a CA file, ready to verify a server's with.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    verifier: ServerVerifier,
}

/// A connection behind its TLS handshake.
pub(super) struct Secured {
    pub(super) stream: TlsStream<TcpStream>,
    /// A fault of the server's certificate that did not keep it from being accepted.
    pub(super) warning: Option<String>,
}

/// Has no certificate to show, and remembers whether one was asked for.
#[derive(Debug, Default)]
struct NoCertificate {
    is_asked: AtomicBool,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl TlsOptions {
    /// Whether a link could be tried, as far as can be told without a server.
    pub fn check(&self) -> Result<(), CaFileError> {
        self.verifier(&Arc::new(ring::default_provider())).map(drop)
    }

    /// Reads the CA file, at each attempt, so that a new one counts from the next link on. On another thread: the
    /// network share that it is on may hang.
    pub(super) async fn read_trust(&self) -> Result<Trust, TlsError> {
        let options = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let provider = Arc::new(ring::default_provider());
            let verifier = options.verifier(&provider)?;
            Ok(Trust { provider, verifier })
        });
        match read.await {
            Ok(trust) => trust.map_err(TlsError::CaFile),
            Err(panic) => Err(TlsError::Io(panic.into())),
        }
    }

    /// Shakes hands with a server that `trust` is for. `host` is what was connected to.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        trust: Trust,
    ) -> Result<Secured, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::NoServerName {
                name: name.to_owned(),
            })?;
        let Trust { provider, verifier } = trust;
        let verifier = Arc::new(verifier);
        let no_certificate = Arc::new(NoCertificate::default());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of every version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_client_cert_resolver(Arc::clone(&no_certificate) as _);
        let connected = TlsConnector::from(Arc::new(config))
            .connect(server_name, stream)
            .await;
        let stream = connected.map_err(|error| match verifier.findings.refusal() {
            Some(refusal) => TlsError::Certificate(refusal.to_owned()),
            None => TlsError::of_handshake(error, no_certificate.is_asked.load(Ordering::Relaxed)),
        })?;
        Ok(Secured {
            stream,
            warning: verifier.findings.warning().map(str::to_owned),
        })
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<ServerVerifier, CaFileError> {
        let trusted = ca_file::certificates(&self.ca_file)?;
        let mut roots = RootCertStore::empty();
        for (index, certificate) in trusted.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|_| {
                let number = index + 1;
                CaFileError::bad(
                    &self.ca_file,
                    format!("certificate number {number} in it is damaged: copy the file again"),
                )
            })?;
        }
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| CaFileError::bad(&self.ca_file, error.to_string()))?;
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
    fn server_names_are_dns_names_and_addresses() {
        for name in ["sensr", "a.example", "192.0.2.1", "2001:db8::1"] {
            assert!(is_server_name(name), "{name}");
        }
        for name in ["", "two words", "-x-", "a/b"] {
            assert!(!is_server_name(name), "{name}");
        }
    }
}
