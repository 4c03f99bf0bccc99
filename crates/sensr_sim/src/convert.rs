//! Lossy number conversions and conversions to wire types.

use prost_types::Timestamp;

use sensr_protocol::wire::proto::{Vector2, Vector3};

/// Converts a coordinate, intensity or angle to the precision of the wire.
#[expect(
    clippy::cast_possible_truncation,
    reason = "float32 is the wire's precision"
)]
pub(super) fn to_f32(value: f64) -> f32 {
    value as f32
}

/// Converts a count to a float.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, more than the messages of a million years"
)]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// Converts a length in memory to a float.
pub(super) fn len_to_f64(length: usize) -> f64 {
    to_f64(length as u64)
}

/// Returns the index of the interval of width 1 that contains `value`; 0 for negative values and NaN.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturation of `as` is intended"
)]
pub(super) fn floor_index(value: f64) -> usize {
    value.floor() as usize
}

/// Converts seconds to whole nanoseconds; saturates 292 years from zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturation of `as` is intended"
)]
pub(super) fn secs_to_ns(secs: f64) -> i64 {
    (secs * 1e9).round() as i64
}

/// Returns the index of entry `i` of `wanted` ones spread evenly over `available` ones: subsampling if there are too
/// many, repetition if there are too few.
pub(super) fn spread_index(i: usize, wanted: usize, available: usize) -> usize {
    let index = i as u128 * available as u128 / wanted as u128;
    usize::try_from(index).unwrap_or(usize::MAX)
}

pub(super) const SECOND_NS: i64 = 1_000_000_000;

/// Converts nanoseconds since 1970.
pub(super) fn timestamp(ns: i64) -> Timestamp {
    Timestamp {
        seconds: ns.div_euclid(SECOND_NS),
        nanos: i32::try_from(ns.rem_euclid(SECOND_NS)).unwrap_or_default(),
    }
}

pub(super) fn vector3([x, y, z]: [f64; 3]) -> Vector3 {
    let [x, y, z] = [x, y, z].map(to_f32);
    Vector3 { x, y, z }
}

pub(super) fn vector2((x, y): (f64, f64)) -> Vector2 {
    Vector2 {
        x: to_f32(x),
        y: to_f32(y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_even_and_covers_both_ends() {
        let of = |wanted, available| -> Vec<usize> {
            (0..wanted)
                .map(|i| spread_index(i, wanted, available))
                .collect()
        };
        assert_eq!(of(3, 6), [0, 2, 4]);
        assert_eq!(of(6, 3), [0, 0, 1, 1, 2, 2]);
        assert_eq!(of(4, 4), [0, 1, 2, 3]);
        assert_eq!(of(0, 4), [0; 0]);
    }

    #[test]
    fn floor_index_saturates() {
        assert_eq!(floor_index(3.99), 3);
        assert_eq!(floor_index(-0.5), 0);
        assert_eq!(floor_index(f64::NAN), 0);
    }

    #[test]
    fn timestamps_before_1970_are_normalized() {
        let before = timestamp(-1);
        assert_eq!((before.seconds, before.nanos), (-1, 999_999_999));
    }
}
