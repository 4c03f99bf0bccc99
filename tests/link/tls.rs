//! TLS: servers that are accepted, and the errors of those that are not.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::SinkExt as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sensr_bridge::connection::options::LinkOptions;
use sensr_bridge::connection::tls::TlsOptions;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier, version};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Fixture, Server, options};

/// Certificate authority with its certificate in a file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = std::env::temp_dir().join(format!("sensr-link-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("ca.crt"), issuer.pem()).expect("written");
        Self { issuer, folder }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// Creates an acceptor whose certificate is for `names` and valid from `begins` to `ends`, days from today.
    pub(crate) fn acceptor(&self, names: &[&str], (begins, ends): (i64, i64)) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = OffsetDateTime::now_utc() + Duration::days(begins);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(ends);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let config = versions()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private(&key))
            .expect("fits");
        TlsAcceptor::from(Arc::new(config))
    }
}

fn versions() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS12, &version::TLS13])
        .expect("versions")
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) const VALID: (i64, i64) = (-1, 1);

/// Sends `x` to each client that completes both handshakes.
pub(crate) async fn serve(acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
                continue;
            };
            let _ = socket.send(Message::Binary(Bytes::from_static(b"x"))).await;
            // Kept open for the rest of the test.
            std::mem::forget(socket);
        }
    });
    port
}

pub(crate) fn tls(port: u16, ca_file: PathBuf) -> LinkOptions {
    let mut options = options(port);
    options.endpoint.tls = Some(TlsOptions {
        ca_file,
        server_name: None,
        verify_name: true,
    });
    options
}

async fn require_data(fixture: &Fixture) {
    fixture
        .wait_until("data", |_, received| !received.is_empty())
        .await;
}

async fn require_error(options: LinkOptions, words: &[&str]) {
    let fixture = Fixture::start(options);
    fixture
        .wait_until(&format!("{words:?}"), |figures, _| {
            words.iter().all(|word| figures.last_error.contains(word))
        })
        .await;
    let figures = fixture.stop().await;
    assert_eq!((figures.connects, figures.frames), (0, 0));
    assert!(!figures.last_error.contains('\n'), "{}", figures.last_error);
}

#[tokio::test]
async fn server_with_a_valid_certificate_is_accepted() {
    let authority = Authority::new("right");
    let port = serve(authority.acceptor(&["127.0.0.1"], VALID)).await;
    let fixture = Fixture::start(tls(port, authority.ca_file()));
    require_data(&fixture).await;
    assert_eq!(fixture.stop().await.url, format!("wss://127.0.0.1:{port}/"));
}

#[tokio::test]
async fn other_authority_is_refused_even_without_verification_of_the_name() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let port = serve(one.acceptor(&["127.0.0.1"], VALID)).await;
    for verify_name in [true, false] {
        let mut options = tls(port, other.ca_file());
        if let Some(tls) = &mut options.endpoint.tls {
            tls.verify_name = verify_name;
        }
        require_error(
            options,
            &[
                "signed by CN=one, which is not in tls.ca_file",
                "sensr-ca.crt",
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn expired_certificate_is_refused_even_without_verification_of_the_name() {
    let authority = Authority::new("expired");
    let port = serve(authority.acceptor(&["127.0.0.1"], (-10, -1))).await;
    for verify_name in [true, false] {
        let mut options = tls(port, authority.ca_file());
        if let Some(tls) = &mut options.endpoint.tls {
            tls.verify_name = verify_name;
        }
        require_error(options, &["expired (", "renew it", "clock"]).await;
    }
}

#[tokio::test]
async fn certificate_not_yet_valid_is_refused() {
    let authority = Authority::new("tomorrow");
    let port = serve(authority.acceptor(&["127.0.0.1"], (1, 2))).await;
    let options = tls(port, authority.ca_file());
    require_error(options, &["not valid yet (", "clock"]).await;
}

#[tokio::test]
async fn other_name_is_refused_unless_it_is_set_or_not_verified() {
    let authority = Authority::new("name");
    let port = serve(authority.acceptor(&["sensr.vendor.example", "192.0.2.1"], VALID)).await;
    let options = tls(port, authority.ca_file());
    let words = [
        "not for 127.0.0.1, but for sensr.vendor.example, 192.0.2.1:",
        "tls.server_name",
        "tls.verify_name",
    ];
    require_error(options.clone(), &words).await;
    for (server_name, verify_name) in [
        (Some("sensr.vendor.example".to_owned()), true),
        (Some("192.0.2.1".to_owned()), true),
        (None, false),
    ] {
        let mut options = options.clone();
        if let Some(tls) = &mut options.endpoint.tls {
            (tls.server_name, tls.verify_name) = (server_name, verify_name);
        }
        require_data(&Fixture::start(options)).await;
    }
}

#[tokio::test]
async fn new_ca_file_applies_from_the_next_connection() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let port = serve(new.acceptor(&["127.0.0.1"], VALID)).await;
    let fixture = Fixture::start(tls(port, old.ca_file()));
    fixture
        .wait_until("the error", |figures, _| {
            figures.last_error.contains("is not in tls.ca_file")
        })
        .await;
    std::fs::copy(new.ca_file(), old.ca_file()).expect("replaced");
    require_data(&fixture).await;
}

#[tokio::test]
async fn missing_ca_file_is_reported() {
    let authority = Authority::new("gone");
    let port = serve(authority.acceptor(&["127.0.0.1"], VALID)).await;
    let options = tls(port, authority.folder.join("none.crt"));
    require_error(options, &["cannot read tls.ca_file", "none.crt"]).await;
}

#[tokio::test]
async fn plain_server_is_reported_if_tls_is_enabled() {
    let authority = Authority::new("plain");
    let server = Server::start().await;
    let port = server.port();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = server.0.accept().await.expect("accepted");
            // The client sends a TLS handshake instead.
            let _ = tokio_tungstenite::accept_async(stream).await;
        }
    });
    require_error(tls(port, authority.ca_file()), &["tls.enabled to false"]).await;
    serving.abort();
}

