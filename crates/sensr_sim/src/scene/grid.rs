//! Rays of one revolution of a rotating laser scanner.

use std::f64::consts::{PI, TAU};
use std::ops::Range;

use super::geometry::{Bounds, Ray, Vec3};
use crate::convert::{floor_index, len_to_f64};

/// Height of the sensor above the road, metres. It is above the origin of the map.
pub(super) const SENSOR_HEIGHT: f64 = 5.5;

/// Elevation of the lowest, the densest and the highest beams, degrees above the horizon. The densest beams hit the road
/// 80 m away.
const LOWEST_DEGREES: f64 = -46.0;
const DENSEST_DEGREES: f64 = -4.0;
const HIGHEST_DEGREES: f64 = 12.0;

/// Returns the elevation of the beam at `place`, from the lowest at 0 to the highest at 1, radians.
fn elevation(place: f64) -> f64 {
    /// Two thirds of the beams are below the densest ones.
    const DENSEST: f64 = 2.0 / 3.0;
    let (end, from_densest) = if place < DENSEST {
        (LOWEST_DEGREES, 1.0 - place / DENSEST)
    } else {
        (HIGHEST_DEGREES, (place - DENSEST) / (1.0 - DENSEST))
    };
    let degrees = DENSEST_DEGREES + (end - DENSEST_DEGREES) * from_densest.powf(1.6);
    degrees.to_radians()
}

#[derive(Debug, Clone, Copy)]
struct Angle {
    radians: f64,
    sin: f64,
    cos: f64,
}

impl Angle {
    fn new(radians: f64) -> Self {
        let (sin, cos) = radians.sin_cos();
        Self { radians, sin, cos }
    }
}

/// Directions of all rays: `columns` azimuths with the same beams each.
#[derive(Debug)]
pub(super) struct Grid {
    azimuths: Vec<Angle>,
    /// Elevations, ascending.
    beams: Vec<Angle>,
}

/// Part of the grid, wrapping around in azimuth.
#[derive(Debug, Clone)]
pub(super) struct Window {
    first_column: usize,
    columns: usize,
    beams: Range<usize>,
}

impl Grid {
    pub(super) fn new(columns: usize, beams: usize) -> Self {
        let step = TAU / len_to_f64(columns);
        Self {
            azimuths: (0..columns)
                .map(|column| Angle::new(len_to_f64(column) * step - PI))
                .collect(),
            beams: (0..beams)
                .map(|beam| Angle::new(elevation(len_to_f64(beam) / len_to_f64(beams))))
                .collect(),
        }
    }

    /// Number of rays.
    pub(super) fn cell_count(&self) -> usize {
        self.azimuths.len() * self.beams.len()
    }

    /// Returns the ray of a cell. Cells are in firing order: all beams of a column, then the next column.
    pub(super) fn ray(&self, cell: usize) -> Ray {
        let azimuth = self.azimuths[cell / self.beams.len()];
        let beam = self.beams[cell % self.beams.len()];
        Ray {
            origin: Vec3::new(0.0, 0.0, SENSOR_HEIGHT),
            direction: Vec3::new(beam.cos * azimuth.cos, beam.cos * azimuth.sin, beam.sin),
        }
    }

    /// Returns the cells whose rays can hit an object with these bounds at `at`.
    pub(super) fn window(&self, at: Vec3, bounds: Bounds) -> Window {
        let distance = at.x.hypot(at.y);
        let (near, far) = (distance - bounds.radius, distance + bounds.radius);
        if near <= 0.0 {
            return Window {
                first_column: 0,
                columns: self.azimuths.len(),
                beams: 0..self.beams.len(),
            };
        }
        let [low, high] = [bounds.bottom, bounds.top].map(|z| at.z + z - SENSOR_HEIGHT);
        let lowest = low.atan2(near).min(low.atan2(far));
        let highest = high.atan2(near).max(high.atan2(far));
        let first_beam = self.beams.partition_point(|beam| beam.radians < lowest);
        let end_beam = self.beams.partition_point(|beam| beam.radians <= highest);

        let per_radian = len_to_f64(self.azimuths.len()) / TAU;
        let half = (bounds.radius / distance).asin() * per_radian;
        let centre = (at.y.atan2(at.x) + PI) * per_radian;
        // One more column on each side than needed, so that rounding cannot lose one.
        let columns = floor_index(2.0 * half) + 3;
        Window {
            first_column: floor_index(centre - half + len_to_f64(self.azimuths.len())),
            columns: columns.min(self.azimuths.len()),
            beams: first_beam..end_beam.max(first_beam),
        }
    }

    /// Iterates over the cells of a window.
    pub(super) fn cells_of(&self, window: &Window) -> impl Iterator<Item = usize> + use<> {
        let (columns, per_column) = (self.azimuths.len(), self.beams.len());
        let beams = window.beams.clone();
        let first = window.first_column;
        (0..window.columns).flat_map(move |offset| {
            let column = (first + offset) % columns;
            beams.clone().map(move |beam| column * per_column + beam)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{Pose, Shape};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn window_contains_every_ray_that_hits() {
        let grid = Grid::new(360, 64);
        let shape = Shape::standing_box(4.5, 1.8, 1.5);
        for (x, y, yaw) in [
            (6.0, 0.0, 0.3),
            (-20.0, 0.01, 0.0),
            (-20.0, -0.01, 1.0),
            (0.0, 30.0, 2.0),
            (5.0, -100.0, 0.0),
            (1.0, 0.5, 0.0),
        ] {
            let at = Vec3::new(x, y, 0.0);
            let pose = Pose::new(at, yaw);
            let window = grid.window(at, shape.bounds());
            let within: BTreeSet<usize> = grid.cells_of(&window).collect();
            for cell in 0..grid.cell_count() {
                let hit = shape.first_hit(&pose.ray_to_local(&grid.ray(cell)));
                assert!(
                    hit.is_none() || within.contains(&cell),
                    "cell {cell} hits at {x} {y} {yaw}, outside of {window:?}"
                );
            }
        }
    }

    #[test]
    fn beams_ascend_and_are_densest_far_out_on_the_road() {
        let grid = Grid::new(1, 128);
        let steps = grid.beams.windows(2);
        let steps: Vec<f64> = steps
            .map(|pair| pair[1].radians - pair[0].radians)
            .collect();
        assert!(steps.iter().all(|&step| step > 0.0));
        assert!(steps[84] < steps[0] / 5.0 && steps[84] < steps[126] / 5.0);
    }

    #[test]
    fn window_of_a_distant_object_is_small() {
        let grid = Grid::new(1024, 128);
        let window = grid.window(
            Vec3::new(60.0, 6.0, 0.0),
            Shape::standing_box(4.5, 1.8, 1.5).bounds(),
        );
        assert!(grid.cells_of(&window).count() < grid.cell_count() / 200);
    }
}
