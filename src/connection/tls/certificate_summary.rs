//! Summary of an accepted certificate, for an operator.

use time::OffsetDateTime;

use super::certificate::{AltName, Certificate, format_date};
use crate::connection::excerpt::excerpt;

const SECONDS_PER_DAY: i64 = 86_400;

/// Fields of a server's certificate that an operator needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Subject, such as `CN=sensr`.
    pub subject: String,
    /// Subject of the certificate that signed it.
    pub issuer: String,
    /// DNS names and addresses that it is issued for.
    pub names: Vec<String>,
    /// Last second of its validity, seconds since the Unix epoch.
    pub expires_at: i64,
}

impl CertificateSummary {
    /// Parses a certificate in DER. `None` if it is malformed.
    pub(in crate::connection) fn parse(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::parse(der)?;
        let names = certificate.alt_names().unwrap_or_default();
        let names = names.into_iter().map(|name| match name {
            AltName::Dns(name) => excerpt(&name),
            AltName::Address(address) => address.to_string(),
        });
        Some(Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            names: names.collect(),
            expires_at: certificate.validity().1,
        })
    }

    /// Returns the end of its validity by ISO 8601.
    #[must_use]
    pub fn expiry_date(&self) -> String {
        format_date(self.expires_at)
    }

    /// Returns the whole days from now to the end of its validity.
    #[must_use]
    pub fn days_left(&self) -> i64 {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        (self.expires_at - now).div_euclid(SECONDS_PER_DAY)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};
    use time::Duration;

    use super::*;

    #[test]
    fn names_and_end_of_validity_are_shown() {
        let names = ["sensr.example".to_owned(), "192.0.2.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params
            .distinguished_name
            .push(DnType::CommonName, "SENSR of the harbour");
        params.not_after = OffsetDateTime::now_utc() + Duration::hours(60);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let summary = CertificateSummary::parse(certificate.der()).expect("valid");
        assert!(
            summary.subject.contains("CN=SENSR of the harbour"),
            "{summary:?}"
        );
        assert_eq!(summary.issuer, summary.subject);
        assert_eq!(summary.names, ["sensr.example", "192.0.2.1"]);
        assert_eq!(summary.days_left(), 2);
        assert!(summary.expiry_date().ends_with('Z'));
        assert_eq!(CertificateSummary::parse(b"no certificate"), None);
    }
}
