//! Reasons why a server's certificate was not accepted, each in a line that says what to do about it.
//!
//! The verifier says that something is wrong; which certificate of the chain it is about, and what stands in that, is
//! looked up here.

use std::net::IpAddr;
use std::path::Path;

use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error as RustlsError};
use webpki::Error as PkiError;

use super::certificate::{AltName, BadAlgorithm, Certificate, date, seconds};
use crate::connection::excerpt::excerpt;

/// Names of a certificate that an error lists.
const NAMES: usize = 6;
/// No chain is longer than what webpki follows.
const MAX_CHAIN: usize = 8;

const THIS_SERVERS_CA: &str = "use the CA file (sensr-ca.crt) of this very server";

/// The certificates that were verified.
pub(super) struct Subject<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    /// Sent by the server beside its own.
    pub(super) sent: &'a [CertificateDer<'a>],
    /// In the CA file.
    pub(super) trusted: &'a [CertificateDer<'a>],
    pub(super) ca_file: &'a Path,
    /// That the certificate must have.
    pub(super) name: &'a ServerName<'a>,
    pub(super) now: UnixTime,
}

/// A certificate of the chain.
struct Link<'a> {
    certificate: Certificate<'a>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Leaf,
    Sent,
    CaFile,
}

impl Subject<'_> {
    /// Says why a verifier refused it.
    pub(super) fn explain(&self, error: &RustlsError) -> String {
        let RustlsError::InvalidCertificate(error) = error else {
            return malformed();
        };
        let chain = self.chain();
        let Some(leaf) = chain.first() else {
            return malformed();
        };
        let leaf = &leaf.certificate;
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                self.expired(&chain)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                self.early(&chain)
            }
            CertificateError::UnknownIssuer => self.unknown_issuer(&chain),
            CertificateError::BadSignature => self.bad_signature(&chain),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                self.wrong_name(leaf)
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                self.wrong_purpose(&chain)
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                self.bad_algorithm(&chain)
            }
            CertificateError::Other(other) => {
                self.other(&chain, other.0.downcast_ref::<PkiError>())
            }
            _ => malformed(),
        }
    }

    /// Says why a certificate whose chain is good cannot be used all the same.
    pub(super) fn unusable_key(&self) -> Option<String> {
        let leaf = Certificate::parse(self.leaf)?;
        let bits = leaf.bad_rsa_bits()?;
        Some(format!(
            "the server's certificate has an RSA key of {bits} bits: reissue it with one of 2048 to 8192 bits"
        ))
    }

    /// The certificate in the CA file that the chain ends at, if its time is over. That is no reason to refuse what it
    /// signed (RFC 5280, section 6.1), but one to see to it.
    pub(super) fn expired_ca(&self) -> Option<String> {
        let chain = self.chain();
        let root = chain.last().filter(|link| link.place == Place::CaFile)?;
        // Another one of that name and key may follow it.
        let is_replaced = self
            .trusted
            .iter()
            .filter_map(|der| Certificate::parse(der))
            .any(|other| {
                other.subject() == root.certificate.subject() && !other.is_expired(self.now)
            });
        (!is_replaced && root.certificate.is_expired(self.now)).then(|| {
            format!(
                "{} in tls.ca_file {} expired on {}: get the server's new CA file before other programs refuse this one",
                root.certificate.subject(),
                self.ca_file.display(),
                date(root.certificate.validity().1)
            )
        })
    }

    /// From the server's certificate to the last one that can be found by name.
    fn chain(&self) -> Vec<Link<'_>> {
        let mut known = links(self.trusted, Place::CaFile);
        known.extend(links(self.sent, Place::Sent));
        let mut chain = links(std::slice::from_ref(self.leaf), Place::Leaf);
        while let Some(last) = chain.last() {
            if last.place == Place::CaFile || chain.len() >= MAX_CHAIN {
                break;
            }
            let last = &last.certificate;
            let issuer = known.iter().position(|link| {
                last.is_issued_by(&link.certificate)
                    && !chain
                        .iter()
                        .any(|other| other.certificate.is_same_as(&link.certificate))
            });
            match issuer {
                Some(index) => chain.push(known.swap_remove(index)),
                None => break,
            }
        }
        chain
    }

    fn expired(&self, chain: &[Link<'_>]) -> String {
        let now = self.now;
        let Some(expired) = chain.iter().find(|link| link.certificate.is_expired(now)) else {
            return "the server's certificate ends before it begins: reissue it".to_owned();
        };
        let whose = self.whose(expired);
        let then = date(expired.certificate.validity().1);
        let now = date(seconds(now));
        format!(
            "{whose} expired ({then}, here it is {now}): renew it on the SENSR machine, if this machine's clock is right"
        )
    }

    fn early(&self, chain: &[Link<'_>]) -> String {
        let now = self.now;
        let Some(early) = chain.iter().find(|link| link.certificate.is_early(now)) else {
            return malformed();
        };
        let whose = self.whose(early);
        let then = date(early.certificate.validity().0);
        let now = date(seconds(now));
        format!(
            "{whose} is not valid yet ({then}, here it is {now}): set this machine's clock, or the one it was made by"
        )
    }

    fn unknown_issuer(&self, chain: &[Link<'_>]) -> String {
        let ca_file = self.ca_file.display();
        let Some(last) = chain.last() else {
            return malformed();
        };
        let issuer = last.certificate.issuer();
        if last.certificate.is_self_issued() {
            return self.self_signed(last);
        }
        let through = match last.place {
            Place::Leaf => String::new(),
            _ => format!("{}, which is signed by ", last.certificate.subject()),
        };
        let namesake = self
            .trusted
            .iter()
            .filter_map(|der| Certificate::parse(der));
        if namesake.into_iter().any(|ca| ca.subject() == issuer) {
            return format!(
                "the server's certificate is signed by {through}{issuer}, and tls.ca_file {ca_file} has that name in another encoding: {THIS_SERVERS_CA}"
            );
        }
        format!(
            "the server's certificate is signed by {through}{issuer}, which is not in tls.ca_file {ca_file}: {THIS_SERVERS_CA}, or have the server send the certificate of {issuer} with its own if that is an intermediate CA"
        )
    }

    fn self_signed(&self, link: &Link<'_>) -> String {
        let ca_file = self.ca_file.display();
        let subject = link.certificate.subject();
        if link.place == Place::Leaf {
            format!(
                "the server's certificate is self-signed ({subject}) and does not stand in tls.ca_file {ca_file}: put this very certificate into that file"
            )
        } else {
            format!(
                "the server's certificate is signed by {subject}, which is not in tls.ca_file {ca_file}: {THIS_SERVERS_CA}"
            )
        }
    }

    fn bad_signature(&self, chain: &[Link<'_>]) -> String {
        let weak = chain.iter().skip(1).find_map(|link| {
            let bits = link.certificate.bad_rsa_bits()?;
            Some((link, bits))
        });
        if let Some((link, bits)) = weak {
            let whose = self.whose(link);
            return format!(
                "{whose} has an RSA key of {bits} bits: make a CA with a key of 2048 to 8192 bits, reissue the server's certificate with it, and use its CA file"
            );
        }
        if let [leaf, ..] = chain
            && leaf.certificate.is_self_issued()
        {
            return self.self_signed(leaf);
        }
        let issuer = chain
            .last()
            .map_or_else(String::new, |link| link.certificate.subject());
        format!(
            "the server's certificate is not signed by tls.ca_file {}: the {issuer} in there is another one of the same name, {THIS_SERVERS_CA}",
            self.ca_file.display()
        )
    }

    fn wrong_name(&self, leaf: &Certificate<'_>) -> String {
        let wanted = self.name.to_str();
        let (kind, address) = match self.name {
            ServerName::IpAddress(address) => ("IP", Some(IpAddr::from(*address))),
            _ => ("DNS", None),
        };
        let reissue = format!(
            "reissue it with subjectAltName={kind}:{wanted}, or set tls.verify_name to false"
        );
        let Some(names) = leaf.alt_names() else {
            let common = leaf.common_name().map_or_else(String::new, |name| {
                format!(", and its common name {name} does not count")
            });
            return format!("the server's certificate has no subjectAltName{common}: {reissue}");
        };
        if names.is_empty() {
            return format!(
                "the server's certificate has neither a DNS name nor an address in its subjectAltName: {reissue}"
            );
        }
        let is_written_as_name = |name: &AltName| match name {
            AltName::Dns(name) => address.is_some() && name.parse().ok() == address,
            AltName::Address(_) => false,
        };
        if names.iter().any(is_written_as_name) {
            return format!(
                "the server's certificate has {wanted} as a DNS name, where an address must stand as an address: {reissue}"
            );
        }
        let mut listed: Vec<String> = names
            .iter()
            .take(NAMES)
            .map(|name| match name {
                AltName::Dns(name) => excerpt(name),
                AltName::Address(address) => address.to_string(),
            })
            .collect();
        if names.len() > NAMES {
            listed.push(format!("{} more", names.len() - NAMES));
        }
        format!(
            "the server's certificate is not for {wanted}, but for {}: set tls.server_name to one of these names, or tls.verify_name to false",
            listed.join(", ")
        )
    }

    fn wrong_purpose(&self, chain: &[Link<'_>]) -> String {
        let found = chain.iter().find_map(|link| {
            let purposes = link.certificate.foreign_purposes()?;
            Some((link, purposes))
        });
        match found {
            Some((link, purposes)) => format!(
                "{} is not meant for servers, only for {purposes}: reissue it with extendedKeyUsage=serverAuth",
                self.whose(link)
            ),
            None => malformed(),
        }
    }

    fn bad_algorithm(&self, chain: &[Link<'_>]) -> String {
        let found = chain.iter().find_map(|link| {
            let algorithm = link.certificate.bad_algorithm()?;
            Some((link, algorithm))
        });
        if let Some((link, BadAlgorithm { name, is_broken })) = found {
            let whose = self.whose(link);
            let why = if is_broken {
                "which can be forged"
            } else {
                "which is not supported"
            };
            return format!("{whose} is signed with {name}, {why}: reissue it with SHA-256");
        }
        let issuer = chain.get(1);
        let issuer = issuer.map_or_else(|| "its issuer".to_owned(), |link| self.whose(link));
        format!(
            "the server's certificate is signed with a key of a kind that is not supported, that of {issuer}: make a CA with an RSA, an ECDSA P-256 or P-384, or an Ed25519 key"
        )
    }

    fn other(&self, chain: &[Link<'_>], error: Option<&PkiError>) -> String {
        let Some(leaf) = chain.first() else {
            return malformed();
        };
        match error {
            Some(PkiError::CaUsedAsEndEntity) if leaf.certificate.is_self_issued() => {
                self.self_signed(leaf)
            }
            Some(PkiError::CaUsedAsEndEntity) => format!(
                "the server's certificate is that of a CA (basicConstraints CA:TRUE): reissue it with CA:FALSE, or put this very certificate into tls.ca_file {}",
                self.ca_file.display()
            ),
            Some(PkiError::UnsupportedCertVersion) => self.first(
                chain,
                |certificate| !certificate.is_version_3(),
                "is an X.509 certificate of version 1: reissue it as version 3, with a subjectAltName",
            ),
            Some(PkiError::EndEntityUsedAsCa) => self.first(
                &chain[1..],
                |certificate| !certificate.is_ca(),
                "is not that of a CA (basicConstraints CA:FALSE): reissue what it signed with a CA",
            ),
            Some(PkiError::PathLenConstraintViolated) => {
                "a CA in the chain of the server's certificate may not sign other CAs (pathlen): reissue the certificate with another CA".to_owned()
            }
            Some(PkiError::NameConstraintViolation) => self.first(
                &chain[1..],
                |certificate| !certificate.is_for_all_names(),
                "may not sign for the names in the server's certificate (nameConstraints): reissue one of both",
            ),
            Some(PkiError::UnsupportedCriticalExtension) => {
                let found = chain.iter().find_map(|link| {
                    let extension = link.certificate.unknown_critical()?;
                    Some((link, extension))
                });
                match found {
                    Some((link, extension)) => format!(
                        "{} has a critical extension that is not known here ({extension}): reissue it without, or with the extension not critical",
                        self.whose(link)
                    ),
                    None => malformed(),
                }
            }
            Some(PkiError::EmptyEkuExtension) => {
                "the server's certificate has an extendedKeyUsage without a purpose: reissue it with serverAuth".to_owned()
            }
            Some(PkiError::MaximumPathDepthExceeded | PkiError::MaximumSignatureChecksExceeded | PkiError::MaximumPathBuildCallsExceeded) => {
                "the server sends a chain of certificates that is too long to follow: have it send only those between its own and tls.ca_file".to_owned()
            }
            _ => malformed(),
        }
    }

    /// The first certificate that something is true of.
    fn first(
        &self,
        chain: &[Link<'_>],
        is_it: impl Fn(&Certificate<'_>) -> bool,
        what: &str,
    ) -> String {
        let found = chain.iter().find(|link| is_it(&link.certificate));
        found.map_or_else(malformed, |link| format!("{} {what}", self.whose(link)))
    }

    fn whose(&self, link: &Link<'_>) -> String {
        let subject = link.certificate.subject();
        match link.place {
            Place::Leaf => "the server's certificate".to_owned(),
            Place::Sent => {
                format!("the certificate of {subject}, which the server sent beside its own,")
            }
            Place::CaFile => format!(
                "the certificate of {subject} in tls.ca_file {}",
                self.ca_file.display()
            ),
        }
    }
}

fn links<'a>(ders: &'a [CertificateDer<'_>], place: Place) -> Vec<Link<'a>> {
    let parsed = ders.iter().filter_map(|der| Certificate::parse(der));
    parsed
        .map(|certificate| Link { certificate, place })
        .collect()
}

fn malformed() -> String {
    "the server's certificate, or one that it sent beside it, is not made as X.509 demands: reissue it"
        .to_owned()
}

#[cfg(test)]
mod tests;
