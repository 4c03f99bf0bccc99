//! CA file: the certificates that may sign the server's.
//!
//! It must be PEM. Other formats are recognized and refused with the command that converts them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use x509_parser::prelude::FromDer as _;

/// Size limit of a CA file. All CAs that web browsers trust fit into a quarter of a megabyte.
const MAX_BYTES: u64 = 16 << 20;
/// Characters of a PEM label that an error shows.
const LABEL_CHARS: usize = 40;

/// Error of a CA file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaFileError {
    /// The file cannot be read.
    #[error("cannot read tls.ca_file {}: {source}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the file system.
        source: io::Error,
    },
    /// The file has no certificate in it.
    #[error("there is no certificate in tls.ca_file {}: {reason}", path.display())]
    Empty {
        /// Path of the file.
        path: PathBuf,
        /// Content of the file, and the cure.
        reason: String,
    },
    /// The file has an invalid certificate in it.
    #[error("tls.ca_file {} cannot be used: {reason}", path.display())]
    Unusable {
        /// Path of the file.
        path: PathBuf,
        /// Fault, and the cure.
        reason: String,
    },
}

impl CaFileError {
    pub(super) fn unusable(path: &Path, reason: impl Into<String>) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Reads the certificates of a PEM file. Fails if there is none.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    let bytes = read_limited(path).map_err(|source| CaFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // PEM copied out of mails and YAML has spaces before and after its lines.
    let text: Vec<u8> = text
        .split(|&byte| byte == b'\n' || byte == b'\r')
        .flat_map(|line| [line.trim_ascii(), b"\n"].concat())
        .collect();
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| CaFileError::unusable(path, describe_damage(&error)))?;
    if found.is_empty() {
        return Err(CaFileError::Empty {
            path: path.to_owned(),
            reason: detect_content(&bytes, &text).describe_with_cure(path),
        });
    }
    Ok(found)
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a FIFO would block until it is opened for writing.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {} MiB",
            MAX_BYTES >> 20
        )));
    }
    Ok(bytes)
}

fn describe_damage(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a block that BEGINs has no END: the file is cut off, copy it again"
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a BEGIN line is damaged: it must be -----BEGIN CERTIFICATE-----"
        }
        _ => {
            "the text between BEGIN CERTIFICATE and END CERTIFICATE is not base64: copy the file again"
        }
    }
}

/// Content of a file without a certificate in PEM.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    Utf16,
    /// Certificates with OpenSSL's own attributes, or under their old name.
    OldCertificate,
    Pkcs7,
    PrivateKey,
    PublicKey,
    SshKey,
    Request,
    RevocationList,
    /// PEM block with another label.
    Block(String),
    DerCertificate,
    DerPkcs7,
    Pkcs12,
    /// Other binary data.
    Binary,
    Html,
    Text,
}

/// Detects the content of a file without a certificate in PEM. `text` is `bytes` with trimmed lines.
fn detect_content(bytes: &[u8], text: &[u8]) -> Content {
    if text.trim_ascii().is_empty() {
        return Content::Nothing;
    }
    if is_utf16(bytes) {
        return Content::Utf16;
    }
    if let Some(content) = detect_der(bytes) {
        return content;
    }
    if let Some(content) = pem_labels(text)
        .map(|label| content_of_label(&label))
        .next()
    {
        return content;
    }
    let start = text.trim_ascii_start();
    let starts = |word: &[u8]| {
        start
            .get(..word.len())
            .is_some_and(|s| s.eq_ignore_ascii_case(word))
    };
    if [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"---- BEGIN SSH2"]
        .into_iter()
        .any(starts)
    {
        Content::SshKey
    } else if starts(b"<!doctype") || starts(b"<html") {
        Content::Html
    } else if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() {
        Content::Binary
    } else {
        Content::Text
    }
}

/// Returns whether bytes are UTF-16 text as Windows editors write it: with a byte order mark, or starting with dashes.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || bytes.starts_with(b"-\0-\0")
        || bytes.starts_with(b"\0-\0-")
}

fn pem_labels(text: &[u8]) -> impl Iterator<Item = String> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
        let label = String::from_utf8_lossy(label);
        let visible = label.chars().filter(|c| !c.is_control());
        Some(visible.take(LABEL_CHARS).collect())
    })
}

