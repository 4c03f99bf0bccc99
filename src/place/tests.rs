use super::*;
use proptest::prelude::*;

/// Largest distance from the reference, metres.
const TOLERANCE: f64 = 0.001;

fn origin(longitude_deg: f64, latitude_deg: f64, altitude_m: f64) -> Origin {
    Origin {
        latitude_deg,
        longitude_deg,
        altitude_m,
        heading_deg: EAST_DEG,
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

fn ecef(point: Geodetic) -> [f64; 3] {
    origin(point.longitude_deg, point.latitude_deg, point.altitude_m)
        .in_earth_frame()
        .translation
}

/// Reference: pyproj 3.7, `Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(lon, lat, h)`.
#[test]
fn known_points_are_where_proj_has_them() {
    for (lon, lat, h, expected) in [
        (
            127.0,
            37.5,
            50.0,
            [-3_049_062.365_1, 4_046_242.422_4, 3_861_594.536_9],
        ),
        (0.0, 0.0, 0.0, [6_378_137.0, 0.0, 0.0]),
        (
            -122.4194,
            37.7749,
            -12.5,
            [-2_706_169.549_7, -4_261_051.148_9, 3_885_717.833_0],
        ),
        (
            18.4241,
            -33.9249,
            1000.0,
            [5_027_145.007_7, 1_674_657.426_8, -3_540_095.553_1],
        ),
        (
            179.9999,
            -89.5,
            2835.0,
            [-55_871.006_3, 0.0975, -6_359_343.529_5],
        ),
    ] {
        let found = origin(lon, lat, h).in_earth_frame().translation;
        assert!(
            distance(found, expected) < TOLERANCE,
            "{found:?} {expected:?}"
        );
    }
}

/// Reference: pyproj 3.7, `+proj=pipeline +step +inv +proj=topocentric +ellps=WGS84 +lon_0=127 +lat_0=37.5 +h_0=50
/// +step +inv +proj=cart +ellps=WGS84` of 300 m east, 200 m south, 20 m up.
#[test]
fn a_local_point_is_where_proj_has_it() {
    let expected = Geodetic {
        latitude_deg: 37.498_197_958_6,
        longitude_deg: 127.003_392_569_9,
        altitude_m: 70.010_191_586_8,
    };
    let east = origin(127.0, 37.5, 50.0);
    let north = Origin {
        heading_deg: 0.0,
        ..east
    };
    // Where x points north, y points west.
    for (site, point) in [
        (east, [300.0, -200.0, 20.0]),
        (north, [-200.0, -300.0, 20.0]),
    ] {
        let found = site.geodetic_of(point);
        assert!(
            distance(ecef(found), ecef(expected)) < TOLERANCE,
            "{found:?}"
        );
        let through_earth = site.in_earth_frame().apply(point);
        assert!(distance(through_earth, ecef(expected)) < TOLERANCE);
    }
}

#[test]
fn rpy_are_about_fixed_axes_and_in_degrees() {
    let rotation = |rpy| Rotation::from_rpy_deg(rpy);
    assert_eq!(rotation([0.0; 3]), Rotation::IDENTITY);
    for (rpy, point, expected) in [
        ([0.0, 0.0, 90.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        ([90.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]),
        ([0.0, 90.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]),
        // First about x, which leaves it, then about z.
        ([90.0, 0.0, 90.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        ([90.0, 0.0, 90.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]),
        ([90.0, 90.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]),
    ] {
        let found = rotation(rpy).rotate(point);
        assert!(distance(found, expected) < 1e-12, "{rpy:?}: {found:?}");
    }
}

proptest! {
    #[test]
    fn both_ways_to_a_place_on_earth_agree(
        (lon, lat) in (-180.0..180.0, -89.9..89.9),
        (altitude, heading) in (-500.0..9000.0, 0.0..360.0),
        (x, y, z) in (-5000.0..5000.0, -5000.0..5000.0, -100.0..500.0),
    ) {
        let site = Origin { heading_deg: heading, ..origin(lon, lat, altitude) };
        let point = [x, y, z];
        let direct = ecef(site.geodetic_of(point));
        let through_earth = site.in_earth_frame().apply(point);
        prop_assert!(distance(direct, through_earth) < TOLERANCE, "{direct:?} {through_earth:?}");
    }

    #[test]
    fn rotations_keep_lengths(rpy in [-360.0..360.0, -360.0..360.0, -360.0..360.0_f64]) {
        let Rotation(quaternion) = Rotation::from_rpy_deg(rpy);
        let length: f64 = quaternion.iter().map(|part| part * part).sum();
        prop_assert!((length - 1.0).abs() < 1e-12);
    }
}
