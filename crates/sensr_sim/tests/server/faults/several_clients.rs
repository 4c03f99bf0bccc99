//! Clients affected by a fault.

use sensr_sim::FaultEvent;

use super::reading_client::ReadingClient;
use super::with_fault::{next_event, small_scene};
use crate::support::{start, within_limit};

#[tokio::test]
async fn all_connected_clients_are_affected_and_later_ones_are_not() {
    let server = start(small_scene()).await;
    let mut events = server.fault_events();
    let clients = [(); 2].map(|()| ReadingClient::points(server.points_addr(), None));
    tokio::join!(
        clients[0].wait_for_messages(1),
        clients[1].wait_for_messages(1)
    );
    server
        .inject("text points".parse().expect("a fault"))
        .await
        .expect("accepted");
    let begun = next_event(&mut events).await;
    assert!(
        matches!(begun, FaultEvent::Fault { clients: 2, .. }),
        "{begun:?}"
    );
    next_event(&mut events).await;
    let late = ReadingClient::points(server.points_addr(), None);
    late.wait_for_messages(3).await;
    let report = within_limit(server.stop()).await.expect("ends well");
    let [first, second] = clients;
    let texts = tokio::join!(first.stop(), second.stop(), late.stop());
    assert_eq!((texts.0.text, texts.1.text, texts.2.text), (1, 1, 0));
    assert_eq!(report.points.injected_text, 2);
}
