//! TLS as SENSR's operators use it: the server's certificate is verified against a CA file that they hand out.
//!
//! The chain is always verified. Vendor certificates often carry another name than the one the machine is reached
//! by, so the name can be looked for elsewhere or not at all; the latter is said whenever a link is established.

mod failure;
mod verifier;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub use failure::{CaFileError, TlsError};
use verifier::AnyName;

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

impl TlsOptions {
    /// Whether a link could be tried, as far as can be told without a server.
    pub fn check(&self) -> Result<(), CaFileError> {
        self.config().map(drop)
    }

    /// Shakes hands. `host` is what was connected to. The CA file is read each time, so that a new one counts
    /// from the next link on.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::NoServerName {
                name: name.to_owned(),
            })?;
        let config = self.config().map_err(TlsError::CaFile)?;
        TlsConnector::from(Arc::new(config))
            .connect(server_name, stream)
            .await
            .map_err(|error| TlsError::of_handshake(error, &self.ca_file))
    }

    fn config(&self) -> Result<ClientConfig, CaFileError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of every version");
        let config = if self.verify_name {
            builder.with_webpki_verifier(verifier)
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyName::new(verifier)))
        };
        Ok(config.with_no_client_auth())
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, CaFileError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca_file)? {
            roots
                .add(certificate)
                .map_err(|error| CaFileError::bad(&self.ca_file, &error))?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| CaFileError::bad(&self.ca_file, &error))
    }
}

/// The certificates in a PEM file: at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    let text = std::fs::read(path).map_err(|source| CaFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| CaFileError::bad(path, &error))?;
    if found.is_empty() {
        return Err(CaFileError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> String {
        let folder = std::env::temp_dir().join(format!("sensr-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let ca_file = folder.join("ca.crt");
        std::fs::write(&ca_file, text).expect("written");
        let options = TlsOptions {
            ca_file,
            server_name: None,
            verify_name: true,
        };
        let checked = options.check();
        std::fs::remove_dir_all(&folder).expect("removed");
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn a_ca_file_is_pem_with_a_certificate() {
        let certified = rcgen::generate_simple_self_signed(vec!["sensr".to_owned()]).expect("made");
        assert_eq!(check("good", &certified.cert.pem()), "");
        let key = certified.signing_key.serialize_pem();
        for (name, text) in [("empty", ""), ("text", "hello"), ("key", &*key)] {
            let error = check(name, text);
            assert!(
                error.contains("no certificate") && error.contains("ca.crt"),
                "{error}"
            );
        }
        let broken = "-----BEGIN CERTIFICATE-----\n?!\n-----END CERTIFICATE-----\n";
        let nonsense = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        for (name, text) in [("broken", broken), ("nonsense", nonsense)] {
            let error = check(name, text);
            assert!(error.contains("cannot be used"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let options = TlsOptions {
            ca_file: "/no/such/ca.crt".into(),
            server_name: None,
            verify_name: true,
        };
        let error = options.check().expect_err("missing").to_string();
        assert!(
            error.starts_with("cannot read tls.ca_file /no/such/ca.crt: "),
            "{error}"
        );
    }

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
