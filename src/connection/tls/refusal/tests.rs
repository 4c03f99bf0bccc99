//! Certificates through the verifier, as in a handshake.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, SanType,
};
use time::OffsetDateTime;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};

use super::*;
use crate::connection::tls::verifier::{Findings, ServerVerifier};

type Der = CertificateDer<'static>;

fn fixture(name: &str) -> Der {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates");
    Der::from_pem_file(format!("{folder}/{name}.pem")).expect("a fixture")
}

/// Verifies for 127.0.0.1. Returns the refusal and the warning.
fn verify(
    trusted: &[Der],
    leaf: &Der,
    sent: &[Der],
    verify_name: bool,
) -> (Option<String>, Option<String>) {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for der in trusted {
        roots.add(der.clone()).expect("a certificate");
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = ServerVerifier {
        webpki: webpki.build().expect("a verifier"),
        trusted: trusted.to_vec(),
        ca_file: PathBuf::from("yard.crt"),
        verify_name,
        findings: Findings::default(),
    };
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let outcome = verifier.verify_server_cert(leaf, sent, &name, &[], UnixTime::now());
    let refusal = verifier.findings.refusal().map(str::to_owned);
    assert_eq!(
        outcome.is_err(),
        refusal.is_some(),
        "{outcome:?}, {refusal:?}"
    );
    if let Some(refusal) = &refusal {
        assert!(refusal.len() < 500 && !refusal.contains('\n'), "{refusal}");
        for name in ["Error", "Other(", "Context", "::"] {
            assert!(!refusal.contains(name), "{refusal}");
        }
    }
    (refusal, verifier.findings.warning().map(str::to_owned))
}

fn refused(trusted: &[Der], leaf: &Der, sent: &[Der], verify_name: bool, words: &[&str]) {
    let refusal = verify(trusted, leaf, sent, verify_name).0.expect("refused");
    for word in words {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
}

fn accepted(trusted: &[Der], leaf: &Der, sent: &[Der], verify_name: bool) {
    assert_eq!(verify(trusted, leaf, sent, verify_name).0, None);
}

fn only(der: &Der) -> &[Der] {
    std::slice::from_ref(der)
}

struct Issued {
    der: Der,
    params: CertificateParams,
    key: KeyPair,
}

fn params(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    change(&mut params);
    params
}

fn ca_params(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn self_signed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
    let params = params(name, change);
    let key = KeyPair::generate().expect("a key");
    let der = params.self_signed(&key).expect("signed").der().clone();
    Issued { der, params, key }
}

fn ca(name: &str) -> Issued {
    self_signed(name, ca_params)
}

impl Issued {
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let params = params(name, change);
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let der = params
            .signed_by(&key, &issuer)
            .expect("signed")
            .der()
            .clone();
        Issued { der, params, key }
    }

    fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Der {
        let made = self.sign("leaf", |params| {
            params.subject_alt_names = vec![here()];
            change(params);
        });
        made.der
    }
}

fn here() -> SanType {
    SanType::IpAddress([127, 0, 0, 1].into())
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("a name"))
}

fn days(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::days(days)
}

fn past(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (days(-10), days(-1));
}

#[test]
fn valid_certificate_is_accepted() {
    accepted(&[fixture("good-ca")], &fixture("good"), &[], true);
    let root = ca("root");
    accepted(only(&root.der), &root.leaf(|_| {}), &[], true);
}

#[test]
fn weak_keys_and_signatures_are_named() {
    let good = [fixture("good-ca")];
    for name in [true, false] {
        refused(
            &good,
            &fixture("rsa1024"),
            &[],
            name,
            &[
                "the server's certificate has an RSA key of 1024 bits",
                "reissue",
            ],
        );
        refused(
            &[fixture("rsa1024-ca")],
            &fixture("of-rsa1024-ca"),
            &[],
            name,
            &[
                "CN=rsa1024-ca in tls.ca_file yard.crt has an RSA key of 1024 bits",
                "make a CA",
            ],
        );
        refused(
            &good,
            &fixture("sha1"),
            &[],
            name,
            &[
                "the server's certificate is signed with",
                "forged",
                "SHA-256",
            ],
        );
        refused(
            &[fixture("p521-ca")],
            &fixture("of-p521-ca"),
            &[],
            name,
            &["P-256"],
        );
    }
}

