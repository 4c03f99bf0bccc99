//! Benchmark of decoding and encoding a cloud, compared with a plain copy of the same bytes in the same run.
//!
//! `cargo bench --no-default-features --bench cloud`. Criterion prints bytes of the serialized cloud per
//! second for each; the last lines give the ratio of conversion speed to copy speed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use prost::Message as _;
use ros_cdr::Header;
use sensr_bridge::encode::point_cloud::{Cloud, CloudEncoder, POINT_STEP};
use sensr_bridge::time::stamp::Stamp;
use sensr_protocol::points::decode_points;
use sensr_protocol::wire::{CloudType, PointCloud, proto};

const SIZES: [usize; 3] = [10_000, 131_072, 500_000];

fn header() -> Header<'static> {
    Header {
        stamp: Stamp::now().into(),
        frame_id: "sensr",
    }
}

/// Builds a frame of the point stream with one cloud of `points` points.
fn encode_frame(points: usize) -> Bytes {
    let values = |count: usize| -> Bytes {
        (0..u32::try_from(count).expect("small"))
            // Any finite floats.
            .flat_map(|i| f32::from_bits(i).to_le_bytes())
            .collect()
    };
    let result = proto::PointResult {
        points: vec![PointCloud {
            r#type: CloudType::Raw.into(),
            id: Bytes::new(),
            points: values(points * 3),
            intensities: values(points),
        }],
        uid: Bytes::new(),
    };
    result.encode_to_vec().into()
}

fn decode_cloud(frame: &Bytes) -> Cloud {
    let mut result = decode_points(frame.clone()).expect("valid");
    let cloud = result.clouds.remove(0);
    Cloud::new(cloud.points, cloud.intensities).expect("fits")
}

fn measure_stages(criterion: &mut Criterion) {
    for points in SIZES {
        let frame = encode_frame(points);
        let cloud = decode_cloud(&frame);
        let bytes = points * POINT_STEP;
        let mut group = criterion.benchmark_group("cloud");
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("decode", points), |bencher| {
            bencher.iter(|| decode_cloud(black_box(&frame)));
        });
        let mut encoder = CloudEncoder::default();
        group.bench_function(BenchmarkId::new("convert", points), |bencher| {
            bencher.iter(|| black_box(encoder.encode(header(), black_box(&cloud))).len());
        });
        let source = vec![1u8; bytes];
        let mut target = vec![0u8; bytes];
        group.bench_function(BenchmarkId::new("memcpy", points), |bencher| {
            bencher.iter(|| black_box(&mut target).copy_from_slice(black_box(&source)));
        });
        group.finish();
    }
}

/// Prints conversion speed over copy speed, measured alternately so that a changing clock rate affects both.
fn print_ratios() {
    const ROUNDS: usize = 300;
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    for points in SIZES {
        let cloud = decode_cloud(&encode_frame(points));
        let mut encoder = CloudEncoder::default();
        let source = vec![1u8; points * POINT_STEP];
        let mut target = vec![0u8; points * POINT_STEP];
        let (mut converting, mut copying) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            black_box(encoder.encode(header(), black_box(&cloud)));
            converting.push(start.elapsed());
            let start = Instant::now();
            black_box(&mut target).copy_from_slice(black_box(&source));
            copying.push(start.elapsed());
        }
        let (converting, copying) = (median(&mut converting), median(&mut copying));
        #[expect(clippy::print_stdout, reason = "this is what a bench is for")]
        {
            println!(
                "{points:>7} points: convert {converting:>10.2?}, memcpy {copying:>10.2?}, ratio of speeds {:.2}",
                copying.as_secs_f64() / converting.as_secs_f64()
            );
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    measure_stages(&mut criterion);
    criterion.final_summary();
    print_ratios();
}
