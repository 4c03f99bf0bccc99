//! Name resolution.

use sensr_bridge::connection::options::LinkOptions;
use sensr_bridge::connection::status::Endpoint;

use crate::support::{Fixture, Server, options};

fn at(address: &str, port: u16) -> LinkOptions {
    let mut options = options(port);
    options.endpoint = Endpoint {
        address: address.to_owned(),
        ..options.endpoint
    };
    options
}

/// `localhost` is `::1` first on most machines, and the server listens on 127.0.0.1 only.
#[tokio::test]
async fn all_addresses_of_a_name_are_tried() {
    let server = Server::start().await;
    let fixture = Fixture::start(at("localhost", server.port()));
    server.accept().await;
    fixture
        .wait_until("the link", |figures, _| figures.connects == 1)
        .await;
}

/// RFC 6761: `.invalid` never resolves.
#[tokio::test]
async fn unresolvable_name_is_reported_and_tried_again() {
    let fixture = Fixture::start(at("sensr.invalid", 5051));
    fixture
        .wait_until("the error", |figures, _| {
            figures
                .last_error
                .starts_with("cannot resolve sensr.invalid: ")
        })
        .await;
    fixture
        .wait_until("another attempt", |figures, _| figures.failed_attempts >= 2)
        .await;
}
