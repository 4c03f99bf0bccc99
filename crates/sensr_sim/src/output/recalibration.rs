//! Recalibrations of sensors whose mounting has moved a little.

use super::health::SENSORS;
use crate::convert::{floor_index, to_f32, to_f64};
use crate::convert::{timestamp, vector3};
use sensr_protocol::wire::proto::{OnlineRecalibrationEvent, Quaternion};

/// Seconds from the start to the first recalibration, and between two of them.
const FIRST_SECS: f64 = 5.0;
const EVERY_SECS: f64 = 20.0;

/// Returns the number of recalibrations within `scene_secs`.
pub(super) fn count_until(scene_secs: f64) -> u64 {
    if scene_secs < FIRST_SECS {
        return 0;
    }
    floor_index((scene_secs - FIRST_SECS) / EVERY_SECS) as u64 + 1
}

/// Returns recalibration `index`, from 0: the sensors in turn, each by centimetres and a fraction of a degree.
pub(super) fn recalibration_event(index: u64, now_ns: i64) -> OnlineRecalibrationEvent {
    let sensor = SENSORS.iter().cycle().nth((index % 5) as usize);
    let (sin, cos) = (to_f64(index) * 1.7).sin_cos();
    let turn = vector3([0.002 * sin, 0.001 * cos, 0.003 * cos]);
    let rest = turn.x * turn.x + turn.y * turn.y + turn.z * turn.z;
    OnlineRecalibrationEvent {
        timestamp: Some(timestamp(now_ns)),
        topic: sensor.copied().unwrap_or_default().into(),
        translation: Some(vector3([0.02 * cos, 0.015 * sin, -0.01 * cos])),
        rotation: Some(Quaternion {
            qw: to_f32((1.0 - f64::from(rest)).sqrt()),
            qx: turn.x,
            qy: turn.y,
            qz: turn.z,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_is_after_5_s_and_then_every_20_s() {
        let counts = [0.0, 4.9, 5.0, 24.9, 25.0, 65.1].map(count_until);
        assert_eq!(counts, [0, 0, 1, 1, 2, 4]);
    }

    #[test]
    fn rotations_are_small_unit_quaternions_and_translations_centimetres() {
        for index in 0..50 {
            let event = recalibration_event(index, 0);
            let q = event.rotation.expect("a rotation");
            let norm = q.qw * q.qw + q.qx * q.qx + q.qy * q.qy + q.qz * q.qz;
            assert!((norm - 1.0).abs() < 1e-6 && q.qw > 0.999);
            let t = event.translation.expect("a translation");
            let way = (t.x * t.x + t.y * t.y + t.z * t.z).sqrt();
            assert!((0.001..0.05).contains(&way), "{way}");
            assert!(event.topic.starts_with(b"lidar_"));
        }
    }
}
