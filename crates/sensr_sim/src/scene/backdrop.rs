//! Static points of one revolution: cast once, then only copied.

use rand::Rng;
use rand::rngs::SmallRng;

use super::geometry::{Hit, Vec3};
use super::grid::Grid;
use super::material::Material;
use super::static_objects::{PointClass, StaticObject, static_objects};
use crate::convert::{floor_index, len_to_f64, spread_index, to_f32};

/// Longest range of the scanner, metres.
const MAX_RANGE: f64 = 200.0;

/// Value of a grid cell without a point.
const NO_POINT: u32 = u32::MAX;

/// Points of one class, in the order of measurement, as the wire carries them.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub points: Vec<u8>,
    pub intensities: Vec<u8>,
}

impl Layer {
    fn push(&mut self, echo: &Echo) {
        self.points.extend(echo.position_bytes());
        self.intensities.extend(echo.intensity.to_le_bytes());
    }
}

/// Measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Echo {
    /// x, y, z, metres.
    pub position: [f32; 3],
    /// Intensity, 0 to 255.
    pub intensity: f32,
}

impl Echo {
    /// Measures a hit with noise of one or two centimetres.
    pub(super) fn measure(
        hit: Hit,
        ray: &super::geometry::Ray,
        material: Material,
        local: Vec3,
        rng: &mut SmallRng,
    ) -> Self {
        let at = ray.point_at(hit.range + random_noise(rng) * 0.02);
        let intensity = material.echo_intensity(hit, local) * (1.0 + random_noise(rng) * 0.08);
        Self {
            position: [at.x, at.y, at.z].map(to_f32),
            intensity: to_f32(intensity.clamp(0.0, 255.0)),
        }
    }

    pub(super) fn position_bytes(&self) -> impl Iterator<Item = u8> + use<> {
        self.position.into_iter().flat_map(f32::to_le_bytes)
    }
}

/// Returns roughly normal noise with standard deviation 0.5, within ±1.5.
fn random_noise(rng: &mut SmallRng) -> f64 {
    let sum: f64 = (0..3).map(|_| rng.random::<f64>()).sum();
    sum - 1.5
}

/// Static points of the scene: exactly as many rays as requested points, each of which hits something static.
#[derive(Debug)]
pub(super) struct Backdrop {
    pub grid: Grid,
    /// Point of each grid cell, or [`NO_POINT`].
    point_of_cell: Vec<u32>,
    /// Range of each point, metres.
    ranges: Vec<f64>,
    /// Class of each point and its index within the class.
    classes: Vec<(PointClass, u32)>,
    pub all: Layer,
    pub ground: Layer,
    pub background: Layer,
}

impl Backdrop {
    /// Casts a street into exactly `wanted` points.
    pub(super) fn street(wanted: usize, rng: &mut SmallRng) -> Self {
        let static_objects = static_objects(rng);
        let (grid, nearest) = coarsest_grid(wanted, &static_objects);
        let hits: Vec<usize> = (0..grid.cell_count())
            .filter(|&cell| nearest[cell].is_some())
            .collect();

        let mut backdrop = Self {
            point_of_cell: vec![NO_POINT; grid.cell_count()],
            ranges: Vec::with_capacity(wanted),
            classes: Vec::with_capacity(wanted),
            all: Layer::default(),
            ground: Layer::default(),
            background: Layer::default(),
            grid,
        };
        for i in 0..wanted {
            let cell = hits[spread_index(i, wanted, hits.len())];
            if let Some(nearest) = nearest[cell] {
                backdrop.push(cell, nearest, rng);
            }
        }
        backdrop
    }

    fn push(&mut self, cell: usize, nearest: Nearest, rng: &mut SmallRng) {
        let ray = self.grid.ray(cell);
        let at = ray.point_at(nearest.hit.range);
        let echo = Echo::measure(nearest.hit, &ray, nearest.material, at, rng);
        let layer = match nearest.class {
            PointClass::Ground => &mut self.ground,
            PointClass::Background => &mut self.background,
        };
        let rank = to_index(layer.intensities.len() / 4);
        self.point_of_cell[cell] = to_index(self.ranges.len());
        self.ranges.push(nearest.hit.range);
        self.classes.push((nearest.class, rank));
        layer.push(&echo);
        self.all.push(&echo);
    }

    /// Returns the point of a cell and its range, if there is one.
    pub(super) fn point_of(&self, cell: usize) -> Option<(u32, f64)> {
        let point = self.point_of_cell[cell];
        (point != NO_POINT).then(|| (point, self.ranges[point as usize]))
    }