#[tokio::test]
async fn plain_http_answer_is_reported_if_tls_is_enabled() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let authority = Authority::new("words");
    let server = Server::start().await;
    let port = server.port();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = server.0.accept().await.expect("accepted");
            let mut hello = [0; 1000];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let options = tls(port, authority.ca_file());
    require_error(
        options,
        &["does not speak TLS here", "tls.enabled to false"],
    )
    .await;
    serving.abort();
}

#[tokio::test]
async fn tls_server_is_reported_if_tls_is_disabled() {
    let authority = Authority::new("unexpected");
    let port = serve(authority.acceptor(&["127.0.0.1"], VALID)).await;
    let words = ["speaks TLS here", "tls.enabled to true", "tls.ca_file"];
    require_error(options(port), &words).await;
}

/// Self-signed certificates by `openssl req -x509` are those of a CA.
#[tokio::test]
async fn self_signed_certificate_in_the_ca_file_is_accepted() {
    for is_ca in [true, false] {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("signed");
        let authority = Authority::new(&format!("own-{is_ca}"));
        std::fs::write(authority.ca_file(), own.pem()).expect("written");
        let config = versions()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], private(&key))
            .expect("fits");
        let port = serve(TlsAcceptor::from(Arc::new(config))).await;
        require_data(&Fixture::start(tls(port, authority.ca_file()))).await;
        // Another one is refused.
        let other = Authority::new(&format!("not-own-{is_ca}"));
        require_error(
            tls(port, other.ca_file()),
            &["is self-signed", "tls.ca_file"],
        )
        .await;
    }
}

/// The key of another certificate signs the handshake.
#[tokio::test]
async fn certificate_without_its_key_is_refused() {
    let authority = Authority::new("stolen");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &authority.issuer).expect("signed");
    std::fs::write(authority.folder.join("own.crt"), certificate.pem()).expect("written");
    let thief = Arc::new(ring::default_provider())
        .key_provider
        .load_private_key(private(&KeyPair::generate().expect("a key")))
        .expect("a key");
    let shown = CertifiedKey::new(vec![certificate.der().clone()], thief);
    let config = versions()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    let port = serve(TlsAcceptor::from(Arc::new(config))).await;
    for ca_file in ["ca.crt", "own.crt"] {
        let options = tls(port, authority.folder.join(ca_file));
        require_error(options, &["cannot prove that its certificate is its own"]).await;
    }
}

#[tokio::test]
async fn request_for_a_client_certificate_is_reported() {
    let authority = Authority::new("client");
    for version in [&version::TLS12, &version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).expect("added");
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("a verifier");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &authority.issuer).expect("signed");
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], private(&key))
            .expect("fits");
        let port = serve(TlsAcceptor::from(Arc::new(config))).await;
        let words = ["asks for a client certificate", "switch that off"];
        require_error(tls(port, authority.ca_file()), &words).await;
    }
}

/// OpenSSL answers with an alert to the first message if it supports nothing that the client offers.
#[tokio::test]
async fn alerts_are_reported_with_the_cure() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let authority = Authority::new("alerts");
    for (alert, words) in [
        (
            40,
            "no TLS cipher suite in common (alert handshake_failure)",
        ),
        (71, "alert insufficient_security"),
        (70, "TLS 1.1 or older"),
        (112, "tls.server_name"),
        (80, "alert internal_error"),
    ] {
        let server = Server::start().await;
        let port = server.port();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = server.0.accept().await.expect("accepted");
                let mut hello = [0; 1000];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, alert]).await;
            }
        });
        require_error(tls(port, authority.ca_file()), &[words]).await;
        serving.abort();
    }
}