#[test]
fn certificate_of_version_1_is_named() {
    for name in [true, false] {
        refused(
            &[fixture("good-ca")],
            &fixture("version1"),
            &[],
            name,
            &["version 1", "reissue it as version 3"],
        );
    }
}

#[test]
fn dns_names_do_not_match_addresses() {
    let root = ca("root");
    let trusted = [root.der.clone()];
    let cases: [(Vec<SanType>, &[&str]); 4] = [
        (
            vec![dns("127.0.0.1")],
            &[
                "127.0.0.1 as a DNS name",
                "subjectAltName=IP:127.0.0.1",
                "tls.verify_name",
            ],
        ),
        (
            vec![],
            &[
                "no subjectAltName",
                "common name leaf does not count",
                "IP:127.0.0.1",
            ],
        ),
        (
            vec![SanType::Rfc822Name("a@b.c".try_into().expect("a name"))],
            &["neither a DNS name nor an address", "IP:127.0.0.1"],
        ),
        (
            (0..9)
                .map(|number| dns(&format!("host-{number}")))
                .collect(),
            &[
                "not for 127.0.0.1, but for host-0, host-1,",
                "3 more: set tls.server_name",
            ],
        ),
    ];
    for (names, words) in cases {
        let leaf = root.leaf(|params| params.subject_alt_names = names);
        refused(&trusted, &leaf, &[], true, words);
        accepted(&trusted, &leaf, &[], false);
    }
}

#[test]
fn missing_issuer_is_named() {
    let (root, other) = (ca("root"), ca("other"));
    let middle = root.sign("middle", ca_params);
    let leaf = middle.leaf(|_| {});
    accepted(only(&root.der), &leaf, only(&middle.der), true);
    refused(
        only(&root.der),
        &leaf,
        &[],
        false,
        &[
            "signed by CN=middle, which is not in tls.ca_file yard.crt",
            "sensr-ca.crt",
            "intermediate",
        ],
    );
    refused(
        only(&other.der),
        &leaf,
        only(&middle.der),
        true,
        &["signed by CN=middle, which is signed by CN=root, which is not in tls.ca_file yard.crt"],
    );
    refused(
        only(&other.der),
        &leaf,
        &[middle.der, root.der],
        true,
        &["signed by CN=root, which is not in tls.ca_file"],
    );
    refused(
        &[ca("root").der],
        &ca("root").leaf(|_| {}),
        &[],
        true,
        &[
            "not signed by tls.ca_file yard.crt",
            "CN=root in that file is another CA",
            "sensr-ca.crt",
        ],
    );
}

#[test]
fn only_the_certificate_in_the_ca_file_is_trusted_itself() {
    for is_ca in [true, false] {
        let made = |name: &'static str, change: fn(&mut CertificateParams)| {
            self_signed(name, |params| {
                params.subject_alt_names = vec![here()];
                if is_ca {
                    ca_params(params);
                }
                change(params);
            })
            .der
        };
        let own = made("own", |_| {});
        accepted(only(&own), &own, &[], true);
        accepted(&[ca("root").der, own.clone()], &own, &[], true);
        // Same name, other key.
        let other = made("own", |_| {});
        refused(
            &[other],
            &own,
            &[],
            false,
            &["self-signed (CN=own)", "add this certificate to"],
        );
        refused(
            &[ca("root").der],
            &own,
            &[],
            false,
            &["self-signed (CN=own)"],
        );
        // Dates, purpose and name are verified as usual.
        let expired = made("own", past);
        refused(
            only(&expired),
            &expired,
            &[],
            false,
            &["the server's certificate expired ("],
        );
        let early = made("own", |params| {
            (params.not_before, params.not_after) = (days(1), days(2));
        });
        refused(
            only(&early),
            &early,
            &[],
            false,
            &["not valid yet (", "clock"],
        );
        let client = made("own", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        refused(only(&client), &client, &[], false, &["only for clientAuth"]);
        let named = made("own", |params| params.subject_alt_names = vec![dns("yard")]);
        refused(
            only(&named),
            &named,
            &[],
            true,
            &["not for 127.0.0.1, but for yard"],
        );
        accepted(only(&named), &named, &[], false);
    }
    // A leaf alone, without the CA that signed it.
    let leaf = ca("root").leaf(|_| {});
    accepted(only(&leaf), &leaf, &[], true);
    let weak = fixture("rsa1024");
    refused(only(&weak), &weak, &[], true, &["1024 bits"]);
    let old = fixture("version1");
    refused(only(&old), &old, &[], true, &["version 1"]);
}

