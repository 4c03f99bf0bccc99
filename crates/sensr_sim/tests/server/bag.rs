//! Recorded bags over real sockets.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mcap::Compression;
use prost::Message as _;
use sensr_protocol::wire::proto::system_health::Status;
use sensr_protocol::wire::proto::{OutputMessage, PointResult};
use sensr_protocol::wire::{CloudType, PointCloud};
use sensr_sim::{BagError, BagOptions, Options, Server, SimError, Source};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Client, start, wait_until, within_limit};
use crate::test_bags::{OUTPUT, POINTS, bag, folder, of, recording, write};

fn replay(bag: BagOptions) -> Options {
    Options {
        source: Source::Bag(bag),
        ..Options::ephemeral()
    }
}

async fn clients(server: &Server) -> (Client, Client) {
    let points = Client::connect(server.points_addr()).await;
    (points, Client::connect(server.output_addr()).await)
}

#[tokio::test]
async fn each_stream_gets_its_frames_byte_for_byte_and_no_others() {
    let folder = folder("whole");
    let frames = recording(60, 1000);
    let compressions = [None, Some(Compression::Lz4), Some(Compression::Zstd)];
    for (split, compression) in compressions.into_iter().enumerate() {
        let part = &frames[split * 20..split * 20 + 20];
        write(
            &folder.join(format!("bag_{split}.mcap")),
            compression,
            &[("/wire", part)],
        );
    }
    let server = start(replay(BagOptions {
        speed: 4.0,
        ..BagOptions::new(&folder)
    }))
    .await;
    let begin = Instant::now();
    let (mut points, mut output) = clients(&server).await;
    let (points, output) = tokio::join!(points.rest(), output.rest());
    assert!(begin.elapsed() >= Duration::from_millis(590 / 4));
    assert_eq!(points.0, of(POINTS, &frames));
    assert_eq!(output.0, of(OUTPUT, &frames));
    assert_eq!(
        (points.1.code, output.1.code),
        (CloseCode::Normal, CloseCode::Normal)
    );

    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.points.messages, report.points.delivered), (40, 40));
    assert_eq!((report.output.messages, report.output.delivered), (20, 20));
    assert_eq!(report.points.delivered_bytes, 40_000);
    assert_eq!((report.points.unheard, report.output.unheard), (0, 0));
    assert_eq!(report.clients.overflowed, 0);
}

#[tokio::test]
async fn nothing_is_sent_until_both_streams_have_a_client() {
    let frames = recording(9, 10);
    let server = start(replay(bag("both", &frames))).await;
    let mut output = Client::connect(server.output_addr()).await;
    let waited = tokio::time::timeout(Duration::from_millis(100), output.next());
    assert!(waited.await.is_err(), "no frame and no close");
    let mut points = Client::connect(server.points_addr()).await;
    let (points, output) = tokio::join!(points.rest(), output.rest());
    assert_eq!(points.0, of(POINTS, &frames));
    assert_eq!(output.0, of(OUTPUT, &frames));
}

#[tokio::test]
async fn free_running_starts_without_clients() {
    let server = start(Options {
        free_running: true,
        ..replay(bag("free", &recording(9, 10)))
    })
    .await;
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.points.unheard, report.output.unheard), (6, 3));
    assert_eq!((report.points.messages, report.output.messages), (0, 0));
}

#[tokio::test]
async fn gap_is_kept_and_a_step_back_takes_no_time() {
    let mut frames = recording(12, 10);
    for frame in &mut frames[4..8] {
        frame.stamp_ms -= 1_000_000;
    }
    frames[3].stamp_ms += 300;
    for frame in &mut frames[8..] {
        frame.stamp_ms -= 1_000_000 - 200;
    }
    let server = start(replay(bag("gap", &frames))).await;
    let begin = Instant::now();
    let (mut points, mut output) = clients(&server).await;
    let (points, output) = tokio::join!(points.rest(), output.rest());
    // 20 ms, 310 ms, back, 30 ms, 210 ms, 30 ms.
    assert!(begin.elapsed() >= Duration::from_millis(600));
    assert_eq!(points.0, of(POINTS, &frames));
    assert_eq!(output.0, of(OUTPUT, &frames));
}

#[tokio::test]
async fn slow_client_loses_nothing_at_speed_0() {
    let frames = recording(90, 300_000);
    let server = start(Options {
        client_buffer_bytes: 1 << 20,
        ..replay(BagOptions {
            speed: 0.0,
            ..bag("slow", &frames)
        })
    })
    .await;
    let (mut points, mut output) = clients(&server).await;
    let slow = async {
        let mut all = Vec::new();
        for _ in 0..30 {
            all.push(points.frame().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        all.extend(points.rest().await.0);
        all
    };
    let (slow, output) = tokio::join!(slow, output.rest());
    assert!(slow == of(POINTS, &frames), "{} of 60", slow.len());
    assert!(output.0 == of(OUTPUT, &frames), "{} of 30", output.0.len());
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!(report.clients.overflowed, 0);
    assert_eq!((report.points.delivered, report.output.delivered), (60, 30));
}

#[tokio::test]
async fn playback_at_speed_0_waits_for_the_next_client() {
    let frames = recording(30, 100_000);
    let server = start(Options {
        client_buffer_bytes: 1,
        ..replay(BagOptions {
            speed: 0.0,
            ..bag("next", &frames)
        })
    })
    .await;
    let (mut points, mut output) = clients(&server).await;
    points.frame().await;
    drop(points);
    wait_until(&server, |report| report.clients.connected == 1).await;
    let mut points = Client::connect(server.points_addr()).await;
    let (points, output) = tokio::join!(points.rest(), output.rest());
    assert!(of(POINTS, &frames).ends_with(&points.0) && !points.0.is_empty());
    assert!(output.0 == of(OUTPUT, &frames));
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.points.messages, report.points.unheard), (20, 0));
}

