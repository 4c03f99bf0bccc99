//! TLS with a throw-away certificate authority.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{self, ServerConfig};

/// Name of the file with the authority's certificate, as SENSR names it.
pub const CA_FILE: &str = "sensr-ca.crt";

/// Validity of the certificates: longer than any run.
const VALIDITY: Duration = Duration::days(30);

/// TLS settings of a simulated server.
///
/// Authority, certificate and keys are generated at every start. Only the authority's certificate is written to disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Folder to which [`CA_FILE`] is written, in PEM.
    pub dir: PathBuf,
    /// DNS names and IP addresses in the server's certificate. Empty: localhost, both loopback addresses and the address
    /// of the ports.
    pub names: Vec<String>,
    /// True for a server certificate that expired yesterday.
    pub is_expired: bool,
}

impl TlsOptions {
    /// Returns settings for this machine with a valid certificate.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            names: Vec::new(),
            is_expired: false,
        }
    }
}

/// Error of setting up TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The name is neither a DNS name nor an IP address.
    #[error("{name} cannot be in a certificate: {source}")]
    Name {
        /// Given name.
        name: String,
        /// Error of the certificate generator.
        source: rcgen::Error,
    },
    /// A certificate cannot be generated.
    #[error("cannot generate a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The certificate is refused by the TLS library.
    #[error("cannot use the certificate: {0}")]
    Use(#[from] rustls::Error),
    /// The certificate file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// Generates the certificates and writes the authority's to disk.
pub(super) fn build_acceptor(options: &TlsOptions, bind: IpAddr) -> Result<TlsAcceptor, TlsError> {
    Ok(TlsAcceptor::from(Arc::new(build_server_config(
        options, bind,
    )?)))
}

/// Generates the certificates, writes the authority's to disk and returns the settings of a server that listens on
/// `bind`.
pub fn build_server_config(options: &TlsOptions, bind: IpAddr) -> Result<ServerConfig, TlsError> {
    let now = OffsetDateTime::now_utc();
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "sensr_sim throw-away CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.not_before, ca.not_after) = (now - VALIDITY, now + VALIDITY);
    let ca_certificate = ca.self_signed(&ca_key)?;

    let key = KeyPair::generate()?;
    let mut leaf = leaf_params(&certificate_names(options, bind))?;
    (leaf.not_before, leaf.not_after) = if options.is_expired {
        (now - Duration::days(3), now - Duration::days(1))
    } else {
        (now - Duration::days(1), now + VALIDITY)
    };
    let certificate = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;

    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())?;
    write_certificate(&options.dir, &ca_certificate.pem())?;
    Ok(config)
}

fn certificate_names(options: &TlsOptions, bind: IpAddr) -> Vec<String> {
    if !options.names.is_empty() {
        return options.names.clone();
    }
    let mut names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    let bind = bind.to_string();
    if !names.contains(&bind) {
        names.push(bind);
    }
    names
}

fn leaf_params(names: &[String]) -> Result<CertificateParams, TlsError> {
    for name in names {
        CertificateParams::new([name.clone()]).map_err(|source| TlsError::Name {
            name: name.clone(),
            source,
        })?;
    }
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name
        .push(DnType::CommonName, "sensr_sim");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(leaf)
}

/// Writes to another name and renames, so that no reader sees a partial file.
fn write_certificate(dir: &Path, pem: &str) -> Result<(), TlsError> {
    let path = dir.join(CA_FILE);
    let unfinished = dir.join(format!("{CA_FILE}.new"));
    let written = fs::create_dir_all(dir)
        .and_then(|()| fs::write(&unfinished, pem))
        .and_then(|()| fs::rename(&unfinished, &path));
    written.map_err(|source| TlsError::Write { path, source })
}
