use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/");

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FIXTURES}{name}")).expect("a fixture")
}

/// Writes a CA file and reads it back.
fn read_back(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("sensr-ca-{}-{number}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("ca.crt");
    std::fs::write(&path, bytes).expect("written");
    let read = read_certificates(&path);
    std::fs::remove_dir_all(&folder).expect("removed");
    read
}

fn count(bytes: &[u8]) -> usize {
    read_back(bytes).expect("certificates").len()
}

fn refusal(bytes: &[u8]) -> String {
    let error = read_back(bytes).expect_err("refused").to_string();
    assert!(!error.contains('\n') && error.len() < 500, "{error}");
    error
}

#[test]
fn pem_is_read_with_bom_crlf_spaces_and_comments() {
    let pem = fixture("good-ca.pem");
    let text = String::from_utf8(pem.clone()).expect("ASCII");
    assert_eq!(count(&pem), 1);
    assert_eq!(
        count(&[b"\xef\xbb\xbf", &pem[..]].concat()),
        1,
        "byte order mark"
    );
    assert_eq!(count(text.replace('\n', "\r\n").as_bytes()), 1, "CRLF");
    assert_eq!(count(text.replace('\n', "\r").as_bytes()), 1, "CR");
    assert_eq!(
        count(text.replace('\n', " \n    ").as_bytes()),
        1,
        "indented"
    );
    let commented = format!("CA of the yard, \u{b77c}\n{text}subject=CN = x\n\n{text}\nend");
    assert_eq!(count(commented.as_bytes()), 2);
    let key = String::from_utf8(fixture("good.key")).expect("ASCII");
    assert_eq!(
        count(format!("{key}{text}").as_bytes()),
        1,
        "a key before it"
    );
    assert_eq!(
        count(text.trim_end().as_bytes()),
        1,
        "no line feed at the end"
    );
}

#[test]
fn other_format_is_named_with_the_command_that_converts_it() {
    for (name, words) in [
        (
            "trusted.pem",
            &["OpenSSL's own format", "openssl x509 -in "][..],
        ),
        ("pkcs7.pem", &["PKCS#7", "openssl pkcs7 -print_certs -in "]),
        (
            "pkcs7.der",
            &[
                "PKCS#7 in DER",
                "openssl pkcs7 -inform DER -print_certs -in ",
            ],
        ),
        (
            "certificate.der",
            &["in DER", "openssl x509 -inform DER -in "],
        ),
        (
            "pkcs12.p12",
            &["PKCS#12", "openssl pkcs12 -in ", "-nokeys -cacerts"],
        ),
        ("good.key", &["private key", "sensr-ca.crt"]),
        ("key.der", &["private key"]),
        ("rsa-key.der", &["private key"]),
        ("ec-key.der", &["private key"]),
        ("request.pem", &["request for a certificate"]),
    ] {
        let error = refusal(&fixture(name));
        assert!(
            words.iter().all(|word| error.contains(word)),
            "{name}: {error}"
        );
        assert!(error.contains("ca.crt"), "{name}: {error}");
    }
}

#[test]
fn content_without_a_certificate_is_named() {
    let utf16: Vec<u8> = "-----BEGIN CERTIFICATE-----"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, words) in [
        (&b""[..], "it is empty"),
        (b"\xef\xbb\xbf \r\n", "it is empty"),
        (b"hello", "it must be PEM"),
        (b"0123456789", "it must be PEM"),
        (b"ssh-ed25519 AAAAC3Nz me@here", "SSH key"),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n-----END OPENSSH PRIVATE KEY-----\n",
            "SSH key",
        ),
        (
            b"-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n",
            "revocation list",
        ),
        (
            b"-----BEGIN RSA PUBLIC KEY-----\nAA==\n-----END RSA PUBLIC KEY-----\n",
            "public key",
        ),
        (
            b"-----BEGIN PGP MESSAGE-----\nAA==\n-----END PGP MESSAGE-----\n",
            "BEGIN PGP MESSAGE",
        ),
        (b"<!DOCTYPE html><p>", "web page"),
        (b"\x7fELF\0\0", "it must be PEM"),
        (&utf16, "UTF-16"),
        (&[&b"\xff\xfe"[..], &utf16].concat(), "UTF-16"),
    ] {
        let error = refusal(bytes);
        assert!(
            error.contains("no certificate in") && error.contains(words),
            "{words}: {error}"
        );
    }
}

#[test]
fn damaged_file_is_refused_with_the_damage() {
    let pem = String::from_utf8(fixture("good-ca.pem")).expect("ASCII");
    let cut = &pem[..pem.len() / 2];
    for (text, words) in [
        (cut, "cut off"),
        (
            "-----BEGIN CERTIFICATE-----\n?!\n-----END CERTIFICATE-----\n",
            "base64",
        ),
        (
            "-----BEGIN CERTIFICATE----\nAA==\n-----END CERTIFICATE-----\n",
            "BEGIN line",
        ),
    ] {
        let error = refusal(text.as_bytes());
        assert!(
            error.contains("cannot be used") && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn devices_and_folders_are_not_read() {
    for (path, words) in [
        (
            "/no/such/ca.crt",
            "cannot read tls.ca_file /no/such/ca.crt: ",
        ),
        ("/dev/zero", "it is not a file"),
        (FIXTURES, "it is not a file"),
    ] {
        let error = read_certificates(Path::new(path))
            .expect_err("none")
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_in_one_line(cut in 0usize..3000, flip in 0usize..3000, name in 0usize..6) {
        let names = ["certificate.der", "pkcs7.der", "pkcs12.p12", "key.der", "ec-key.der", "good-ca.pem"];
        let mut bytes = fixture(names[name]);
        bytes.truncate(cut);
        if let Some(byte) = bytes.get_mut(flip) {
            *byte ^= 0x41;
        }
        let text: Vec<u8> = bytes.clone();
        let line = detect_content(&bytes, &text).describe_with_cure(Path::new("ca.crt"));
        proptest::prop_assert!(!line.contains('\n') && line.len() < 300, "{}", line);
    }
}