#[tokio::test]
async fn slow_client_at_a_fixed_speed_overflows_and_the_other_stream_reports_it() {
    let mut frames = recording(300, 100_000);
    for frame in &mut frames {
        frame.stamp_ms /= 10;
    }
    let server = start(Options {
        client_buffer_bytes: 200_000,
        ..replay(bag("overflow", &frames))
    })
    .await;
    let (_stuck, mut output) = clients(&server).await;
    wait_until(&server, |report| report.clients.overflowed > 0).await;
    let (output, _) = output.rest().await;
    let expected = of(OUTPUT, &frames);
    let is_notice = |frame: &Bytes| {
        let message = OutputMessage::decode(frame.clone()).ok();
        let health = message.and_then(|message| message.event?.health);
        health.is_some_and(|health| health.master() == Status::OutputBufferOverflow)
    };
    assert!(output.iter().any(is_notice));
    let rest: Vec<Bytes> = output
        .into_iter()
        .filter(|frame| !is_notice(frame))
        .collect();
    assert!(expected.starts_with(&rest), "{} frames", rest.len());
}

#[tokio::test]
async fn loop_restarts_the_bag_and_count_counts_point_frames() {
    let frames = recording(6, 50);
    let server = start(Options {
        count: Some(9),
        ..replay(BagOptions {
            repeat: true,
            speed: 10.0,
            ..bag("loop", &frames)
        })
    })
    .await;
    let (mut points, mut output) = clients(&server).await;
    let (points, output) = tokio::join!(points.rest(), output.rest());
    let all = [frames.clone(), frames.clone(), frames].concat();
    assert_eq!(points.0, of(POINTS, &all)[..9]);
    assert_eq!(output.0, of(OUTPUT, &all)[..4]);
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.points.delivered, report.output.delivered), (9, 4));
}

#[tokio::test]
async fn clouds_are_counted_by_type() {
    let cloud = |kind: CloudType| PointCloud {
        r#type: kind.into(),
        ..PointCloud::default()
    };
    let result = PointResult {
        points: vec![cloud(CloudType::Ground), cloud(CloudType::Raw)],
        ..PointResult::default()
    };
    let mut frames = recording(3, 10);
    frames[1].data = result.encode_to_vec();
    let server = start(replay(bag("clouds", &frames))).await;
    let (mut points, mut output) = clients(&server).await;
    tokio::join!(points.rest(), output.rest());
    let report = within_limit(server.finished()).await.expect("ends well");
    let clouds = report.clouds;
    assert_eq!((clouds.raw, clouds.ground, clouds.background), (1, 1, 0));
}

#[tokio::test]
async fn stopping_closes_with_1001_while_the_next_frame_is_not_due() {
    let mut frames = recording(3, 10);
    frames[2].stamp_ms = 3_600_000;
    let server = start(replay(bag("stop", &frames))).await;
    let (mut points, mut output) = clients(&server).await;
    for frame in of(POINTS, &frames) {
        assert_eq!(points.frame().await, frame);
    }
    let (stopped, points, output) =
        tokio::join!(within_limit(server.stop()), points.rest(), output.rest());
    assert_eq!(
        (points.1.code, output.1.code),
        (CloseCode::Away, CloseCode::Away)
    );
    assert_eq!(stopped.expect("ends well").points.delivered, 2);
}

#[tokio::test]
async fn unusable_bags_are_bad_requests() {
    let refused = async |options: BagOptions| -> SimError {
        let error = Server::start(replay(options)).await.expect_err("refused");
        assert!(error.is_bad_request(), "{error}");
        error
    };
    let folder = folder("unusable");
    let error = refused(BagOptions::new(folder.join("gone.mcap"))).await;
    assert!(error.to_string().contains("gone.mcap"), "{error}");
    let frames = recording(3, 10);
    let two = folder.join("two.mcap");
    write(&two, None, &[("/a/wire", &frames), ("/b/wire", &frames)]);
    let error = refused(BagOptions::new(&two)).await;
    assert!(
        matches!(error, SimError::Bag(BagError::SeveralWires { .. })),
        "{error}"
    );
    write(&two, None, &[]);
    let error = refused(BagOptions::new(&two)).await;
    assert!(
        matches!(error, SimError::Bag(BagError::NoWire { .. })),
        "{error}"
    );

    // Before a client waits for frames that will never come.
    write(&two, None, &[("/a/wire", &[])]);
    let error = refused(BagOptions::new(&two)).await;
    assert!(
        matches!(error, SimError::Bag(BagError::NoFrames { .. })),
        "{error}"
    );
    let error = refused(BagOptions::new(&folder)).await;
    assert!(
        matches!(error, SimError::Bag(BagError::NoFrames { .. })),
        "{error}"
    );
    let above = self::folder("above");
    std::fs::create_dir_all(above.join("one")).expect("made");
    write(&above.join("one/two.mcap"), None, &[("/a/wire", &frames)]);
    let error = refused(BagOptions::new(&above)).await;
    assert!(
        error
            .to_string()
            .ends_with("a folder of bags: give one of one"),
        "{error}"
    );
}
