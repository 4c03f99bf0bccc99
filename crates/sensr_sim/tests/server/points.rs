//! Point stream of the scene.

use sensr_protocol::wire::CloudType;
use sensr_protocol::wire::proto::PointResult;
use sensr_sim::scene::Scene;
use sensr_sim::{CloudCounts, Options, Source};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Client, quick_scene, start, types, wait_until, within_limit};

const ALL: [CloudType; 3] = [CloudType::Raw, CloudType::Ground, CloudType::Background];

#[tokio::test]
async fn first_client_gets_exactly_the_requested_messages_from_number_0() {
    let server = start(Options {
        source: Source::Street { seed: 7 },
        count: Some(20),
        ..quick_scene()
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    let scene = Scene::street(7, 500);
    for k in 0..20u8 {
        let sweep = scene.sweep(f64::from(k) / 200.0);
        let expected = ALL.map(|kind| scene.cloud(&sweep, kind));
        assert_eq!(client.points().await.points, expected, "message {k}");
    }
    let (frames, close) = client.rest().await;
    assert_eq!(frames.len(), 0, "20 were asked for");
    assert_eq!(close.code, CloseCode::Normal);

    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.points.messages, report.points.delivered), (20, 20));
    assert_eq!(report.points.unheard, 0);
    let clouds = CloudCounts {
        raw: 20,
        ground: 20,
        background: 20,
    };
    assert_eq!(report.clouds, clouds);
    assert_eq!(report.clients.points, 1);
    assert_eq!(
        (report.clients.connected, report.clients.overflowed),
        (0, 0)
    );
}

#[tokio::test]
async fn every_client_gets_the_same_messages() {
    let server = start(Options {
        count: Some(30),
        ..quick_scene()
    })
    .await;
    let mut first = Client::connect(server.points_addr()).await;
    let mut second = Client::connect(server.points_addr()).await;
    let (all, _) = first.rest().await;
    let (later, _) = second.rest().await;
    assert_eq!(all.len(), 30);
    assert!(all.ends_with(&later), "{} of them", later.len());
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!(report.points.delivered, 30 + later.len() as u64);
    let bytes = |frames: &[bytes::Bytes]| frames.iter().map(|f| f.len() as u64).sum::<u64>();
    assert_eq!(report.points.delivered_bytes, bytes(&all) + bytes(&later));
}

#[tokio::test]
async fn alternating_messages_carry_one_type_each() {
    let server = start(Options {
        types: vec![CloudType::Ground, CloudType::Raw],
        alternate: true,
        count: Some(5),
        ..quick_scene()
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    for k in 0..5 {
        let expected = [CloudType::Ground, CloudType::Raw][k % 2];
        assert_eq!(types(&client.points().await), [expected], "message {k}");
    }
    client.rest().await;
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.clouds.ground, report.clouds.raw), (3, 2));
}

#[tokio::test]
async fn raw_clouds_name_the_sensors_in_turn_and_others_name_none() {
    let server = start(Options {
        types: vec![CloudType::Raw, CloudType::Ground],
        sensors: 3,
        count: Some(7),
        ..quick_scene()
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    for k in 0..7 {
        let message = client.points().await;
        assert_eq!(types(&message), [CloudType::Raw, CloudType::Ground]);
        assert_eq!(message.points[0].id, format!("sim#lidar_{}", k % 3 + 1));
        assert!(message.points[1].id.is_empty());
    }
    client.rest().await;
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.clouds.ground, report.clouds.raw), (7, 7));
}

#[tokio::test]
async fn types_have_the_listed_order_and_raw_clouds_the_exact_size() {
    for points in [0, 1, 4321] {
        let server = start(Options {
            types: vec![CloudType::Background, CloudType::Raw],
            points: Some(points),
            ..quick_scene()
        })
        .await;
        let mut client = Client::connect(server.points_addr()).await;
        let message: PointResult = client.points().await;
        assert_eq!(types(&message), [CloudType::Background, CloudType::Raw]);
        assert_eq!(message.points[1].points.len(), points * 12);
        assert_eq!(message.points[1].intensities.len(), points * 4);
        drop(client);
        within_limit(server.stop()).await.expect("ends well");
    }
}

#[tokio::test]
async fn clock_starts_with_the_first_points_client_unless_free_running() {
    let server = start(quick_scene()).await;
    let mut output = Client::connect(server.output_addr()).await;
    output.output().await;
    output.output().await;
    let report = server.report();
    assert_eq!((report.points.messages, report.points.unheard), (0, 0));

    let free = start(Options {
        free_running: true,
        ..quick_scene()
    })
    .await;
    wait_until(&free, |report| report.points.unheard > 3).await;
    let mut late = Client::connect(free.points_addr()).await;
    let scene = Scene::street(1, 500);
    let first = scene.cloud(&scene.sweep(0.0), CloudType::Raw);
    assert_ne!(late.points().await.points[0], first);
}

#[tokio::test]
async fn scene_clock_runs_on_without_clients() {
    let server = start(quick_scene()).await;
    drop(Client::connect(server.points_addr()).await);
    let report = wait_until(&server, |report| report.points.unheard >= 5).await;
    let mut second = Client::connect(server.points_addr()).await;
    second.points().await;
    let later = server.report();
    assert!(later.points.messages > report.points.messages);
    assert_eq!(later.clients.points, 2);
}
