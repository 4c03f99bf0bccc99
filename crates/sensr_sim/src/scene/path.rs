//! Paths of the actors: smooth, endless and in closed form, so that any instant can be computed.

use std::f64::consts::{PI, TAU};

use crate::convert::{floor_index, to_f64};

/// Position and motion at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    pub x: f64,
    pub y: f64,
    /// Radians about +z, from +x.
    pub yaw: f64,
    /// m/s.
    pub velocity: (f64, f64),
    /// rad/s.
    pub yaw_rate: f64,
    /// Number of completed laps.
    pub lap: u64,
}

/// Path through the scene.
#[derive(Debug, Clone)]
pub(super) enum Path {
    /// Along x with varying speed, weaving sideways. At the end it restarts as another object.
    Lane {
        /// y of the middle of the lane, metres.
        y: f64,
        /// Direction: +1 towards +x, -1 towards -x.
        heading: f64,
        /// Distance from the beginning at time 0, metres.
        offset: f64,
        /// Length, metres; the sensor is beside the middle.
        length: f64,
        /// Mean speed, m/s.
        speed: f64,
        /// Amplitude by which it runs ahead of the mean and falls behind, metres.
        surge: f64,
        /// Sideways amplitude, metres.
        weave: f64,
    },
    /// Around an ellipse.
    Ellipse {
        centre: (f64, f64),
        radii: (f64, f64),
        /// Radians at time 0.
        phase: f64,
        /// Radians per second.
        omega: f64,
    },
    /// There and back, with stops.
    RoundTrip(RoundTrip),
    /// At a fixed place.
    Fixed {
        at: (f64, f64),
        /// Radians about +z.
        yaw: f64,
    },
}

/// Angular frequency of the variation of a lane's speed, rad/s.
const SURGE_OMEGA: f64 = 0.31;

/// Metres of one period of weaving.
const WEAVE_LENGTH: f64 = 40.0;

impl Path {
    /// Returns the motion at `t` seconds, `t >= 0`.
    pub(super) fn motion_at(&self, t: f64) -> Motion {
        match *self {
            Self::Lane {
                y,
                heading,
                offset,
                length,
                speed,
                surge,
                weave,
            } => {
                let (sin, cos) = (SURGE_OMEGA * t).sin_cos();
                let way = offset + speed * t + surge * sin;
                let speed = speed + surge * SURGE_OMEGA * cos;
                let lap = floor_index(way / length) as u64;
                let along = way - to_f64(lap) * length;
                let x = heading * (along - length / 2.0);
                let vx = heading * speed;

                let k = TAU / WEAVE_LENGTH;
                let (sin, cos) = (k * x).sin_cos();
                let slope = weave * k * cos;
                let curvature = -weave * k * k * sin;
                Motion {
                    x,
                    y: y + weave * sin,
                    yaw: (slope * vx).atan2(vx),
                    velocity: (vx, slope * vx),
                    yaw_rate: curvature * vx / (1.0 + slope * slope),
                    lap,
                }
            }
            Self::Ellipse {
                centre,
                radii: (a, b),
                phase,
                omega,
            } => {
                let (sin, cos) = (phase + omega * t).rem_euclid(TAU).sin_cos();
                let (vx, vy) = (-a * omega * sin, b * omega * cos);
                Motion {
                    x: centre.0 + a * cos,
                    y: centre.1 + b * sin,
                    yaw: vy.atan2(vx),
                    velocity: (vx, vy),
                    yaw_rate: a * b * omega.powi(3) / (vx * vx + vy * vy),
                    lap: 0,
                }
            }
            Self::RoundTrip(ref round_trip) => round_trip.motion_at(t),
            Self::Fixed { at, yaw } => Motion {
                x: at.0,
                y: at.1,
                yaw,
                velocity: (0.0, 0.0),
                yaw_rate: 0.0,
                lap: 0,
            },
        }
    }
}

/// Seconds of acceleration at the start and of braking at the end of a walk.
const START_SECS: f64 = 1.0;

/// Seconds of the turn at the end of every stop.
const TURN_SECS: f64 = 1.5;

