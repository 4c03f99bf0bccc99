//! Explanations why a server's certificate was refused, each a line with the cure.
//!
//! An error of the verifier is only a kind. This module finds the certificate of the chain that it is about, and the field.

use std::net::IpAddr;

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, Error as RustlsError};
use webpki::Error as PkiError;

use super::certificate::{AltName, BadAlgorithm, Certificate, format_date, unix_seconds};
use super::chain::{CertificateOrigin, ChainEntry, PresentedChain};
use crate::connection::excerpt::excerpt;

/// Limit on the names of a certificate that an error lists.
const MAX_LISTED_NAMES: usize = 6;
const USE_THIS_SERVERS_CA: &str = "use the CA file (sensr-ca.crt) of this server";

impl PresentedChain<'_> {
    /// Explains why the verifier refused the chain.
    pub(super) fn explain_refusal(&self, error: &RustlsError) -> String {
        let RustlsError::InvalidCertificate(error) = error else {
            return explain_malformed();
        };
        let chain = self.build_chain();
        let Some(leaf) = chain.first() else {
            return explain_malformed();
        };
        let leaf = &leaf.certificate;
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                self.explain_expired(&chain)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                self.explain_not_yet_valid(&chain)
            }
            CertificateError::UnknownIssuer => self.explain_unknown_issuer(&chain),
            CertificateError::BadSignature => self.explain_bad_signature(&chain),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                self.explain_wrong_name(leaf)
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                self.explain_wrong_purpose(&chain)
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                self.explain_bad_algorithm(&chain)
            }
            CertificateError::Other(other) => {
                self.explain_other(&chain, other.0.downcast_ref::<PkiError>())
            }
            _ => explain_malformed(),
        }
    }

    /// Explains why a certificate with a valid chain is refused nevertheless, if it is.
    pub(super) fn explain_unusable_key(&self) -> Option<String> {
        let leaf = Certificate::parse(self.leaf)?;
        let bits = leaf.bad_rsa_bits()?;
        Some(format!(
            "the server's certificate has an RSA key of {bits} bits: reissue it with one of 2048 to 8192 bits"
        ))
    }

    /// Warns if the CA in the CA file has expired. That is not a reason to refuse the certificates that it signed (RFC
    /// 5280, section 6.1), but other programs may do so.
    pub(super) fn expired_ca_warning(&self) -> Option<String> {
        let chain = self.build_chain();
        let root = chain
            .last()
            .filter(|entry| entry.origin == CertificateOrigin::CaFile)?;
        // The file may have its successor, with the same name and key.
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
                format_date(root.certificate.validity().1)
            )
        })
    }

    fn explain_expired(&self, chain: &[ChainEntry<'_>]) -> String {
        let now = self.now;
        let Some(expired) = chain.iter().find(|entry| entry.certificate.is_expired(now)) else {
            return "the server's certificate has an invalid validity period: reissue it"
                .to_owned();
        };
        let which = self.describe_entry(expired);
        let then = format_date(expired.certificate.validity().1);
        let now = format_date(unix_seconds(now));
        format!(
            "{which} expired ({then}, here it is {now}): renew it on the SENSR machine, if this machine's clock is right"
        )
    }

    fn explain_not_yet_valid(&self, chain: &[ChainEntry<'_>]) -> String {
        let now = self.now;
        let Some(early) = chain
            .iter()
            .find(|entry| entry.certificate.is_not_yet_valid(now))
        else {
            return explain_malformed();
        };
        let which = self.describe_entry(early);
        let then = format_date(early.certificate.validity().0);
        let now = format_date(unix_seconds(now));
        format!(
            "{which} is not valid yet ({then}, here it is {now}): set the clock of this machine, or of the one that issued it"
        )
    }

    fn explain_unknown_issuer(&self, chain: &[ChainEntry<'_>]) -> String {
        let ca_file = self.ca_file.display();
        let Some(last) = chain.last() else {
            return explain_malformed();
        };
        let issuer = last.certificate.issuer();
        if last.certificate.is_self_issued() {
            return self.explain_self_signed(last);
        }
        let through = match last.origin {
            CertificateOrigin::Leaf => String::new(),
            _ => format!("{}, which is signed by ", last.certificate.subject()),
        };
        let mut authorities = self
            .trusted
            .iter()
            .filter_map(|der| Certificate::parse(der));
        if authorities.any(|ca| ca.subject() == issuer) {
            return format!(
                "the server's certificate is signed by {through}{issuer}, and tls.ca_file {ca_file} has that name in another encoding: {USE_THIS_SERVERS_CA}"
            );
        }
        format!(
            "the server's certificate is signed by {through}{issuer}, which is not in tls.ca_file {ca_file}: {USE_THIS_SERVERS_CA}, or have the server send the certificate of {issuer} with its own if that is an intermediate CA"
        )
    }

    fn explain_self_signed(&self, entry: &ChainEntry<'_>) -> String {
        let ca_file = self.ca_file.display();
        let subject = entry.certificate.subject();
        if entry.origin == CertificateOrigin::Leaf {
            format!(
                "the server's certificate is self-signed ({subject}) and not in tls.ca_file {ca_file}: add this certificate to that file"
            )
        } else {
            format!(
                "the server's certificate is signed by {subject}, which is not in tls.ca_file {ca_file}: {USE_THIS_SERVERS_CA}"
            )
        }
    }

    fn explain_bad_signature(&self, chain: &[ChainEntry<'_>]) -> String {
        let weak = chain.iter().skip(1).find_map(|entry| {
            let bits = entry.certificate.bad_rsa_bits()?;
            Some((entry, bits))
        });
        if let Some((entry, bits)) = weak {
            let which = self.describe_entry(entry);
            return format!(
                "{which} has an RSA key of {bits} bits: make a CA with a key of 2048 to 8192 bits, reissue the server's certificate with it, and use its CA file"
            );
        }
        if let [leaf, ..] = chain
            && leaf.certificate.is_self_issued()
        {
            return self.explain_self_signed(leaf);
        }
        let issuer = chain
            .last()
            .map_or_else(String::new, |entry| entry.certificate.subject());
        format!(
            "the server's certificate is not signed by tls.ca_file {}: the {issuer} in that file is another CA with the same name, {USE_THIS_SERVERS_CA}",
            self.ca_file.display()
        )
    }

    fn explain_wrong_name(&self, leaf: &Certificate<'_>) -> String {
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
                "the server's certificate has {wanted} as a DNS name, but an address must be in it as an IP address: {reissue}"
            );
        }
        let mut listed: Vec<String> = names
            .iter()
            .take(MAX_LISTED_NAMES)
            .map(|name| match name {
                AltName::Dns(name) => excerpt(name),
                AltName::Address(address) => address.to_string(),
            })
            .collect();
        if names.len() > MAX_LISTED_NAMES {
            listed.push(format!("{} more", names.len() - MAX_LISTED_NAMES));
        }
        format!(
            "the server's certificate is not for {wanted}, but for {}: set tls.server_name to one of these names, or tls.verify_name to false",
            listed.join(", ")
        )
    }

    fn explain_wrong_purpose(&self, chain: &[ChainEntry<'_>]) -> String {
        let found = chain.iter().find_map(|entry| {
            let purposes = entry.certificate.foreign_purposes()?;
            Some((entry, purposes))
        });
        match found {
            Some((entry, purposes)) => format!(
                "{} is not meant for servers, only for {purposes}: reissue it with extendedKeyUsage=serverAuth",
                self.describe_entry(entry)
            ),
            None => explain_malformed(),
        }
    }

    fn explain_bad_algorithm(&self, chain: &[ChainEntry<'_>]) -> String {
        let found = chain.iter().find_map(|entry| {
            let algorithm = entry.certificate.bad_algorithm()?;
            Some((entry, algorithm))
        });
        if let Some((entry, BadAlgorithm { name, is_broken })) = found {
            let which = self.describe_entry(entry);
            let why = if is_broken {
                "which can be forged"
            } else {
                "which is not supported"
            };
            return format!("{which} is signed with {name}, {why}: reissue it with SHA-256");
        }
        let issuer = chain.get(1);
        let issuer = issuer.map_or_else(
            || "its issuer".to_owned(),
            |entry| self.describe_entry(entry),
        );
        format!(
            "the server's certificate is signed with the key of {issuer}, whose kind is not supported: make a CA with an RSA, an ECDSA P-256 or P-384, or an Ed25519 key"
        )
    }

    fn explain_other(&self, chain: &[ChainEntry<'_>], error: Option<&PkiError>) -> String {
        let Some(leaf) = chain.first() else {
            return explain_malformed();
        };
        match error {
            Some(PkiError::CaUsedAsEndEntity) if leaf.certificate.is_self_issued() => {
                self.explain_self_signed(leaf)
            }
            Some(PkiError::CaUsedAsEndEntity) => format!(
                "the server's certificate is that of a CA (basicConstraints CA:TRUE): reissue it with CA:FALSE, or add this certificate to tls.ca_file {}",
                self.ca_file.display()
            ),
            Some(PkiError::UnsupportedCertVersion) => self.explain_first(
                chain,
                |certificate| !certificate.is_version_3(),
                "is an X.509 certificate of version 1: reissue it as version 3, with a subjectAltName",
            ),
            Some(PkiError::EndEntityUsedAsCa) => self.explain_first(
                &chain[1..],
                |certificate| !certificate.is_ca(),
                "is not that of a CA (basicConstraints CA:FALSE): reissue what it signed with a CA",
            ),
            Some(PkiError::PathLenConstraintViolated) => {
                "a CA in the chain of the server's certificate may not sign other CAs (pathlen): reissue the certificate with another CA".to_owned()
            }
            Some(PkiError::NameConstraintViolation) => self.explain_first(
                &chain[1..],
                |certificate| !certificate.allows_all_names(),
                "may not sign for the names in the server's certificate (nameConstraints): reissue one of them",
            ),
            Some(PkiError::UnsupportedCriticalExtension) => {
                let found = chain.iter().find_map(|entry| {
                    let extension = entry.certificate.unknown_critical()?;
                    Some((entry, extension))
                });
                match found {
                    Some((entry, extension)) => format!(
                        "{} has a critical extension that is not supported ({extension}): reissue it without, or with the extension not critical",
                        self.describe_entry(entry)
                    ),
                    None => explain_malformed(),
                }
            }
            Some(PkiError::EmptyEkuExtension) => {
                "the server's certificate has an extendedKeyUsage without a purpose: reissue it with serverAuth".to_owned()
            }
            Some(PkiError::MaximumPathDepthExceeded | PkiError::MaximumSignatureChecksExceeded | PkiError::MaximumPathBuildCallsExceeded) => {
                "the server sends a chain of certificates that is too long to follow: have it send only those between its own and tls.ca_file".to_owned()
            }
            _ => explain_malformed(),
        }
    }

    /// Explains a fault of the first certificate with it.
    fn explain_first(
        &self,
        chain: &[ChainEntry<'_>],
        has_fault: impl Fn(&Certificate<'_>) -> bool,
        fault: &str,
    ) -> String {
        let found = chain.iter().find(|entry| has_fault(&entry.certificate));
        found.map_or_else(explain_malformed, |entry| {
            format!("{} {fault}", self.describe_entry(entry))
        })
    }

    fn describe_entry(&self, entry: &ChainEntry<'_>) -> String {
        let subject = entry.certificate.subject();
        match entry.origin {
            CertificateOrigin::Leaf => "the server's certificate".to_owned(),
            CertificateOrigin::Sent => {
                format!("the certificate of {subject}, which the server sent with its own,")
            }
            CertificateOrigin::CaFile => format!(
                "the certificate of {subject} in tls.ca_file {}",
                self.ca_file.display()
            ),
        }
    }
}

fn explain_malformed() -> String {
    "the server's certificate, or one that it sent with it, is not valid X.509: reissue it"
        .to_owned()
}

#[cfg(test)]
mod tests;
