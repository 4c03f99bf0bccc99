//! Interleaving of coordinates and intensities: the loop that processes every point.

use sensr_protocol::wire::{INTENSITY_BYTES, POINT_BYTES};

use super::POINT_STEP;

/// The exponent bits of a float32.
const EXPONENT: u32 = 0x7f80_0000;
/// The lowest exponent bit. Added to an all-ones exponent (infinity or NaN) it overflows into the sign bit.
const EXPONENT_UNIT: u32 = 0x0080_0000;
const SIGN: u32 = 0x8000_0000;

/// Points per iteration. Four points are three vectors of coordinates and one of intensities in, four vectors out,
/// which the compiler vectorizes. On clouds larger than the caches this is as fast as a plain copy, see
/// `benches/cloud.rs`.
const GROUP: usize = 4;

/// Writes x y z (12 bytes a point) and intensity (4 bytes a point, 0 without intensities) interleaved into `out` (16
/// bytes a point), bit for bit. Returns whether every coordinate is finite.
///
/// # Panics
///
/// If the lengths are inconsistent; those of a [`Cloud`](super::Cloud) are not.
#[must_use]
pub fn interleave(points: &[u8], intensities: Option<&[u8]>, out: &mut [u8]) -> bool {
    let count = points.len() / POINT_BYTES;
    assert!(points.len() == count * POINT_BYTES && out.len() == count * POINT_STEP);
    let Some(intensities) = intensities else {
        let zeros = std::iter::repeat([0; GROUP]);
        return merge_points(points, zeros, std::iter::repeat([0; 1]), out);
    };
    assert!(intensities.len() == count * INTENSITY_BYTES);
    let (groups, rest) = intensities.as_chunks::<{ GROUP * INTENSITY_BYTES }>();
    let (rest, _) = rest.as_chunks::<INTENSITY_BYTES>();
    let groups = groups.iter().map(|group| read_words(group));
    merge_points(
        points,
        groups,
        rest.iter().map(|last| read_words(last)),
        out,
    )
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "one copy of the loop for each kind of intensities, without a branch in it"
)]
fn merge_points(
    points: &[u8],
    intensities: impl Iterator<Item = [u32; GROUP]>,
    last_intensities: impl Iterator<Item = [u32; 1]>,
    out: &mut [u8],
) -> bool {
    let (points, last_points) = points.as_chunks::<{ GROUP * POINT_BYTES }>();
    let (out, last_out) = out.as_chunks_mut::<{ GROUP * POINT_STEP }>();
    let mut overflows = [0; 3 * GROUP];
    for ((point, intensity), out) in points.iter().zip(intensities).zip(out) {
        let p: [u32; 3 * GROUP] = read_words(point);
        let i = intensity;
        record_overflows(&mut overflows, &p);
        let merged = [
            p[0], p[1], p[2], i[0], //
            p[3], p[4], p[5], i[1], //
            p[6], p[7], p[8], i[2], //
            p[9], p[10], p[11], i[3],
        ];
        write_words(merged, out);
    }
    // The last points, at most three.
    let (last_points, _) = last_points.as_chunks::<POINT_BYTES>();
    let (last_out, _) = last_out.as_chunks_mut::<POINT_STEP>();
    for ((point, intensity), out) in last_points.iter().zip(last_intensities).zip(last_out) {
        let p: [u32; 3] = read_words(point);
        record_overflows(&mut overflows, &p);
        write_words([p[0], p[1], p[2], intensity[0]], out);
    }
    overflows.iter().fold(0, |all, overflow| all | overflow) & SIGN == 0
}

/// Sets the sign bit of one of `overflows` if one of `words`, as floats, is not finite.
#[inline]
fn record_overflows(overflows: &mut [u32], words: &[u32]) {
    for (overflow, word) in overflows.iter_mut().zip(words) {
        *overflow |= (word & EXPONENT).wrapping_add(EXPONENT_UNIT);
    }
}

#[inline]
fn read_words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let (chunks, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|i| u32::from_le_bytes(chunks[i]))
}

#[inline]
fn write_words<const N: usize>(words: [u32; N], bytes: &mut [u8]) {
    let (chunks, _) = bytes.as_chunks_mut::<4>();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn run_interleave(points: &[f32], intensities: Option<&[f32]>) -> (Vec<u32>, bool) {
        let mut out = vec![0xaa; points.len() / 3 * POINT_STEP];
        let intensities = intensities.map(bytes_of);
        let dense = interleave(&bytes_of(points), intensities.as_deref(), &mut out);
        let words = out
            .as_chunks::<4>()
            .0
            .iter()
            .map(|c| u32::from_le_bytes(*c))
            .collect();
        (words, dense)
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    #[test]
    fn order_is_x_y_z_intensity() {
        let (words, dense) = run_interleave(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], Some(&[0.5, 0.25]));
        assert_eq!(words, bits(&[1.0, 2.0, 3.0, 0.5, 4.0, 5.0, 6.0, 0.25]));
        assert!(dense);
    }

    #[test]
    fn missing_intensities_are_zero() {
        let (words, _) = run_interleave(&[1.0, 2.0, 3.0], None);
        assert_eq!(words, bits(&[1.0, 2.0, 3.0, 0.0]));
    }

    #[test]
    fn non_finite_coordinate_makes_the_cloud_not_dense() {
        for odd in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in 0..9 {
                let mut points = [
                    f32::MAX,
                    f32::MIN,
                    -0.0,
                    f32::MIN_POSITIVE,
                    1.0e-45,
                    1.0,
                    0.0,
                    2.0,
                    3.0,
                ];
                assert!(run_interleave(&points, None).1);
                points[at] = odd;
                assert!(!run_interleave(&points, None).1, "{odd} at {at}");
            }
        }
    }

    #[test]
    fn non_finite_intensity_is_kept_and_the_cloud_stays_dense() {
        let (words, dense) = run_interleave(&[1.0, 2.0, 3.0], Some(&[f32::NAN]));
        assert_eq!(words[3], f32::NAN.to_bits());
        assert!(dense);
    }

    #[test]
    #[should_panic(expected = "assertion")]
    fn inconsistent_lengths_panic() {
        let _ = interleave(&[0; 24], Some(&[0; 4]), &mut [0; 32]);
    }

    proptest! {
        /// Compares with a plain implementation, over all bit patterns of a float.
        #[test]
        fn equals_a_plain_copy_bit_for_bit(values in proptest::collection::vec(any::<[u32; 4]>(), 0..200)) {
            let points: Vec<u8> = values.iter().flat_map(|v| &v[..3]).flat_map(|w| w.to_le_bytes()).collect();
            let intensities: Vec<u8> = values.iter().flat_map(|v| v[3].to_le_bytes()).collect();
            let expected: Vec<u8> = values.iter().flatten().flat_map(|w| w.to_le_bytes()).collect();
            let finite = values.iter().flat_map(|v| &v[..3]).all(|w| f32::from_bits(*w).is_finite());
            let mut out = vec![0; expected.len()];
            prop_assert_eq!(interleave(&points, Some(&intensities), &mut out), finite);
            prop_assert_eq!(out, expected);
        }
    }
}
