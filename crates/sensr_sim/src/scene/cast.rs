use std::f64::consts::FRAC_PI_2;

use rand::Rng;
use rand::rngs::SmallRng;

use super::actor::Actor;
use super::body::{car, cyclist, gate, lorry, pedestrian, worker};
use super::errand::Errand;
use super::path::Path;
use crate::number::{float, float_len};

/// Returns all actors, at the same places for the same seed.
pub(super) fn actors(rng: &mut SmallRng) -> Vec<Actor> {
    let mut actors = Vec::new();
    traffic(rng, &mut actors, 6.0, 1.0, 5, 11.0);
    traffic(rng, &mut actors, 9.7, -1.0, 4, 8.5);
    for heading in [1.0, -1.0] {
        let path = Path::Lane {
            y: 8.0 - heading * 3.5,
            heading,
            offset: rng.random_range(0.0..160.0),
            length: 160.0,
            speed: rng.random_range(4.0..6.0),
            surge: 2.0,
            weave: 0.1,
        };
        actors.push(cyclist(path));
    }
    for (y, heading) in [(14.0, 1.0), (13.4, -1.0), (2.6, 1.0), (1.8, -1.0)] {
        let path = Path::Lane {
            y,
            heading,
            offset: rng.random_range(0.0..120.0),
            length: 120.0,
            speed: rng.random_range(1.0..1.7),
            surge: 0.5,
            weave: 0.15,
        };
        actors.push(pedestrian(rng, path));
    }
    for place in 0..4 {
        let radii = (rng.random_range(3.0..5.0), rng.random_range(1.0..3.0));
        let turn = if rng.random() { 1.0 } else { -1.0 };
        let path = Path::Round {
            centre: (-20.0 + 11.0 * f64::from(place), -13.0),
            radii,
            phase: rng.random_range(0.0..6.0),
            omega: turn * 1.3 / radii.0,
        };
        actors.push(pedestrian(rng, path));
    }
    actors.push(gate(Path::Still {
        at: (22.7, -5.5),
        yaw: FRAC_PI_2,
    }));
    // Walks through the gate to the kiosk and back after a while.
    actors.push(worker(Path::Errand(Errand {
        from: (24.0, -2.6),
        to: (24.0, -12.5),
        walk_secs: 8.0,
        stay_secs: 14.0,
        rest_secs: 4.0,
        delay_secs: 1.0,
    })));
    actors
}

/// Adds a lane of vehicles that keep their distance from each other.
fn traffic(
    rng: &mut SmallRng,
    actors: &mut Vec<Actor>,
    y: f64,
    heading: f64,
    vehicles: usize,
    speed: f64,
) {
    const LENGTH: f64 = 280.0;
    let gap = LENGTH / float_len(vehicles);
    let begin = rng.random_range(0.0..gap);
    for index in 0..vehicles {
        let path = Path::Lane {
            y,
            heading,
            offset: begin + gap * float(index as u64) + rng.random_range(0.0..gap / 3.0),
            length: LENGTH,
            speed,
            surge: 5.0,
            weave: 0.0,
        };
        let is_lorry = heading < 0.0 && index == 1;
        actors.push(if is_lorry {
            lorry(path)
        } else {
            car(rng, path)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use sensr_protocol::wire::proto::LabelType;

    #[test]
    fn every_part_is_inside_the_box() {
        for actor in actors(&mut SmallRng::seed_from_u64(3)) {
            let [length, width, height] = actor.size;
            for (shape, _) in &actor.parts {
                let bounds = shape.bounds();
                assert!(bounds.radius <= length.hypot(width) / 2.0 + 1e-9);
                assert!(bounds.bottom >= 0.0 && bounds.top <= height + 1e-9);
            }
        }
    }

    #[test]
    fn vehicles_on_the_road_never_touch() {
        let actors = actors(&mut SmallRng::seed_from_u64(3));
        let on_foot = [LabelType::LabelPedestrian, LabelType::LabelGate];
        let on_road = |actor: &&Actor| !on_foot.contains(&actor.label);
        for step in 0..600 {
            let t = f64::from(step) * 0.5;
            let there = actors.iter().filter(on_road).map(|a| (a.motion(t), a.size));
            let there: Vec<_> = there.collect();
            for (i, (a, a_size)) in there.iter().enumerate() {
                for (b, b_size) in &there[..i] {
                    let apart = (a.x - b.x).abs() > f64::midpoint(a_size[0], b_size[0])
                        || (a.y - b.y).abs() > f64::midpoint(a_size[1], b_size[1]);
                    assert!(apart, "{a:?} {b:?} at {t}");
                }
            }
        }
    }
}
