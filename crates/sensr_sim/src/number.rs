//! The few lossy conversions of the simulator, each with the reason why nothing is lost.

/// A coordinate, intensity or angle as the wire has it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "float32 is the wire's precision"
)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

/// A count as a float.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, more than the messages of a million years"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// The length of something in memory as a float.
pub(super) fn float_len(length: usize) -> f64 {
    float(length as u64)
}

/// The index of the interval of width 1 that `value` is in; negative values and NaN give 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is wanted here"
)]
pub(super) fn floor_index(value: f64) -> usize {
    value.floor() as usize
}

/// A whole number of nanoseconds; saturates 292 years from zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, which is what is wanted here"
)]
pub(super) fn nanoseconds(secs: f64) -> i64 {
    (secs * 1e9).round() as i64
}

/// Index `i` of `wanted` entries spread evenly over `available` ones: subsampling when there are too
/// many, repetition when there are too few.
pub(super) fn spread(i: usize, wanted: usize, available: usize) -> usize {
    let index = i as u128 * available as u128 / wanted as u128;
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreading_is_even_and_covers_both_ends() {
        let of = |wanted, available| -> Vec<usize> {
            (0..wanted).map(|i| spread(i, wanted, available)).collect()
        };
        assert_eq!(of(3, 6), [0, 2, 4]);
        assert_eq!(of(6, 3), [0, 0, 1, 1, 2, 2]);
        assert_eq!(of(4, 4), [0, 1, 2, 3]);
        assert_eq!(of(0, 4), [0; 0]);
    }

    #[test]
    fn flooring_saturates() {
        assert_eq!(floor_index(3.99), 3);
        assert_eq!(floor_index(-0.5), 0);
        assert_eq!(floor_index(f64::NAN), 0);
    }
}