/// Straight line walked there and back endlessly, with a stop at each end, in closed form.
#[derive(Debug, Clone)]
pub(super) struct RoundTrip {
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

impl RoundTrip {
    pub(super) fn motion_at(&self, t: f64) -> Motion {
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
        self.motion_in(from, to, &phase)
    }

    fn motion_in(&self, from: (f64, f64), to: (f64, f64), phase: &Phase) -> Motion {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let distance = dx.hypot(dy);
        let (way, speed, turned, yaw_rate) = match *phase {
            Phase::Walk { since_secs } => {
                let (way, speed) = walk_progress(since_secs, self.walk_secs, distance);
                (way, speed, 0.0, 0.0)
            }
            Phase::Stop { left_secs } => {
                let (turned, yaw_rate) = turn_progress(left_secs);
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
fn walk_progress(since: f64, walk_secs: f64, distance: f64) -> (f64, f64) {
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
fn turn_progress(left_secs: f64) -> (f64, f64) {
    if left_secs > TURN_SECS {
        return (0.0, 0.0);
    }
    let (sin, cos) = (PI * left_secs / TURN_SECS).sin_cos();
    (PI * (1.0 + cos) / 2.0, PI * PI / (2.0 * TURN_SECS) * sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> [Path; 3] {
        let lane = |heading| Path::Lane {
            y: 6.0,
            heading,
            offset: 3.0,
            length: 200.0,
            speed: 9.0,
            surge: 5.0,
            weave: 0.4,
        };
        let round = Path::Ellipse {
            centre: (3.0, -12.0),
            radii: (5.0, 2.0),
            phase: 1.0,
            omega: -0.3,
        };
        [lane(1.0), lane(-1.0), round]
    }

    #[test]
    fn velocity_and_yaw_rate_are_the_derivatives_of_the_motion() {
        const DT: f64 = 1e-5;
        for path in paths() {
            for step in 0..200 {
                let t = f64::from(step) * 0.37;
                let (a, b) = (path.motion_at(t), path.motion_at(t + DT));
                if a.lap != b.lap {
                    continue;
                }
                let near = |x: f64, y: f64| (x - y).abs() < 1e-3;
                assert!(near((b.x - a.x) / DT, a.velocity.0), "{path:?} {t}");
                assert!(near((b.y - a.y) / DT, a.velocity.1), "{path:?} {t}");
                let turned = (b.yaw - a.yaw + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
                assert!(near(turned / DT, a.yaw_rate), "{path:?} {t}");
            }
        }
    }

    #[test]
    fn yaw_is_the_direction_of_motion() {
        for path in paths() {
            let motion = path.motion_at(12.3);
            let heading = motion.velocity.1.atan2(motion.velocity.0);
            assert!((motion.yaw - heading).abs() < 1e-9, "{motion:?}");
        }
    }

    #[test]
    fn lane_stays_between_its_ends_for_weeks() {
        for path in &paths()[..2] {
            for t in [0.0, 100.0, 3e6, 3e6 + 0.1] {
                let motion = path.motion_at(t);
                assert!(motion.x.abs() <= 100.0, "{motion:?}");
            }
            assert!(path.motion_at(3e6).lap > 100_000);
        }
    }

    fn round_trip() -> RoundTrip {
        RoundTrip {
            from: (24.0, -2.0),
            to: (20.0, -12.0),
            walk_secs: 8.0,
            stay_secs: 14.0,
            rest_secs: 4.0,
            delay_secs: 1.0,
        }
    }

    #[test]
    fn velocity_and_yaw_rate_of_a_round_trip_are_the_derivatives() {
        const DT: f64 = 1e-5;
        for step in 0..2000 {
            let t = 0.000_3 + f64::from(step) * 0.037;
            let (a, b) = (round_trip().motion_at(t), round_trip().motion_at(t + DT));
            let near = |x: f64, y: f64| (x - y).abs() < 1e-3;
            assert!(near((b.x - a.x) / DT, a.velocity.0), "{t}");
            assert!(near((b.y - a.y) / DT, a.velocity.1), "{t}");
            let turned = (b.yaw - a.yaw + PI).rem_euclid(TAU) - PI;
            assert!(near(turned / DT, a.yaw_rate), "{t}");
        }
    }

    #[test]
    fn stops_at_both_ends_and_faces_the_direction_of_walking() {
        let at = |t| round_trip().motion_at(t);
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
