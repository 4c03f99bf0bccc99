//! Output stream.

use std::collections::BTreeSet;

use prost::Message as _;
use sensr_protocol::wire::CloudType;
use sensr_protocol::wire::proto::zone_event::Type;
use sensr_protocol::wire::proto::{
    CustomMessage, CustomMessage25, EventMessage, OutputMessage, StreamMessage, TrackingStatus,
    ZoneType, system_health::Status,
};
use sensr_sim::{Generation, Options, OutputCounts};

use crate::support::{Client, point_bits, quick_scene, start, within_limit};

fn dense() -> Options {
    Options {
        points: Some(20_000),
        rate_hz: 10.0,
        types: vec![CloudType::Raw],
        ..quick_scene()
    }
}

/// Returns the stream part of the next message that is not only an event.
async fn stream(client: &mut Client) -> StreamMessage {
    loop {
        if let Some(stream) = client.output().await.stream {
            return stream;
        }
    }
}

#[tokio::test]
async fn zones_and_health_are_in_the_first_message_and_then_only_periodically() {
    let server = start(dense()).await;
    for _ in 0..2 {
        let mut client = Client::connect(server.output_addr()).await;
        let first = stream(&mut client).await;
        assert!(first.has_zones && first.zones.len() >= 2);
        assert!(first.static_objects.iter().all(|object| object.is_static));
        assert!(!first.static_objects.is_empty());
        let health = first.health.expect("first message");
        assert_eq!(health.master(), Status::Ok);
        let second = stream(&mut client).await;
        assert!(!second.has_zones && second.zones.is_empty());
        assert!(second.health.is_none() && second.has_objects);
        assert!(second.static_objects.is_empty());
    }
}

