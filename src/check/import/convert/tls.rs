//! TLS settings.

use std::path::{Path, PathBuf};

use super::{Converter, Fate, NewSite, quantity};
use crate::config::Value;
use crate::config::table::BRIDGE;

/// TLS setting of an old key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsKey {
    Enabled,
    CaFile,
    ServerName,
    VerifyName,
    ClientCertificate,
}

/// Returns the setting of a key. Outside of a section for TLS only keys that name it are taken.
fn find_key(section: &str, key: &str) -> Option<TlsKey> {
    let in_section = ["tls", "ssl", "security"].contains(&section);
    match key {
        "tls" | "ssl" | "use_tls" | "use_ssl" | "enable_tls" | "enable_ssl" | "tls_enabled"
        | "ssl_enabled" | "secure" => Some(TlsKey::Enabled),
        "enabled" | "enable" if in_section => Some(TlsKey::Enabled),
        "ca_file" | "ca_cert" | "cafile" | "ca_certs" | "ca_path" | "ca_certificate" | "tls_ca"
        | "ssl_ca" | "tls_ca_file" => Some(TlsKey::CaFile),
        "ca" if in_section => Some(TlsKey::CaFile),
        "server_name" | "server_hostname" => Some(TlsKey::ServerName),
        "verify_name" | "check_hostname" | "verify_hostname" | "verify_ssl" | "ssl_verify"
        | "tls_verify" => Some(TlsKey::VerifyName),
        "verify" if in_section => Some(TlsKey::VerifyName),
        "client_cert" | "client_key" | "certfile" | "keyfile" => Some(TlsKey::ClientCertificate),
        "cert" | "key" | "cert_file" | "key_file" if in_section => Some(TlsKey::ClientCertificate),
        _ => None,
    }
}

const NO_CLIENT_CERTIFICATE: &str = "SENSR asks for no certificate of its clients";
const VERIFY: &str = "only the name is concerned; the signature is always verified";

impl Converter<'_> {
    /// Converts TLS settings of all hosts. `None` for others.
    pub(super) fn convert_tls(
        &mut self,
        section: &str,
        key: &str,
        text: &str,
        from: &str,
    ) -> Option<Fate> {
        let boolean = quantity::boolean(text).map(Value::Bool);
        let not_boolean = || Fate::Lost("it is neither true nor false".to_owned());
        Some(match find_key(section, key)? {
            TlsKey::Enabled => match boolean {
                // The default.
                Some(Value::Bool(false)) => {
                    Fate::Carried("tls.enabled, which is false by default".to_owned())
                }
                Some(value) => self.set(&BRIDGE, "tls.enabled", value, from, None),
                None => not_boolean(),
            },
            TlsKey::CaFile => {
                let path = find_file(self.folder, text).display().to_string();
                self.set(&BRIDGE, "tls.ca_file", Value::String(path), from, None)
            }
            TlsKey::ServerName => self.set(
                &BRIDGE,
                "tls.server_name",
                Value::String(text.to_owned()),
                from,
                None,
            ),
            TlsKey::VerifyName => match boolean {
                Some(value) => self.set(&BRIDGE, "tls.verify_name", value, from, Some(VERIFY)),
                None => not_boolean(),
            },
            TlsKey::ClientCertificate => Fate::Lost(NO_CLIENT_CERTIFICATE.to_owned()),
        })
    }
}

/// Sets a TLS setting of a site.
pub(super) fn set_in_site(site: &mut NewSite, key: &str, text: &str, folder: &Path) -> Fate {
    let boolean = quantity::boolean(text);
    let carried = |name: &str| Fate::Carried(format!("tls.{name} of the site in hosts.yaml"));
    match (find_key("tls", key), boolean) {
        (Some(TlsKey::Enabled), Some(enabled)) => {
            site.tls_enabled = Some(enabled);
            carried("enabled")
        }
        (Some(TlsKey::CaFile), _) => {
            site.ca_file = Some(find_file(folder, text));
            carried("ca_file")
        }
        (Some(TlsKey::ServerName), _) if crate::connection::tls::is_server_name(text) => {
            site.server_name = Some(text.to_owned());
            carried("server_name")
        }
        (Some(TlsKey::VerifyName), Some(verify)) => {
            site.verify_name = Some(verify);
            Fate::Changed(format!(
                "tls.verify_name of the site in hosts.yaml: {VERIFY}"
            ))
        }
        (Some(TlsKey::ClientCertificate), _) => Fate::Lost(NO_CLIENT_CERTIFICATE.to_owned()),
        (Some(_), _) => Fate::Lost("the value is not allowed there".to_owned()),
        (None, _) => Fate::Lost("tls of a site has no such setting".to_owned()),
    }
}

/// Returns the absolute path of a file that is beside the old file, or else the path as given.
fn find_file(folder: &Path, text: &str) -> PathBuf {
    let beside = folder.join(text);
    if beside.exists() {
        std::path::absolute(&beside).unwrap_or(beside)
    } else {
        text.into()
    }
}
