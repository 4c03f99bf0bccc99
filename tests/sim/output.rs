//! The output stream.

use std::collections::BTreeSet;

use sensr_bridge::sensr::wire::CloudType;
use sensr_bridge::sensr::wire::proto::{StreamMessage, TrackingStatus, system_health::Status};
use sensr_bridge::sim::Options;

use crate::support::{Client, point_bits, quick, start};

fn dense() -> Options {
    Options {
        points: Some(20_000),
        rate_hz: 10.0,
        types: vec![CloudType::Raw],
        ..quick()
    }
}

async fn stream(client: &mut Client) -> StreamMessage {
    let message = client.output().await;
    message.stream.expect("every message has a stream part")
}

#[tokio::test]
async fn zones_and_health_come_first_and_then_not_for_a_while() {
    let server = start(dense()).await;
    for _ in 0..2 {
        let mut client = Client::connect(server.output_addr()).await;
        let first = stream(&mut client).await;
        assert!(first.has_zones && first.zones.len() >= 2);
        let health = first.health.expect("first message");
        assert_eq!(health.master(), Status::Ok);
        let second = stream(&mut client).await;
        assert!(!second.has_zones && second.zones.is_empty());
        assert!(second.health.is_none() && second.has_objects);
    }
}

#[tokio::test]
async fn object_points_are_those_of_the_raw_cloud_of_the_same_instant() {
    let server = start(dense()).await;
    let mut output = Client::connect(server.output_addr()).await;
    let mut points = Client::connect(server.points_addr()).await;
    let raw = &points.points().await.points[0];
    let raw: BTreeSet<[u32; 4]> = point_bits(&raw.points, &raw.intensities)
        .into_iter()
        .collect();
    let mut last_ns = 0;
    let mut matched = 0;
    // The world stands still at the instant of message 0 until the points client is there.
    for _ in 0..2 {
        let message = output.output().await;
        let time = message.timestamp.expect("every message has one");
        let now_ns = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
        assert!(now_ns > last_ns, "server time goes forward");
        last_ns = now_ns;
        let stream = message.stream.expect("every message has one");
        assert!(stream.has_objects && !stream.objects.is_empty());
        let seen = |bits: &[u32; 4]| raw.contains(bits);
        let bits = |object: &sensr_bridge::sensr::wire::proto::Object| {
            point_bits(&object.points, &object.intensities)
        };
        let all: Vec<_> = stream.objects.iter().flat_map(bits).collect();
        matched = matched.max(all.iter().filter(|point| seen(point)).count());
        for object in &stream.objects {
            assert_eq!(object.points.len(), object.intensities.len() * 3);
            assert!(object.bbox.is_some() && object.velocity.is_some());
            assert!(object.id > 0 && object.last_observed_timestamp.is_some());
            let expected = match object.points.len() {
                0 => TrackingStatus::Drifting,
                _ => TrackingStatus::Validating,
            };
            assert_eq!(object.tracking_status(), expected, "it has just begun");
        }
    }
    assert!(matched > 100, "{matched} points");
}

#[tokio::test]
async fn objects_move_between_messages() {
    let server = start(dense()).await;
    let mut output = Client::connect(server.output_addr()).await;
    let _points = Client::connect(server.points_addr()).await;
    let place = |stream: &StreamMessage| -> Vec<(i32, u32)> {
        let objects = stream.objects.iter();
        let places = objects.filter_map(|o| Some((o.id, o.bbox?.position?.x.to_bits())));
        places.collect()
    };
    let mut places = BTreeSet::new();
    for _ in 0..6 {
        places.insert(place(&stream(&mut output).await));
    }
    assert!(places.len() >= 4, "{} different", places.len());
}