fn content_of_label(label: &str) -> Content {
    match label {
        "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => Content::OldCertificate,
        "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Content::Pkcs7,
        "PKCS12" => Content::Pkcs12,
        "OPENSSH PRIVATE KEY" | "SSH2 PUBLIC KEY" => Content::SshKey,
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Content::Request,
        "X509 CRL" => Content::RevocationList,
        key if key.ends_with("PRIVATE KEY") => Content::PrivateKey,
        key if key.ends_with("PUBLIC KEY") => Content::PublicKey,
        other => Content::Block(other.to_owned()),
    }
}

/// Detects the content of a file in DER, which is one SEQUENCE. `None` if it is not DER.
fn detect_der(bytes: &[u8]) -> Option<Content> {
    /// 1.2.840.113549.1.7.2, signedData.
    const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    let &[0x30, length, ..] = bytes else {
        return None;
    };
    // Up to 127, the byte is the length; 0x80 is an indefinite length; otherwise it has the number of length bytes.
    let header = 2 + if length > 0x80 {
        usize::from(length & 0x7f)
    } else {
        0
    };
    let body = bytes.get(header..)?;
    if length < 0x80 && usize::from(length) > body.len() {
        return None;
    }
    Some(match body {
        _ if x509_parser::certificate::X509Certificate::from_der(bytes).is_ok() => {
            Content::DerCertificate
        }
        _ if body.starts_with(SIGNED_DATA) => Content::DerPkcs7,
        // Version 3.
        [0x02, 0x01, 3, 0x30, ..] => Content::Pkcs12,
        // PKCS#8 and PKCS#1 have version 0, SEC 1 has version 1.
        [0x02, 0x01, 0, 0x30 | 0x02, ..] | [0x02, 0x01, 1, 0x04, ..] => Content::PrivateKey,
        _ if bytes.is_ascii() => return None,
        _ => Content::Binary,
    })
}

impl Content {
    fn describe_with_cure(&self, path: &Path) -> String {
        let file = path.display();
        match self {
            Self::Nothing => "it is empty".into(),
            Self::Utf16 => format!(
                "it is UTF-16 text: convert it with iconv -f UTF-16 -t UTF-8 {file} > sensr-ca.pem"
            ),
            Self::OldCertificate => format!(
                "it is in OpenSSL's own format: convert it with openssl x509 -in {file} -out sensr-ca.pem"
            ),
            Self::Pkcs7 => format!(
                "it is PKCS#7: convert it with openssl pkcs7 -print_certs -in {file} -out sensr-ca.pem"
            ),
            Self::DerPkcs7 => format!(
                "it is PKCS#7 in DER: convert it with openssl pkcs7 -inform DER -print_certs -in {file} -out sensr-ca.pem"
            ),
            Self::DerCertificate => format!(
                "it is a certificate in DER, not in PEM: convert it with openssl x509 -inform DER -in {file} -out sensr-ca.pem"
            ),
            Self::Pkcs12 => format!(
                "it is PKCS#12: convert it with openssl pkcs12 -in {file} -nokeys -cacerts -out sensr-ca.pem"
            ),
            Self::PrivateKey => "it is a private key, which belongs on the SENSR machine only: use the CA certificate (sensr-ca.crt)".into(),
            Self::PublicKey => "it is a public key: use the CA certificate (sensr-ca.crt)".into(),
            Self::SshKey => "it is an SSH key: use the CA certificate (sensr-ca.crt)".into(),
            Self::Request => "it is a request for a certificate, which is not signed yet: use the CA certificate (sensr-ca.crt)".into(),
            Self::RevocationList => "it is a revocation list: use the CA certificate (sensr-ca.crt)".into(),
            Self::Block(label) => format!(
                "it has lines BEGIN {label}: it must be PEM with lines BEGIN CERTIFICATE, use the CA certificate (sensr-ca.crt)"
            ),
            Self::Html => "it is a web page: download the CA file (sensr-ca.crt) again".into(),
            Self::Binary | Self::Text => "it must be PEM, with lines BEGIN CERTIFICATE".into(),
        }
    }
}

#[cfg(test)]
mod tests;
