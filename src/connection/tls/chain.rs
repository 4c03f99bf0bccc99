//! Chain of certificates from the server's to a CA.

use std::path::Path;

use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::Certificate;

/// Limit on the length of a chain. webpki follows no longer one.
const MAX_CHAIN: usize = 8;

/// Certificates of a handshake, and what they are verified against.
pub(super) struct PresentedChain<'a> {
    /// The server's own certificate.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// Further certificates that the server sent.
    pub(super) sent: &'a [CertificateDer<'a>],
    /// Certificates in the CA file.
    pub(super) trusted: &'a [CertificateDer<'a>],
    pub(super) ca_file: &'a Path,
    /// Name that the certificate must have.
    pub(super) name: &'a ServerName<'a>,
    pub(super) now: UnixTime,
}

/// Certificate of a chain.
pub(super) struct ChainEntry<'a> {
    pub(super) certificate: Certificate<'a>,
    pub(super) origin: CertificateOrigin,
}

/// Origin of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CertificateOrigin {
    /// The server's own certificate.
    Leaf,
    /// Sent by the server with its own.
    Sent,
    CaFile,
}

impl PresentedChain<'_> {
    /// Builds the chain from the server's certificate to the last issuer that can be found by name.
    pub(super) fn build_chain(&self) -> Vec<ChainEntry<'_>> {
        let mut known = entries(self.trusted, CertificateOrigin::CaFile);
        known.extend(entries(self.sent, CertificateOrigin::Sent));
        let mut chain = entries(std::slice::from_ref(self.leaf), CertificateOrigin::Leaf);
        while let Some(last) = chain.last() {
            if last.origin == CertificateOrigin::CaFile || chain.len() >= MAX_CHAIN {
                break;
            }
            let last = &last.certificate;
            let issuer = known.iter().position(|entry| {
                last.is_issued_by(&entry.certificate)
                    && !chain
                        .iter()
                        .any(|other| other.certificate.is_same_as(&entry.certificate))
            });
            match issuer {
                Some(index) => chain.push(known.swap_remove(index)),
                None => break,
            }
        }
        chain
    }
}

fn entries<'a>(ders: &'a [CertificateDer<'_>], origin: CertificateOrigin) -> Vec<ChainEntry<'a>> {
    let parsed = ders.iter().filter_map(|der| Certificate::parse(der));
    parsed
        .map(|certificate| ChainEntry {
            certificate,
            origin,
        })
        .collect()
}
