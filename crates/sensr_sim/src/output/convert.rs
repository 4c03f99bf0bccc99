use prost_types::Timestamp;

use crate::number::narrow;
use sensr_protocol::wire::proto::{Vector2, Vector3};

pub(super) const SECOND_NS: i64 = 1_000_000_000;

/// Converts nanoseconds since 1970.
pub(super) fn timestamp(ns: i64) -> Timestamp {
    Timestamp {
        seconds: ns.div_euclid(SECOND_NS),
        nanos: i32::try_from(ns.rem_euclid(SECOND_NS)).unwrap_or_default(),
    }
}

pub(super) fn vector([x, y, z]: [f64; 3]) -> Vector3 {
    let [x, y, z] = [x, y, z].map(narrow);
    Vector3 { x, y, z }
}

pub(super) fn corner((x, y): (f64, f64)) -> Vector2 {
    Vector2 {
        x: narrow(x),
        y: narrow(y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_before_1970_are_normalized() {
        let before = timestamp(-1);
        assert_eq!((before.seconds, before.nanos), (-1, 999_999_999));
    }
}
