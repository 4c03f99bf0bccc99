//! The parts of a certificate that its refusal can be about.

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

/// RSA keys that signatures are accepted of, in bits. The same for every verifier that the web uses.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A certificate that could be parsed.
#[derive(Debug)]
pub(super) struct Certificate<'a>(X509Certificate<'a>);

/// A name in a certificate's subjectAltName.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AltName {
    Dns(String),
    Address(IpAddr),
}

/// A signature that cannot be verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadAlgorithm {
    pub(super) name: String,
    /// It can be forged.
    pub(super) is_broken: bool,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self(certificate))
    }

    /// Its subject, such as `CN=sensr`.
    pub(super) fn subject(&self) -> String {
        name(self.0.subject())
    }

    /// The subject of the one that signed it.
    pub(super) fn issuer(&self) -> String {
        name(self.0.issuer())
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

    /// Seconds since the Unix epoch, the first and the last.
    pub(super) fn validity(&self) -> (i64, i64) {
        let validity = self.0.validity();
        (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        )
    }

    pub(super) fn is_expired(&self, now: UnixTime) -> bool {
        self.validity().1 < seconds(now)
    }

    pub(super) fn is_early(&self, now: UnixTime) -> bool {
        self.validity().0 > seconds(now)
    }

    /// The length of its RSA key, if that is none that can be used.
    pub(super) fn bad_rsa_bits(&self) -> Option<usize> {
        match self.0.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => {
                // Its modulus may begin with a zero byte.
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

    /// The algorithm of its signature, if that is none that can be verified.
    pub(super) fn bad_algorithm(&self) -> Option<BadAlgorithm> {
        // RSA with SHA-2, plain and PSS; ECDSA with SHA-256 and SHA-384; Ed25519.
        const GOOD: [&str; 7] = [
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
        if GOOD.contains(&&*id) {
            return None;
        }
        let name = short_name(oid).unwrap_or(id);
        let lower = name.to_ascii_lowercase();
        let is_broken = ["md2", "md4", "md5", "sha1", "sha-1"]
            .iter()
            .any(|hash| lower.contains(hash));
        Some(BadAlgorithm { name, is_broken })
    }

    /// The purposes that it is restricted to, if a server is not among them.
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

    /// A critical extension that is not among those that every verifier must know.
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

    /// True if certificates below it may have any name.
    pub(super) fn is_for_all_names(&self) -> bool {
        matches!(self.0.name_constraints(), Ok(None))
    }

    /// The DNS names and addresses of its subjectAltName. None: it has no such extension.
    pub(super) fn alt_names(&self) -> Option<Vec<AltName>> {
        let extensions = self.0.extensions().iter();
        let mut found = extensions.filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        });
        let names = found.next()?.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(AltName::Dns((*name).to_owned())),
            GeneralName::IPAddress(bytes) => address(bytes).map(AltName::Address),
            _ => None,
        });
        Some(names.collect())
    }

    /// Its first common name, which a verifier takes no notice of.
    pub(super) fn common_name(&self) -> Option<String> {
        let name = self.0.subject().iter_common_name().next()?;
        Some(excerpt(name.as_str().ok()?))
    }
}

pub(super) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// A date as ISO 8601 writes it. Certificates outlast the times that ROS can write.
pub(super) fn date(seconds: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return "a date beyond all calendars".to_owned();
    };
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn short_name(oid: &Oid<'_>) -> Option<String> {
    oid2sn(oid, oid_registry()).ok().map(str::to_owned)
}

fn name(name: &X509Name<'_>) -> String {
    match &*name.to_string() {
        "" => "a CA without a name".to_owned(),
        name => excerpt(name),
    }
}
