//! Synthetic leaks with the noise of real processes, over many seeds.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

const SEEDS: u64 = 100;
const SEEDS_ALL: usize = 100;
const SEEDS_90: usize = 90;

/// Noise of a process on top of its growth.
#[derive(Debug, Clone, Copy)]
enum Noise {
    /// Nothing.
    None,
    /// Independent from sample to sample, with that deviation in MB.
    White(f64),
    /// Deviation in MB and correlation between neighbouring samples.
    Correlated(f64, f64),
    /// Memory is taken in steps of that many MB.
    Steps(f64),
    /// White noise, and a warm-up of that many MB that fades with a time constant in seconds.
    WarmUp(f64, f64, f64),
}

fn normal(random: &mut SmallRng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Course of a process that leaks `mb_per_min`, sampled once a second.
fn course(mb_per_min: f64, seconds: u32, noise: Noise, seed: u64) -> Vec<(f64, f64)> {
    let mut random = SmallRng::seed_from_u64(seed);
    let phase: f64 = random.random();
    let mut state = normal(&mut random);
    let sample = |second: u32| {
        let time = f64::from(second);
        let grown = mb_per_min * time / 60.0;
        let megabytes = match noise {
            Noise::None => grown,
            Noise::White(deviation) => grown + deviation * normal(&mut random),
            Noise::Correlated(deviation, correlation) => {
                let fresh = (1.0 - correlation * correlation).sqrt();
                state = correlation * state + fresh * normal(&mut random);
                grown + deviation * state
            }
            Noise::Steps(step) => step * (grown / step + phase).floor(),
            Noise::WarmUp(deviation, size, constant) => {
                grown + deviation * normal(&mut random) - size * (-time / constant).exp()
            }
        };
        // The kernel counts pages.
        (time, ((100.0 + megabytes) * 1e6 / 4096.0).round() * 4096.0)
    };
    (0..=seconds).map(sample).collect()
}

const NOISES: [Noise; 9] = [
    Noise::None,
    Noise::White(0.1),
    Noise::White(2.0),
    Noise::Correlated(0.1, 0.9),
    Noise::Correlated(1.0, 0.98),
    Noise::Steps(0.132),
    Noise::Steps(1.0),
    Noise::WarmUp(0.1, 20.0, 20.0),
    Noise::WarmUp(0.3, 50.0, 60.0),
];

const LEAKS: [f64; 3] = [0.0, 0.5, 300.0];

/// Number of seeds for which the condition holds for the growth that is measured.
fn hits(mb_per_min: f64, seconds: u32, noise: Noise, condition: impl Fn(&Growth) -> bool) -> usize {
    let measure = |seed| Growth::measure(&course(mb_per_min, seconds, noise, seed));
    (0..SEEDS).filter(|seed| condition(&measure(*seed))).count()
}

fn holds(growth: &Growth, truth: f64) -> bool {
    let low = growth.low_mb_per_min.expect("enough samples");
    let high = growth.high_mb_per_min.expect("enough samples");
    low <= truth && truth <= high
}

#[test]
fn interval_holds_the_true_growth_for_at_least_nine_in_ten_seeds() {
    for noise in NOISES {
        for leak in LEAKS {
            let hits = hits(leak, 600, noise, |growth| holds(growth, leak));
            assert!(hits >= SEEDS_90, "{noise:?}, {leak} MB/min: {hits}");
        }
    }
}

#[test]
fn leaks_are_named_and_never_called_flat() {
    for noise in NOISES {
        for leak in [0.5, 300.0] {
            let flat = hits(leak, 600, noise, |growth| growth.verdict == Verdict::Flat);
            assert_eq!(flat, 0, "{noise:?}, {leak} MB/min");
        }
        let growing = |growth: &Growth| growth.verdict == Verdict::Growing;
        let large = hits(300.0, 600, noise, growing);
        assert_eq!(large, SEEDS_ALL, "{noise:?}, 300 MB/min");
        // Stronger noise hides half a megabyte a minute for ten minutes, and the report says so.
        if !matches!(noise, Noise::White(2.0) | Noise::Correlated(1.0, _)) {
            let small = hits(0.5, 600, noise, growing);
            assert!(small >= SEEDS_90, "{noise:?}, 0.5 MB/min: {small}");
        }
    }
}

#[test]
fn process_without_a_leak_is_flat_and_hardly_ever_growing() {
    for noise in NOISES {
        let growing = hits(0.0, 600, noise, |growth| growth.verdict == Verdict::Growing);
        assert!(growing <= 5, "{noise:?}: {growing}");
        if matches!(
            noise,
            Noise::None | Noise::White(0.1) | Noise::Correlated(0.1, _) | Noise::Steps(_)
        ) {
            let flat = hits(0.0, 600, noise, |growth| growth.verdict == Verdict::Flat);
            assert!(flat >= SEEDS_90, "{noise:?}: {flat}");
        }
    }
}

#[test]
fn slow_leak_is_not_called_flat_because_of_noise() {
    for noise in NOISES {
        // A step of 1 MB in seven minutes may be the end of a warm-up.
        if !matches!(noise, Noise::Steps(1.0)) {
            let flat = hits(0.15, 600, noise, |growth| growth.verdict == Verdict::Flat);
            assert!(flat <= 5, "{noise:?}: {flat}");
        }
    }
}

#[test]
fn short_run_is_never_flat_and_shows_a_large_leak() {
    for noise in [Noise::None, Noise::White(0.1), Noise::Steps(0.132)] {
        for seconds in [5, 20, 45] {
            let flat = hits(0.0, seconds, noise, |growth| {
                growth.verdict == Verdict::Flat
            });
            assert_eq!(flat, 0, "{noise:?}, {seconds} s");
        }
        let growing = hits(300.0, 45, noise, |growth| {
            growth.verdict == Verdict::Growing
        });
        assert_eq!(growing, SEEDS_ALL, "{noise:?}");
    }
    let short = Growth::measure(&course(0.0, 45, Noise::None, 0));
    assert_eq!(
        short.reason,
        "the steady part is 45 s long, and 60 s are needed; watch longer"
    );
}

#[test]
fn warm_up_is_left_out() {
    let growth = Growth::measure(&course(0.0, 600, Noise::WarmUp(0.1, 20.0, 20.0), 1));
    assert!((60.0..300.0).contains(&growth.warm_up_s), "{growth:?}");
    assert!((growth.warm_up_s + growth.steady_s - 600.0).abs() < 1e-9);
    let none = Growth::measure(&course(0.5, 600, Noise::None, 1));
    assert!(none.warm_up_s.abs() < 1e-9);
}

#[test]
fn slow_warm_up_is_not_called_a_leak() {
    // Its time constant is as long as the run.
    let noise = Noise::WarmUp(0.05, 100.0, 300.0);
    let growth = Growth::measure(&course(0.0, 600, noise, 1));
    assert_eq!(growth.verdict, Verdict::NotDetermined);
    assert!(growth.reason.ends_with("watch longer"), "{}", growth.reason);
}

#[test]
fn shrinking_memory_is_neither_flat_nor_growing() {
    let growth = Growth::measure(&course(-2.0, 600, Noise::White(0.1), 1));
    assert_eq!(growth.verdict, Verdict::NotDetermined);
    assert_eq!(growth.reason, "the memory shrinks; watch longer");
}

#[test]
fn course_without_samples_or_time_has_no_growth() {
    for course in [vec![], vec![(1.0, 5.0)], vec![(1.0, 5.0); 100]] {
        let growth = Growth::measure(&course);
        assert_eq!(growth.mb_per_min, None);
        assert_eq!(growth.verdict, Verdict::NotDetermined);
        assert_eq!(
            growth.reason,
            "there are too few samples; watch for some minutes"
        );
    }
}
