//! Clients affected by a fault.

use sensr_sim::FaultEvent;

use super::ordeal::{next, small};
use super::stubborn::Stubborn;
use crate::support::{soon, start};

#[tokio::test]
async fn all_connected_clients_are_affected_and_later_ones_are_not() {
    let server = start(small()).await;
    let mut told = server.fault_events();
    let clients = [(); 2].map(|()| Stubborn::points(server.points_addr(), None));
    tokio::join!(clients[0].more(1), clients[1].more(1));
    server
        .inject("text points".parse().expect("a fault"))
        .await
        .expect("carried out");
    let begun = next(&mut told).await;
    assert!(
        matches!(begun, FaultEvent::Fault { clients: 2, .. }),
        "{begun:?}"
    );
    next(&mut told).await;
    let late = Stubborn::points(server.points_addr(), None);
    late.more(3).await;
    let report = soon(server.stop()).await.expect("ends well");
    let [first, second] = clients;
    let texts = tokio::join!(first.end(), second.end(), late.end());
    assert_eq!((texts.0.text, texts.1.text, texts.2.text), (1, 1, 0));
    assert_eq!(report.points.injected_text, 2);
}
