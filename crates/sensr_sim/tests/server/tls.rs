//! Streams with TLS.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use sensr_sim::{CA_FILE, Options, Server, SimError, TlsOptions};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::faults::reading_client::{ReadingClient, connect};
use crate::support::{Client, quick_scene, start, within_limit};
use crate::test_bags::folder;

fn with_tls(name: &str) -> TlsOptions {
    TlsOptions::new(folder(name).join("made/by/the/simulator"))
}

fn tls_scene(tls: &TlsOptions) -> Options {
    Options {
        points: Some(100),
        rate_hz: 100.0,
        tls: Some(tls.clone()),
        ..quick_scene()
    }
}

/// Returns a connector that trusts the authority in the file, or no authority.
fn tls_connector(ca: Option<&Path>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let certificate = CertificateDer::from_pem_file(path).expect("a certificate");
        roots.add(certificate).expect("an authority");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Returns the error of connecting.
async fn connect_error(server: &Server, tls: &TlsConnector) -> String {
    let connected = within_limit(connect(server.points_addr(), Some(tls))).await;
    match connected {
        Ok(_) => panic!("it must not connect"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn only_clients_that_trust_the_authority_connect() {
    let tls = with_tls("tls");
    let server = start(tls_scene(&tls)).await;
    let ca = tls.dir.join(CA_FILE);
    let connector = tls_connector(Some(&ca));
    for address in [server.points_addr(), server.output_addr()] {
        let mut socket = within_limit(connect(address, Some(&connector)))
            .await
            .expect("trusted");
        let message = within_limit(socket.next())
            .await
            .expect("open")
            .expect("valid");
        assert!(message.is_binary());
    }
    let error = connect_error(&server, &tls_connector(None)).await;
    assert!(error.contains("UnknownIssuer"), "{error}");
    let plain = connect(server.points_addr(), None);
    assert!(within_limit(plain).await.is_err(), "without TLS");
    within_limit(server.stop()).await.expect("ends well");
}

#[tokio::test]
async fn only_the_certificate_of_the_authority_is_written() {
    let tls = with_tls("tls-files");
    let server = start(tls_scene(&tls)).await;
    let files: Vec<_> = fs::read_dir(&tls.dir)
        .expect("made")
        .map(|file| file.expect("readable").file_name())
        .collect();
    assert_eq!(files, [CA_FILE]);
    let pem = fs::read_to_string(tls.dir.join(CA_FILE)).expect("text");
    assert_eq!(pem.matches("BEGIN").count(), 1);
    assert!(pem.contains("BEGIN CERTIFICATE"), "{pem}");
    within_limit(server.stop()).await.expect("ends well");
}

#[tokio::test]
async fn expired_certificate_and_wrong_name_are_refused() {
    let expired = TlsOptions {
        is_expired: true,
        ..with_tls("tls-expired")
    };
    let another = TlsOptions {
        names: vec!["sensr.example".to_owned(), "192.0.2.1".to_owned()],
        ..with_tls("tls-another")
    };
    for (tls, reason) in [(expired, "Expired"), (another, "NotValidForName")] {
        let server = start(tls_scene(&tls)).await;
        let error = connect_error(&server, &tls_connector(Some(&tls.dir.join(CA_FILE)))).await;
        assert!(
            error.contains(reason)
                || error.contains("expired")
                || error.contains("not valid for name"),
            "{error}"
        );
        within_limit(server.stop()).await.expect("ends well");
    }
}

#[tokio::test]
async fn invalid_name_is_a_bad_request_and_an_unusable_folder_a_failure() {
    let tls = TlsOptions {
        names: vec!["straße".to_owned()],
        ..with_tls("tls-name")
    };
    let error = Server::start(tls_scene(&tls))
        .await
        .expect_err("no DNS name");
    assert!(error.is_bad_request(), "{error}");
    assert!(error.to_string().contains("straße"), "{error}");
    let file = folder("tls-folder").join("file");
    fs::write(&file, "").expect("written");
    let error = Server::start(tls_scene(&TlsOptions::new(&file))).await;
    let error = error.expect_err("not a folder");
    assert!(matches!(error, SimError::Tls(_)), "{error}");
    assert!(!error.is_bad_request(), "{error}");
}

#[tokio::test]
async fn counts_balance_under_faults_with_tls() {
    for fault in [
        "cut",
        "refuse for 0.2",
        "mute for 0.2",
        "reject for 0.2",
        "nonsense",
        "oversized",
        "fragmented for 0.2",
        "halfopen for 0.2",
        "restart for 0.2",
    ] {
        let tls = with_tls("tls-faults");
        let server = start(tls_scene(&tls)).await;
        let connector = tls_connector(Some(&tls.dir.join(CA_FILE)));
        let mut events = server.fault_events();
        let points = ReadingClient::points(server.points_addr(), Some(connector.clone()));
        let output = ReadingClient::output(server.output_addr(), Some(connector));
        tokio::join!(points.wait_for_messages(3), output.wait_for_messages(1));
        let parsed = fault.parse().expect("a fault");
        server.inject(parsed).await.expect("accepted");
        for _ in 0..2 {
            within_limit(events.recv()).await.expect("the server runs");
        }
        tokio::join!(points.wait_for_messages(3), output.wait_for_messages(1));
        let report = within_limit(server.stop()).await.expect("ends well");
        let (points, output) = tokio::join!(points.stop(), output.stop());
        points.assert_balanced(&report.points, fault);
        output.assert_balanced(&report.output, fault);
    }
}

#[tokio::test]
async fn both_ports_listen_on_ipv6_with_and_without_tls() {
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    let plain = start(Options {
        bind: v6,
        ..quick_scene()
    })
    .await;
    for address in [plain.points_addr(), plain.output_addr()] {
        assert_eq!(address.ip(), v6);
        Client::connect(address).await.frame().await;
    }
    within_limit(plain.stop()).await.expect("ends well");
    let tls = with_tls("tls-ipv6");
    let server = start(Options {
        bind: v6,
        ..tls_scene(&tls)
    })
    .await;
    let connector = tls_connector(Some(&tls.dir.join(CA_FILE)));
    let address: SocketAddr = server.output_addr();
    within_limit(connect(address, Some(&connector)))
        .await
        .expect("::1 is in the certificate");
    within_limit(server.stop()).await.expect("ends well");
}
