//! Replay of PCD scans.

use std::fs;
use std::path::{Path, PathBuf};

use sensr_protocol::wire::{CloudType, PointCloud};
use sensr_sim::{Options, ReplayError, Server, SimError, Source, pcd};

use crate::support::{Client, quick_scene, start, types, within_limit};

fn replay(path: impl Into<PathBuf>, repeat: bool) -> Options {
    Options {
        source: Source::Replay {
            path: path.into(),
            repeat,
        },
        points: None,
        rate_hz: 50.0,
        ..quick_scene()
    }
}

/// Returns the folder of the recorded scans, if present.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn shared_data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: {} is missing, so no recorded scan was replayed",
        folder.display()
    );
    None
}

/// Returns x, y, z, intensity of every point directly from the file: 16-byte records after the header.
fn records(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).expect("readable");
    let marker = b"DATA binary\n";
    let at = bytes
        .windows(marker.len())
        .position(|window| window == marker);
    bytes[at.expect("a binary PCD file") + marker.len()..].to_vec()
}

/// Returns the points of a cloud in the layout of the file.
fn interleaved(cloud: &PointCloud) -> Vec<u8> {
    let points = cloud.points.chunks_exact(12);
    let with = points.zip(cloud.intensities.chunks_exact(4));
    with.flat_map(|(point, intensity)| [point, intensity].concat())
        .collect()
}

#[tokio::test]
async fn recorded_scans_arrive_bit_for_bit_in_turn() {
    let Some(folder) = shared_data() else { return };
    let files = ["outdoor_velodyne_0.pcd", "outdoor_velodyne_1.pcd"];
    let expected = files.map(|name| records(&folder.join(name)));
    let server = start(Options {
        count: Some(5),
        ..replay(&folder, true)
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    for k in 0..5 {
        let message = client.points().await;
        assert_eq!(types(&message), [CloudType::Raw]);
        assert!(
            interleaved(&message.points[0]) == expected[k % 2],
            "message {k} differs"
        );
    }
    client.rest().await;
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!((report.points.delivered, report.clouds.raw), (5, 5));
}

#[tokio::test]
async fn recorded_scans_are_resampled_to_an_exact_size() {
    let Some(folder) = shared_data() else { return };
    for points in [1000, 131_072] {
        let server = start(Options {
            points: Some(points),
            ..replay(folder.join("outdoor_velodyne_0.pcd"), false)
        })
        .await;
        let mut client = Client::connect(server.points_addr()).await;
        assert_eq!(client.points().await.points[0].points.len(), points * 12);
    }
}

fn ascii(values: &[f32]) -> String {
    let header = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nPOINTS 1\nDATA ascii\n";
    let words: Vec<String> = values.iter().map(f32::to_string).collect();
    format!("{header}{}\n", words.join(" "))
}

/// Returns an empty folder of this test in the build folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("sim")
        .join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("removed");
    }
    fs::create_dir_all(&folder).expect("made");
    folder
}

fn scans(purpose: &str, names: &[&str]) -> PathBuf {
    let folder = folder(purpose);
    for (name, number) in names.iter().zip(0u8..) {
        let text = ascii(&[f32::from(number), 2.0, 3.0]);
        fs::write(folder.join(name), text).expect("written");
    }
    folder
}

/// Returns the x of the only point, which is the number of the scan.
fn number(cloud: &PointCloud) -> f32 {
    f32::from_le_bytes(cloud.points[..4].try_into().expect("a point"))
}

#[tokio::test]
async fn folder_is_played_once_in_the_order_of_names() {
    let folder = scans("order", &["b.pcd", "a.PCD", "notes.txt", "c.pcd"]);
    let server = start(replay(&folder, false)).await;
    let mut client = Client::connect(server.points_addr()).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(number(&client.points().await.points[0]));
    }
    assert_eq!(order, [1.0, 0.0, 3.0]);
    assert_eq!(client.rest().await.0.len(), 0);
    let report = within_limit(server.finished()).await.expect("ends well");
    assert_eq!(report.points.delivered, 3);
}

#[tokio::test]
async fn alternating_types_play_every_scan_under_each_type() {
    let folder = scans("alternate", &["a.pcd", "b.pcd"]);
    let server = start(Options {
        types: vec![CloudType::Raw, CloudType::Ground],
        alternate: true,
        ..replay(&folder, false)
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let message = client.points().await;
        seen.push((types(&message)[0], number(&message.points[0])));
    }
    let (raw, ground) = (CloudType::Raw, CloudType::Ground);
    assert_eq!(seen, [(raw, 0.0), (ground, 0.0), (raw, 1.0), (ground, 1.0)]);
}

#[tokio::test]
async fn every_scan_is_played_under_each_sensor() {
    let folder = scans("sensors", &["a.pcd", "b.pcd"]);
    let server = start(Options {
        sensors: 2,
        ..replay(&folder, false)
    })
    .await;
    let mut client = Client::connect(server.points_addr()).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let message = client.points().await;
        let cloud = &message.points[0];
        seen.push((cloud.id.clone(), number(cloud)));
    }
    let [first, second] = ["sim#lidar_1", "sim#lidar_2"].map(bytes::Bytes::from);
    assert_eq!(
        seen,
        [
            (first.clone(), 0.0),
            (second.clone(), 0.0),
            (first, 1.0),
            (second, 1.0)
        ]
    );
}

#[tokio::test]
async fn output_stream_of_a_replay_is_an_empty_scene_in_good_health() {
    let folder = scans("output", &["a.pcd"]);
    let server = start(replay(&folder, true)).await;
    let mut client = Client::connect(server.output_addr()).await;
    let stream = client.output().await.stream.expect("a stream part");
    assert!(stream.has_objects && stream.objects.is_empty());
    assert!(stream.has_zones && stream.zones.is_empty());
    assert!(stream.health.is_some());
}

#[tokio::test]
async fn unusable_scans_are_bad_requests_that_name_the_file() {
    let folder = folder("unusable");
    let refused = async |options: Options| -> SimError {
        let error = Server::start(options).await.expect_err("must be refused");
        assert!(error.is_bad_request(), "{error}");
        error
    };
    let error = refused(replay(&folder, false)).await;
    assert!(
        matches!(error, SimError::Replay(ReplayError::NoScans(_))),
        "{error}"
    );
    let error = refused(replay(folder.join("gone.pcd"), false)).await;
    assert!(error.to_string().contains("gone.pcd"), "{error}");
    fs::write(folder.join("bad.pcd"), "FIELDS x y z\nDATA ascii\n").expect("written");
    let error = refused(replay(&folder, false)).await;
    assert!(error.to_string().contains("bad.pcd"), "{error}");
    let empty = ascii(&[]).replace("POINTS 1", "POINTS 0");
    fs::write(folder.join("bad.pcd"), empty).expect("written");
    let error = refused(Options {
        points: Some(10),
        ..replay(&folder, false)
    })
    .await;
    assert!(error.to_string().contains("no points"), "{error}");
}

#[test]
fn recorded_scans_are_read_whole() {
    let Some(folder) = shared_data() else { return };
    for (name, points) in [
        ("outdoor_velodyne_0.pcd", 69_088),
        ("outdoor_velodyne_1.pcd", 69_792),
    ] {
        let bytes = fs::read(folder.join(name)).expect("readable");
        assert_eq!(pcd::parse(&bytes).expect("valid").len(), points);
    }
}