    /// Returns the class of a point and its index within the class.
    pub(super) fn class_of(&self, point: u32) -> (PointClass, usize) {
        let (class, rank) = self.classes[point as usize];
        (class, rank as usize)
    }
}

/// First hit of a ray.
#[derive(Debug, Clone, Copy)]
struct Nearest {
    hit: Hit,
    material: Material,
    class: PointClass,
}

/// Returns the coarsest grid of which at least `wanted` rays hit something.
fn coarsest_grid(wanted: usize, static_objects: &[StaticObject]) -> (Grid, Vec<Option<Nearest>>) {
    let beams = match wanted {
        0..8_192 => 16,
        8_192..32_768 => 32,
        32_768..98_304 => 64,
        98_304..1_000_000 => 128,
        _ => 256,
    };
    let mut columns = 64;
    loop {
        let grid = Grid::new(columns, beams);
        let nearest = cast_static(&grid, static_objects);
        let hits = nearest.iter().flatten().count();
        if hits >= wanted {
            return (grid, nearest);
        }
        // The share of rays that hit is nearly independent of the number of columns.
        let scale = len_to_f64(wanted) / len_to_f64(hits.max(1));
        columns = floor_index(len_to_f64(columns) * scale * 1.01) + 1;
    }
}

fn cast_static(grid: &Grid, static_objects: &[StaticObject]) -> Vec<Option<Nearest>> {
    let mut nearest: Vec<Option<Nearest>> = (0..grid.cell_count())
        .map(|cell| ground_hit(grid, cell))
        .collect();
    for object in static_objects {
        let window = grid.window(object.pose.position, object.shape.bounds());
        for cell in grid.cells_of(&window) {
            let Some(hit) = object
                .shape
                .first_hit(&object.pose.ray_to_local(&grid.ray(cell)))
            else {
                continue;
            };
            let limit = nearest[cell].map_or(MAX_RANGE, |other| other.hit.range);
            if hit.range < limit {
                nearest[cell] = Some(Nearest {
                    hit,
                    material: object.material,
                    class: object.class,
                });
            }
        }
    }
    nearest
}

/// Intersects the ray with the plane of the road.
fn ground_hit(grid: &Grid, cell: usize) -> Option<Nearest> {
    let ray = grid.ray(cell);
    let range = -ray.origin.z / ray.direction.z;
    (range > 0.0 && range < MAX_RANGE).then_some(Nearest {
        hit: Hit {
            range,
            cosine: ray.direction.z.abs(),
        },
        material: Material::Ground,
        class: PointClass::Ground,
    })
}

fn to_index(value: usize) -> u32 {
    u32::try_from(value).expect("the options allow far fewer points than 2^32")
}

#[cfg(test)]
mod tests {
    use super::super::static_objects::ground_height;
    use super::*;
    use rand::SeedableRng as _;

    fn street(points: usize) -> Backdrop {
        Backdrop::street(points, &mut SmallRng::seed_from_u64(5))
    }

    fn positions(layer: &Layer) -> Vec<[f64; 3]> {
        let float = |bytes: &[u8]| f64::from(f32::from_le_bytes(bytes.try_into().expect("4")));
        let position = |point: &[u8]| [0, 4, 8].map(|i| float(&point[i..i + 4]));
        layer.points.chunks_exact(12).map(position).collect()
    }

    #[test]
    fn has_exactly_the_requested_number_of_points() {
        for points in [0, 1, 7, 1000, 8192, 40_000] {
            let backdrop = street(points);
            assert_eq!(backdrop.all.intensities.len(), points * 4);
            assert_eq!(backdrop.all.points.len(), points * 12);
            let parts = backdrop.ground.points.len() + backdrop.background.points.len();
            assert_eq!(parts, points * 12);
        }
    }

    #[test]
    fn ground_points_lie_on_the_ground() {
        let ground = positions(&street(20_000).ground);
        assert!(ground.len() > 5000, "{} ground points", ground.len());
        for [x, y, z] in ground {
            let on_edge = (ground_height(y - 0.1) - ground_height(y + 0.1)).abs() > 0.01;
            let height = if on_edge {
                z.clamp(0.0, 0.12)
            } else {
                ground_height(y)
            };
            assert!((z - height).abs() < 0.05, "{x} {y} {z}");
        }
    }

    #[test]
    fn ranges_reach_from_near_to_far() {
        let backdrop = street(20_000);
        let nearest = backdrop.ranges.iter().copied().fold(f64::MAX, f64::min);
        let farthest = backdrop.ranges.iter().copied().fold(0.0, f64::max);
        assert!(nearest < 10.0, "{nearest}");
        assert!((100.0..=MAX_RANGE).contains(&farthest), "{farthest}");
    }
}
