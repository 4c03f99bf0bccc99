use super::*;
use std::collections::BTreeSet;

const POINTS: usize = 16_000;

fn floats(bytes: &[u8]) -> Vec<f32> {
    let chunks = bytes.chunks_exact(4);
    chunks
        .map(|b| f32::from_le_bytes(b.try_into().expect("4")))
        .collect()
}

/// Returns points with intensity as bits, for exact comparison and sorting.
fn points(points: &[u8], intensities: &[u8]) -> Vec<[u32; 4]> {
    let positions = floats(points);
    let with = positions.chunks_exact(3).zip(floats(intensities));
    with.map(|(p, i)| [p[0], p[1], p[2], i].map(f32::to_bits))
        .collect()
}

fn cloud_points(scene: &Scene, sweep: &Sweep, kind: CloudType) -> Vec<[u32; 4]> {
    let cloud = scene.cloud(sweep, kind);
    assert_eq!(cloud.points.len(), cloud.intensities.len() * 3);
    points(&cloud.points, &cloud.intensities)
}

#[test]
fn same_seed_gives_the_same_bytes_and_another_seed_others() {
    let bytes = |seed, t| {
        let scene = Scene::street(seed, POINTS);
        let sweep = scene.sweep(t);
        (
            scene.cloud(&sweep, CloudType::Raw),
            scene.cloud(&sweep, CloudType::Ground),
            scene.tracks(&sweep),
        )
    };
    assert_eq!(bytes(1, 3.7), bytes(1, 3.7));
    assert_ne!(bytes(1, 3.7).0, bytes(2, 3.7).0);
    assert_ne!(bytes(1, 3.7).0, bytes(1, 3.8).0);
}

#[test]
fn raw_cloud_is_ground_background_and_objects() {
    let scene = Scene::street(1, POINTS);
    for t in [0.0, 5.3, 1000.1] {
        let sweep = scene.sweep(t);
        let raw = cloud_points(&scene, &sweep, CloudType::Raw);
        assert_eq!(raw.len(), POINTS);
        let mut parts = cloud_points(&scene, &sweep, CloudType::Ground);
        assert!(parts.len() > POINTS / 4, "{} ground", parts.len());
        let background = cloud_points(&scene, &sweep, CloudType::Background);
        assert!(background.len() > POINTS / 10, "{}", background.len());
        parts.extend(background);
        for track in scene.tracks(&sweep) {
            parts.extend(points(&track.points, &track.intensities));
        }
        assert_eq!(parts.len(), POINTS, "at {t}");
        let sorted = |list: Vec<[u32; 4]>| list.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(parts), sorted(raw), "at {t}");
    }
}

#[test]
fn object_points_are_inside_their_boxes() {
    let scene = Scene::street(4, 60_000);
    let mut seen = BTreeSet::new();
    for step in 0..20 {
        let sweep = scene.sweep(f64::from(step) * 1.7);
        for track in scene.tracks(&sweep) {
            if !track.points.is_empty() {
                seen.insert(track.label as i32);
            }
            let (sin, cos) = track.yaw.sin_cos();
            for point in floats(&track.points).chunks_exact(3) {
                let [x, y, z] = [0, 1, 2].map(|i| f64::from(point[i]) - track.bottom_centre[i]);
                let forward = (x * cos + y * sin).abs() - track.size[0] / 2.0;
                let left = (y * cos - x * sin).abs() - track.size[1] / 2.0;
                let above = z - track.size[2];
                assert!(forward.max(left).max(above).max(-z) < 0.05, "{track:?}");
            }
        }
    }
    assert_eq!(
        seen.len(),
        4,
        "cars, pedestrians, cyclists and a gate: {seen:?}"
    );
}

#[test]
fn objects_move_continuously_and_keep_their_ids() {
    let scene = Scene::street(1, 0);
    let mut before = scene.tracks(&scene.sweep(0.0));
    for step in 1..600 {
        let now = scene.tracks(&scene.sweep(f64::from(step) * 0.1));
        for (old, new) in before.iter().zip(&now).filter(|(a, b)| a.key == b.key) {
            let moved = (new.bottom_centre[0] - old.bottom_centre[0])
                .hypot(new.bottom_centre[1] - old.bottom_centre[1]);
            let speed = new.velocity[0].hypot(new.velocity[1]);
            assert!((moved / 0.1 - speed).abs() < 0.3, "{old:?} {new:?}");
        }
        before = now;
    }
}

#[test]
fn past_and_future_agree_with_the_motion() {
    let scene = Scene::street(1, 0);
    let at = |tenths: i32| scene.tracks(&scene.sweep(f64::from(tenths) * STEP_SECS));
    let apart = |a: [f64; 3], b: [f64; 3]| (a[0] - b[0]).hypot(a[1] - b[1]);
    for tenths in [0, 7, 30, 555] {
        for (index, track) in at(tenths).iter().enumerate() {
            assert!((1..=31).contains(&track.past.len()) && track.future.len() <= 20);
            assert_eq!(track.past.last(), Some(&track.bottom_centre));
            let past = track.past.iter().rev().zip(0..);
            let future = track.future.iter().zip(1..);
            let past = past.map(|(position, back)| (position, -back));
            for (position, steps) in past.chain(future) {
                let then = &at(tenths + steps)[index];
                assert_eq!(then.key, track.key);
                assert!(apart(*position, then.bottom_centre) < 1e-6);
            }
        }
    }
}

#[test]
fn key_changes_with_the_lap() {
    let scene = Scene::street(1, 0);
    let keys = |tenths| -> Vec<u64> {
        let tracks = scene.tracks(&scene.sweep(f64::from(tenths) * STEP_SECS));
        tracks.iter().map(|track| track.key).collect()
    };
    let all: BTreeSet<u64> = (0..600).flat_map(keys).collect();
    assert!(all.len() > keys(0).len() + 9, "{} in a minute", all.len());
}

#[test]
fn parked_cars_have_background_points() {
    let scene = Scene::street(1, 60_000);
    let cloud = scene.cloud(&scene.sweep(0.0), CloudType::Background);
    let cars = scene.parked();
    assert!(!cars.is_empty() && cars.iter().all(|car| car.is_static));
    for car in cars {
        let positions = floats(&cloud.points);
        let near = positions.chunks_exact(3).filter(|point| {
            let [x, y] = [0, 1].map(|i| f64::from(point[i]) - car.bottom_centre[i]);
            x.hypot(y) < car.size[0] / 2.0
        });
        assert!(near.count() > 5, "{car:?}");
    }
}

#[test]
fn smallest_sizes_are_exact() {
    for size in [0, 1, 7] {
        let scene = Scene::street(1, size);
        let raw = scene.cloud(&scene.sweep(1.0), CloudType::Raw);
        assert_eq!(raw.points.len(), size * 12);
        assert_eq!(raw.intensities.len(), size * 4);
    }
}
