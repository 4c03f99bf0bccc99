use std::f64::consts::PI;

use super::motion::Motion;

/// Seconds of acceleration at the start and of braking at the end of a walk.
const START_SECS: f64 = 1.0;

/// Seconds of the turn at the end of every stop.
const TURN_SECS: f64 = 1.5;

/// Straight line walked there and back endlessly, with a stop at each end, in closed form.
#[derive(Debug, Clone)]
pub(super) struct Errand {
    pub from: (f64, f64),
    pub to: (f64, f64),
    /// Seconds from one end to the other, more than a second.
    pub walk_secs: f64,
    /// Seconds at `to`, at least those of a turn.
    pub stay_secs: f64,
    /// Seconds at `from`, at least those of a turn.
    pub rest_secs: f64,
    /// Seconds at `from` before the first walk.
    pub delay_secs: f64,
}

/// Phase of a round trip.
enum Phase {
    Walk { since_secs: f64 },
    Stop { left_secs: f64 },
}

impl Errand {
    pub(super) fn at(&self, t: f64) -> Motion {
        let half = self.walk_secs + self.stay_secs;
        let since = (t - self.delay_secs).rem_euclid(half + self.walk_secs + self.rest_secs);
        let (is_return, since, stop) = if since < half {
            (false, since, self.stay_secs)
        } else {
            (true, since - half, self.rest_secs)
        };
        let phase = if since < self.walk_secs {
            Phase::Walk { since_secs: since }
        } else {
            let left_secs = self.walk_secs + stop - since;
            Phase::Stop { left_secs }
        };
        let (from, to) = if is_return {
            (self.to, self.from)
        } else {
            (self.from, self.to)
        };
        self.part(from, to, &phase)
    }

    fn part(&self, from: (f64, f64), to: (f64, f64), phase: &Phase) -> Motion {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let distance = dx.hypot(dy);
        let (way, speed, turned, yaw_rate) = match *phase {
            Phase::Walk { since_secs } => {
                let (way, speed) = walked(since_secs, self.walk_secs, distance);
                (way, speed, 0.0, 0.0)
            }
            Phase::Stop { left_secs } => {
                let (turned, yaw_rate) = turned(left_secs);
                (distance, 0.0, turned, yaw_rate)
            }
        };
        let (ux, uy) = (dx / distance, dy / distance);
        let (sin, cos) = (uy.atan2(ux) + turned).sin_cos();
        Motion {
            x: from.0 + ux * way,
            y: from.1 + uy * way,
            yaw: sin.atan2(cos),
            velocity: (ux * speed, uy * speed),
            yaw_rate,
            lap: 0,
        }
    }
}

/// Returns distance and speed `since` seconds after the start of a walk with even acceleration and braking.
fn walked(since: f64, walk_secs: f64, distance: f64) -> (f64, f64) {
    let top_speed = distance / (walk_secs - START_SECS);
    let ramp = top_speed / START_SECS;
    let left = walk_secs - since;
    if since < START_SECS {
        (ramp * since * since / 2.0, ramp * since)
    } else if left < START_SECS {
        (distance - ramp * left * left / 2.0, ramp * left)
    } else {
        (top_speed * (since - START_SECS / 2.0), top_speed)
    }
}

/// Returns angle and rate of the turn that ends a stop, `left_secs` before the end of the stop.
fn turned(left_secs: f64) -> (f64, f64) {
    if left_secs > TURN_SECS {
        return (0.0, 0.0);
    }
    let (sin, cos) = (PI * left_secs / TURN_SECS).sin_cos();
    (PI * (1.0 + cos) / 2.0, PI * PI / (2.0 * TURN_SECS) * sin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn errand() -> Errand {
        Errand {
            from: (24.0, -2.0),
            to: (20.0, -12.0),
            walk_secs: 8.0,
            stay_secs: 14.0,
            rest_secs: 4.0,
            delay_secs: 1.0,
        }
    }

    #[test]
    fn velocity_and_yaw_rate_are_the_derivatives_of_the_motion() {
        const DT: f64 = 1e-5;
        for step in 0..2000 {
            let t = 0.000_3 + f64::from(step) * 0.037;
            let (a, b) = (errand().at(t), errand().at(t + DT));
            let near = |x: f64, y: f64| (x - y).abs() < 1e-3;
            assert!(near((b.x - a.x) / DT, a.velocity.0), "{t}");
            assert!(near((b.y - a.y) / DT, a.velocity.1), "{t}");
            let turned = (b.yaw - a.yaw + PI).rem_euclid(TAU) - PI;
            assert!(near(turned / DT, a.yaw_rate), "{t}");
        }
    }

    #[test]
    fn stops_at_both_ends_and_faces_the_direction_of_walking() {
        let at = |t| errand().at(t);
        let is_at = |t, (x, y): (f64, f64)| (at(t).x - x).hypot(at(t).y - y) < 1e-9;
        assert!(is_at(0.5, (24.0, -2.0)) && is_at(9.0, (20.0, -12.0)));
        assert!(is_at(22.9, (20.0, -12.0)) && is_at(31.0, (24.0, -2.0)));
        for t in [5.0, 26.0, 39.0] {
            let motion = at(t);
            let heading = motion.velocity.1.atan2(motion.velocity.0);
            assert!((motion.yaw - heading).abs() < 1e-9, "{motion:?}");
            assert!(motion.velocity.0.hypot(motion.velocity.1) > 1.0);
        }
    }
}
