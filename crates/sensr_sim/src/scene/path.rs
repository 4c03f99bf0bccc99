//! Paths of the actors: smooth, endless and in closed form, so that any instant can be computed.

use std::f64::consts::TAU;

use super::errand::Errand;
use super::motion::Motion;
use crate::number::{float, floor_index};

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
    Round {
        centre: (f64, f64),
        radii: (f64, f64),
        /// Radians at time 0.
        phase: f64,
        /// Radians per second.
        omega: f64,
    },
    /// There and back, with stops.
    Errand(Errand),
    /// At a fixed place.
    Still {
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
    pub(super) fn at(&self, t: f64) -> Motion {
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
                let along = way - float(lap) * length;
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
            Self::Round {
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
            Self::Errand(ref errand) => errand.at(t),
            Self::Still { at, yaw } => Motion {
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
        let round = Path::Round {
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
                let (a, b) = (path.at(t), path.at(t + DT));
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
            let motion = path.at(12.3);
            let heading = motion.velocity.1.atan2(motion.velocity.0);
            assert!((motion.yaw - heading).abs() < 1e-9, "{motion:?}");
        }
    }

    #[test]
    fn lane_stays_between_its_ends_for_weeks() {
        for path in &paths()[..2] {
            for t in [0.0, 100.0, 3e6, 3e6 + 0.1] {
                let motion = path.at(t);
                assert!(motion.x.abs() <= 100.0, "{motion:?}");
            }
            assert!(path.at(3e6).lap > 100_000);
        }
    }
}