#[tokio::test]
async fn object_points_equal_those_of_the_raw_cloud_of_the_same_instant() {
    let server = start(dense()).await;
    let mut output = Client::connect(server.output_addr()).await;
    let mut points = Client::connect(server.points_addr()).await;
    let raw = &points.points().await.points[0];
    let raw: BTreeSet<[u32; 4]> = point_bits(&raw.points, &raw.intensities)
        .into_iter()
        .collect();
    let mut last_ns = 0;
    let mut matched = 0;
    // The scene clock stands at the instant of message 0 until the points client has connected.
    for _ in 0..2 {
        let message = loop {
            let message = output.output().await;
            if message.stream.is_some() {
                break message;
            }
        };
        let time = message.timestamp.expect("every message has one");
        let now_ns = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
        assert!(now_ns > last_ns, "server time increases");
        last_ns = now_ns;
        let stream = message.stream.expect("every message has one");
        assert!(stream.has_objects && !stream.objects.is_empty());
        let seen = |bits: &[u32; 4]| raw.contains(bits);
        let bits = |object: &sensr_protocol::wire::proto::Object| {
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
            assert_eq!(
                object.tracking_status(),
                expected,
                "tracking has just begun"
            );
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

/// All messages of 9 s on the output stream: the first recalibration is after 5 s, the first change of health after 8 s.
struct RecordedOutput {
    messages: Vec<OutputMessage>,
    report: OutputCounts,
}

impl RecordedOutput {
    async fn record_9_s() -> Self {
        let server = start(Options {
            count: Some(90),
            ..dense()
        })
        .await;
        let mut output = Client::connect(server.output_addr()).await;
        let mut points = Client::connect(server.points_addr()).await;
        let (ended, (frames, _), _) = tokio::join!(
            within_limit(server.finished()),
            output.rest(),
            points.rest()
        );
        let messages = frames.into_iter().map(OutputMessage::decode);
        let messages: Result<Vec<_>, _> = messages.collect();
        let messages = messages.expect("OutputMessages");
        let report = ended.expect("ends well");
        assert_eq!(report.output.messages, messages.len() as u64);
        assert_eq!(report.output.delivered, messages.len() as u64);
        Self {
            messages,
            report: report.contents,
        }
    }

    fn events(&self) -> impl Iterator<Item = &EventMessage> {
        self.messages.iter().filter_map(|m| m.event.as_ref())
    }

    fn counts(&self) -> OutputCounts {
        let streams = self.messages.iter().filter_map(|m| m.stream.as_ref());
        let sum =
            |count: fn(&EventMessage) -> usize| self.events().map(count).sum::<usize>() as u64;
        OutputCounts {
            streams: streams.clone().count() as u64,
            objects: streams.map(|stream| stream.objects.len() as u64).sum(),
            zone_events: sum(|event| event.zone.len()),
            losing_events: sum(|event| event.losing.len()),
            health_events: sum(|event| usize::from(event.health.is_some())),
            recalibration_events: sum(|event| event.online_recalibration.len()),
        }
    }

    /// Checks that the zone events agree with the `zone_ids` of the objects.
    fn assert_zone_events_agree(&self) {
        let first = self.messages.iter().find_map(|m| m.stream.as_ref());
        let zones = &first.expect("the first message is full").zones;
        let with_events = [ZoneType::Event, ZoneType::Gate];
        let watched = zones
            .iter()
            .filter(|zone| with_events.contains(&zone.r#type()));
        let watched: BTreeSet<i32> = watched.map(|zone| zone.id).collect();
        let mut by_objects: Option<BTreeSet<(i32, i32)>> = None;
        let mut by_events = BTreeSet::new();
        for message in &self.messages {
            if let Some(stream) = &message.stream {
                // Every change must have been reported before the next objects.
                assert!(by_objects.is_none_or(|inside| inside == by_events));
                let objects = stream.objects.iter();
                let pairs = objects.flat_map(|o| o.zone_ids.iter().map(|&zone| (zone, o.id)));
                let now: BTreeSet<_> = pairs.filter(|(zone, _)| watched.contains(zone)).collect();
                if by_events.is_empty() {
                    by_events.clone_from(&now);
                }
                by_objects = Some(now);
            }
            for event in message.event.iter().flat_map(|event| &event.zone) {
                assert_eq!(event.timestamp, message.timestamp);
                let pair = (event.id, event.object.expect("always present").id);
                match event.r#type() {
                    Type::Entry => assert!(by_events.insert(pair), "{event:?}"),
                    Type::Exit => assert!(by_events.remove(&pair), "{event:?}"),
                    _ => assert!(by_events.contains(&pair), "{event:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn events_agree_with_the_objects_and_with_the_report() {
    let recorded = RecordedOutput::record_9_s().await;
    assert_eq!(recorded.counts(), recorded.report);
    assert!(recorded.report.zone_events > 2, "{:?}", recorded.report);
    assert!(recorded.report.recalibration_events == 1 && recorded.report.health_events == 1);
    recorded.assert_zone_events_agree();
    let is_event = |message: &&OutputMessage| message.stream.is_none();
    for message in recorded.messages.iter().filter(is_event) {
        assert!(message.event.is_some() && message.custom.is_empty());
    }
    let health = recorded.events().find_map(|event| event.health.as_ref());
    assert_eq!(health.expect("after 8 s").master(), Status::Slowdown);
    let custom = recorded.messages.iter().filter(|m| !m.custom.is_empty());
    let per_second = recorded.report.streams / 10;
    assert!((per_second..=per_second + 3).contains(&(custom.count() as u64)));
}

#[tokio::test]
async fn every_client_gets_every_event_once() {
    let server = start(dense()).await;
    let mut one = Client::connect(server.output_addr()).await;
    let mut other = Client::connect(server.output_addr()).await;
    stream(&mut one).await;
    stream(&mut other).await;
    let _points = Client::connect(server.points_addr()).await;
    let event = async |client: &mut Client| loop {
        let frame = client.frame().await;
        let message = OutputMessage::decode(frame.clone()).expect("an OutputMessage");
        if message.event.is_some() {
            return frame;
        }
    };
    for _ in 0..3 {
        assert_eq!(event(&mut one).await, event(&mut other).await);
    }
}

#[tokio::test]
async fn custom_part_is_that_of_the_generation() {
    for generation in [Generation::V2_5, Generation::V3] {
        let server = start(Options {
            generation,
            free_running: true,
            ..dense()
        })
        .await;
        let mut output = Client::connect(server.output_addr()).await;
        let mut customs = Vec::new();
        while customs.len() < 2 {
            customs.push(output.output().await.custom);
            customs.retain(|custom| !custom.is_empty());
        }
        let custom = customs.swap_remove(1);
        match generation {
            Generation::V2_5 => {
                let custom = CustomMessage25::decode(custom).expect("a message of 2.5");
                assert!(custom.replay.is_some() && custom.record.is_some());
                assert!(custom.profiling.is_some());
            }
            Generation::V3 => {
                let custom = CustomMessage::decode(custom).expect("a message of 3");
                assert!(!custom.vehicle_oriented_fields_of_regard.is_empty());
                assert!(custom.record.is_some() && custom.profiling.is_some());
            }
        }
    }
}
