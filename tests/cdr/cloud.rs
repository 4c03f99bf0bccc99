//! Clouds of the point stream, compared byte for byte.

use bytes::Bytes;
use proptest::prelude::*;
use r2r::WrappedTypesupport as _;
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::{PointCloud2, PointField};
use r2r::std_msgs::msg::Header;
use sensr_bridge::encode::point_cloud::{Cloud, CloudEncoder};
use sensr_bridge::time::stamp::Stamp;

/// x, y, z, intensity.
type Point = [f32; 4];

fn encode_ours(
    encoder: &mut CloudEncoder,
    stamp: Stamp,
    frame_id: &str,
    points: &[Point],
) -> Vec<u8> {
    let bytes_of = |part: fn(&Point) -> &[f32]| -> Bytes {
        points
            .iter()
            .flat_map(part)
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let cloud = Cloud::new(bytes_of(|p| &p[..3]), bytes_of(|p| &p[3..])).expect("fits");
    encoder
        .encode(
            ros_cdr::Header {
                stamp: stamp.into(),
                frame_id,
            },
            &cloud,
        )
        .to_vec()
}

fn serialize_with_r2r(stamp: Stamp, frame_id: &str, points: &[Point]) -> Vec<u8> {
    let field = |name: &str, offset| PointField {
        name: name.to_owned(),
        offset,
        datatype: PointField::FLOAT32 as u8,
        count: 1,
    };
    let width = u32::try_from(points.len()).expect("small");
    let message = PointCloud2 {
        header: Header {
            stamp: Time {
                sec: stamp.sec,
                nanosec: stamp.nanosec,
            },
            frame_id: frame_id.to_owned(),
        },
        height: 1,
        width,
        fields: vec![
            field("x", 0),
            field("y", 4),
            field("z", 8),
            field("intensity", 12),
        ],
        is_bigendian: false,
        point_step: 16,
        row_step: 16 * width,
        data: points
            .iter()
            .flatten()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        is_dense: points.iter().all(|p| p[..3].iter().all(|v| v.is_finite())),
    };
    message.to_serialized_bytes().expect("serializes")
}

/// Serializes with the middleware and zeroes the padding: Fast CDR skips padding bytes, so they hold the former
/// contents of its buffer.
fn serialize_with_clean_padding(stamp: Stamp, frame_id: &str, points: &[Point]) -> Vec<u8> {
    let mut bytes = serialize_with_r2r(stamp, frame_id, points);
    let mut at = 4 + 4 + 4; // encapsulation, stamp
    let mut align = |at: &mut usize| {
        let aligned = at.next_multiple_of(4);
        bytes[*at..aligned].fill(0);
        *at = aligned;
    };
    at += 4 + frame_id.len() + 1;
    align(&mut at);
    at += 4 + 4 + 4; // height, width, number of fields
    for name in ["x", "y", "z", "intensity"] {
        at += 4 + name.len() + 1;
        align(&mut at);
        at += 4 + 1; // offset, datatype
        align(&mut at);
        at += 4; // count
    }
    at += 1; // is_bigendian
    align(&mut at);
    bytes
}

fn points(count: usize) -> Vec<Point> {
    (0..u32::try_from(count).expect("small"))
        .map(|i| {
            let i = f32::from_bits(0x3f80_0000 + i);
            [i, -i / 3.0, i.sqrt(), i / 255.0]
        })
        .collect()
}

const STAMP: Stamp = Stamp {
    sec: 1_795_386_041,
    nanosec: 498_616_787,
};

#[test]
fn equal_for_every_size_and_every_alignment_of_the_frame_id() {
    let mut encoder = CloudEncoder::default();
    for count in [0, 1, 7, 131_072] {
        let points = points(count);
        for frame_id in ["", "a", "ab", "abc", "abcd", "sensr", "velodyne_top"] {
            let ours = encode_ours(&mut encoder, STAMP, frame_id, &points);
            let theirs = serialize_with_clean_padding(STAMP, frame_id, &points);
            // Not assert_eq, which would print two megabytes.
            assert!(
                ours == theirs,
                "{count} points, frame {frame_id:?}: {} and {} bytes, first difference at {:?}",
                ours.len(),
                theirs.len(),
                ours.iter().zip(&theirs).position(|(a, b)| a != b)
            );
        }
    }
}

proptest! {
    #[test]
    fn equal_for_all_values(
        sec: i32,
        nanosec in 0u32..1_000_000_000,
        frame_id in "[a-z0-9_/]{0,30}",
        // Bit patterns, so that all kinds of NaN occur.
        bits in proptest::collection::vec(any::<[u32; 4]>(), 0..100),
    ) {
        let points: Vec<Point> = bits.iter().map(|p| p.map(f32::from_bits)).collect();
        let stamp = Stamp { sec, nanosec };
        prop_assert_eq!(
            encode_ours(&mut CloudEncoder::default(), stamp, &frame_id, &points),
            serialize_with_clean_padding(stamp, &frame_id, &points)
        );
    }
}