#[test]
fn expired_certificate_is_named() {
    let root = ca("root");
    let trusted = [root.der.clone()];
    refused(
        &trusted,
        &root.leaf(past),
        &[],
        false,
        &["the server's certificate expired (", "renew it", "clock"],
    );
    let middle = root.sign("middle", |params| {
        ca_params(params);
        past(params);
    });
    refused(
        &trusted,
        &middle.leaf(|_| {}),
        only(&middle.der),
        false,
        &["CN=middle, which the server sent", "expired ("],
    );
}

#[test]
fn expired_ca_is_warned_about() {
    let root = self_signed("root", |params| {
        ca_params(params);
        past(params);
    });
    let leaf = root.leaf(|_| {});
    let (refusal, warning) = verify(only(&root.der), &leaf, &[], true);
    assert_eq!(refusal, None);
    let warning = warning.expect("a warning");
    assert!(
        warning.contains("CN=root in tls.ca_file yard.crt expired on 20"),
        "{warning}"
    );
    let good = ca("root");
    assert_eq!(
        verify(only(&good.der), &good.leaf(|_| {}), &[], true).1,
        None
    );
}

#[test]
fn purpose_extension_and_constraint_faults_are_named() {
    let root = ca("root");
    let trusted = [root.der.clone()];
    let client =
        root.leaf(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    refused(
        &trusted,
        &client,
        &[],
        false,
        &["not meant for servers, only for clientAuth", "serverAuth"],
    );
    let critical = root.leaf(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    refused(
        &trusted,
        &critical,
        &[],
        false,
        &["critical extension", "1.2.3.4"],
    );
    let no_ca = root.sign("no-ca", |params| params.is_ca = IsCa::ExplicitNoCa);
    refused(
        &trusted,
        &no_ca.leaf(|_| {}),
        only(&no_ca.der),
        false,
        &["CN=no-ca", "is not that of a CA"],
    );
    let leaf_ca = root.leaf(ca_params);
    refused(
        &trusted,
        &leaf_ca,
        &[],
        false,
        &["that of a CA", "CA:FALSE"],
    );
    let narrow = root.sign("narrow", |params| {
        ca_params(params);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example".to_owned())],
            excluded_subtrees: vec![],
        });
    });
    let outside = narrow.leaf(|params| params.subject_alt_names = vec![dns("yard.test"), here()]);
    refused(
        &trusted,
        &outside,
        only(&narrow.der),
        false,
        &["CN=narrow", "nameConstraints"],
    );
    let last = root.sign("last", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let below = last.sign("below", ca_params);
    refused(
        &trusted,
        &below.leaf(|_| {}),
        &[below.der.clone(), last.der.clone()],
        false,
        &["pathlen"],
    );
}

#[test]
fn malformed_certificates_are_refused_in_one_line() {
    let root = ca("root");
    for der in [Der::from(vec![]), Der::from(vec![0x30, 0x03, 1, 2, 3])] {
        refused(only(&root.der), &der, &[], true, &["is not valid X.509"]);
    }
    let long = root.sign("x".repeat(5000).as_str(), |_| {});
    refused(
        only(&root.der),
        &long.der,
        &[],
        true,
        &["no subjectAltName"],
    );
}
