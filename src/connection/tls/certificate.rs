//! Fields of a certificate that can be the reason for its refusal.

use std::net::IpAddr;

use time::OffsetDateTime;
use tokio_rustls::rustls::pki_types::UnixTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::Oid;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{X509Name, X509Version};

use crate::connection::excerpt::excerpt;

/// Length of RSA keys whose signatures are accepted, bits. The same as in every web browser.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Parsed certificate.
#[derive(Debug)]
pub(super) struct Certificate<'a>(X509Certificate<'a>);

/// Name in a certificate's subjectAltName.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AltName {
    Dns(String),
    Address(IpAddr),
}

/// Signature algorithm that is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadAlgorithm {
    pub(super) name: String,
    /// True if signatures can be forged, as opposed to not supported.
    pub(super) is_broken: bool,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self(certificate))
    }

    /// Subject, such as `CN=sensr`.
    pub(super) fn subject(&self) -> String {
        format_name(self.0.subject())
    }

    /// Subject of the certificate that signed it.
    pub(super) fn issuer(&self) -> String {
        format_name(self.0.issuer())
    }

    pub(super) fn is_issued_by(&self, other: &Certificate<'_>) -> bool {
        self.0.issuer().as_raw() == other.0.subject().as_raw()
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.is_issued_by(self)
    }

    pub(super) fn is_same_as(&self, other: &Certificate<'_>) -> bool {
        self.0.as_raw() == other.0.as_raw()
    }

    pub(super) fn is_version_3(&self) -> bool {
        self.0.version() == X509Version::V3
    }

    pub(super) fn is_ca(&self) -> bool {
        self.0.is_ca()
    }

    /// First and last second of validity, since the Unix epoch.
    pub(super) fn validity(&self) -> (i64, i64) {
        let validity = self.0.validity();
        (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        )
    }

    pub(super) fn is_expired(&self, now: UnixTime) -> bool {
        self.validity().1 < unix_seconds(now)
    }

    pub(super) fn is_not_yet_valid(&self, now: UnixTime) -> bool {
        self.validity().0 > unix_seconds(now)
    }

    /// Length of its RSA key in bits, if that is not accepted.
    pub(super) fn bad_rsa_bits(&self) -> Option<usize> {
        match self.0.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => {
                // The modulus may start with a zero byte.
                let modulus = key.modulus;
                let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
                let bytes = &modulus[zeros..];
                let first = bytes
                    .first()
                    .map_or(0, |byte| byte.leading_zeros() as usize);
                let bits = 8 * bytes.len() - first;
                (!RSA_BITS.contains(&bits)).then_some(bits)
            }
            _ => None,
        }
    }

    /// Algorithm of its signature, if that is not accepted.
    pub(super) fn bad_algorithm(&self) -> Option<BadAlgorithm> {
        // RSA with SHA-2, plain and PSS; ECDSA with SHA-256 and SHA-384; Ed25519.
        const ACCEPTED: [&str; 7] = [
            "1.2.840.113549.1.1.10",
            "1.2.840.113549.1.1.11",
            "1.2.840.113549.1.1.12",
            "1.2.840.113549.1.1.13",
            "1.2.840.10045.4.3.2",
            "1.2.840.10045.4.3.3",
            "1.3.101.112",
        ];
        let oid = &self.0.signature_algorithm.algorithm;
        let id = oid.to_id_string();
        if ACCEPTED.contains(&&*id) {
            return None;
        }
        let name = short_name(oid).unwrap_or(id);
        let lower = name.to_ascii_lowercase();
        let is_broken = ["md2", "md4", "md5", "sha1", "sha-1"]
            .iter()
            .any(|hash| lower.contains(hash));
        Some(BadAlgorithm { name, is_broken })
    }

    /// Purposes that it is restricted to, if serverAuth is not one of them.
    pub(super) fn foreign_purposes(&self) -> Option<String> {
        let usage = self.0.extended_key_usage().ok()??.value;
        if usage.server_auth || usage.any {
            return None;
        }
        let known = [
            (usage.client_auth, "clientAuth"),
            (usage.code_signing, "codeSigning"),
            (usage.email_protection, "emailProtection"),
            (usage.time_stamping, "timeStamping"),
            (usage.ocsp_signing, "OCSPSigning"),
        ];
        let known = known
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, name)| (*name).to_owned());
        let other = usage.other.iter().map(Oid::to_id_string);
        let all = known.chain(other).collect::<Vec<_>>().join(", ");
        Some(excerpt(&all))
    }

    /// Critical extension that rustls does not support, if there is one.
    pub(super) fn unknown_critical(&self) -> Option<String> {
        // keyUsage, subjectAltName, basicConstraints, nameConstraints, cRLDistributionPoints, extKeyUsage.
        const KNOWN: [&str; 6] = [
            "2.5.29.15",
            "2.5.29.17",
            "2.5.29.19",
            "2.5.29.30",
            "2.5.29.31",
            "2.5.29.37",
        ];
        let extensions = self.0.extensions().iter();
        let mut unknown = extensions.filter(|extension| {
            extension.critical && !KNOWN.contains(&&*extension.oid.to_id_string())
        });
        unknown.next().map(|extension| {
            let id = extension.oid.to_id_string();
            short_name(&extension.oid).map_or(id.clone(), |name| format!("{name}, {id}"))
        })
    }

    /// Returns whether it has no nameConstraints.
    pub(super) fn allows_all_names(&self) -> bool {
        matches!(self.0.name_constraints(), Ok(None))
    }

    /// DNS names and addresses of its subjectAltName. `None` if it has no such extension.
    pub(super) fn alt_names(&self) -> Option<Vec<AltName>> {
        let extensions = self.0.extensions().iter();
        let mut found = extensions.filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        });
        let names = found.next()?.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(AltName::Dns((*name).to_owned())),
            GeneralName::IPAddress(bytes) => parse_address(bytes).map(AltName::Address),
            _ => None,
        });
        Some(names.collect())
    }

    /// First common name, which verifiers ignore.
    pub(super) fn common_name(&self) -> Option<String> {
        let name = self.0.subject().iter_common_name().next()?;
        Some(excerpt(name.as_str().ok()?))
    }
}

pub(super) fn unix_seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Formats a date by ISO 8601. Certificates may be valid beyond the year 2038, the last that a ROS time can hold.
pub(super) fn format_date(seconds: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return "a date after the year 9999".to_owned();
    };
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn parse_address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn short_name(oid: &Oid<'_>) -> Option<String> {
    oid2sn(oid, oid_registry()).ok().map(str::to_owned)
}

fn format_name(name: &X509Name<'_>) -> String {
    match &*name.to_string() {
        "" => "a CA without a name".to_owned(),
        name => excerpt(name),
    }
}
