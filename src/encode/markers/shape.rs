//! Positions and polygons, checked that rviz can draw them.

use sensr_protocol::wire::proto::{PolygonBox, Vector2, Vector3};

/// x, y, z in metres.
pub(super) type Point = [f64; 3];

/// Largest coordinate that is drawn. rviz computes in float32, some of it with squares, and crashes on infinities. UTM
/// northings, the largest coordinates in use, are below 1e7.
const LIMIT_M: f32 = 1e8;

/// Returns whether a coordinate, or a velocity, can be drawn.
fn is_drawable(value: f32) -> bool {
    value.abs() <= LIMIT_M
}

/// Converts a position or velocity. `None` if it is missing or cannot be drawn.
pub(super) fn drawable_point(vector: Option<Vector3>) -> Option<Point> {
    let Vector3 { x, y, z } = vector?;
    let values = [x, y, z];
    values
        .iter()
        .copied()
        .all(is_drawable)
        .then(|| values.map(f64::from))
}

/// A [`PolygonBox`] that can be drawn: with at least one corner, and all coordinates within bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prism<'a> {
    corners: &'a [Vector2],
    pub(super) bottom: f64,
    pub(super) top: f64,
}

impl<'a> Prism<'a> {
    pub(super) fn from_polygon_box(pbox: Option<&'a PolygonBox>) -> Option<Self> {
        let pbox = pbox.filter(|pbox| !pbox.points.is_empty())?;
        let corners = pbox.points.iter().flat_map(|corner| [corner.x, corner.y]);
        let mut values = corners.chain([pbox.min_z, pbox.max_z]);
        values.all(is_drawable).then(|| Self {
            corners: &pbox.points,
            bottom: pbox.min_z.min(pbox.max_z).into(),
            top: pbox.min_z.max(pbox.max_z).into(),
        })
    }

    /// Returns whether it has at least three corners, and so an area.
    pub(super) fn is_polygon(self) -> bool {
        self.corners.len() >= 3
    }

    /// Returns the mean of the corners.
    pub(super) fn center(self) -> [f64; 2] {
        let mut sum = [0.0; 2];
        let mut count = 0.0;
        for corner in self.corners {
            sum[0] += f64::from(corner.x);
            sum[1] += f64::from(corner.y);
            count += 1.0;
        }
        sum.map(|sum| sum / count)
    }

    /// Returns the outline at a height: the two ends of each edge.
    pub(super) fn outline_at(self, z: f64) -> impl Iterator<Item = Point> {
        self.edges()
            .flat_map(move |[a, b]| [corner_at(a, z), corner_at(b, z)])
    }

    /// Returns the two ends of each vertical edge.
    pub(super) fn vertical_edges(self) -> impl Iterator<Item = Point> {
        let corners = self.corners.iter();
        corners
            .flat_map(move |&corner| [corner_at(corner, self.bottom), corner_at(corner, self.top)])
    }

    /// Returns the walls, two triangles each.
    pub(super) fn walls(self) -> impl Iterator<Item = Point> {
        self.edges().flat_map(move |[a, b]| {
            let [a_bottom, b_bottom] = [corner_at(a, self.bottom), corner_at(b, self.bottom)];
            let [a_top, b_top] = [corner_at(a, self.top), corner_at(b, self.top)];
            [a_bottom, b_bottom, b_top, a_bottom, b_top, a_top]
        })
    }

    fn edges(self) -> impl Iterator<Item = [Vector2; 2]> {
        let following = self.corners.iter().cycle().skip(1);
        self.corners.iter().zip(following).map(|(&a, &b)| [a, b])
    }
}

fn corner_at(corner: Vector2, z: f64) -> Point {
    [corner.x.into(), corner.y.into(), z]
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact in both")]
mod tests {
    use super::*;

    fn pbox() -> PolygonBox {
        let corners = [(0.0, 0.0), (4.0, 0.0), (2.0, 3.0)];
        PolygonBox {
            points: corners.map(|(x, y)| Vector2 { x, y }).to_vec(),
            min_z: 2.0,
            max_z: -1.0,
        }
    }

    #[test]
    fn triangle_has_three_walls() {
        let pbox = pbox();
        let prism = Prism::from_polygon_box(Some(&pbox)).expect("drawable");
        assert_eq!((prism.bottom, prism.top), (-1.0, 2.0), "the right way up");
        assert_eq!(prism.center(), [2.0, 1.0]);
        let outline: Vec<_> = prism.outline_at(5.0).collect();
        assert_eq!(outline.len(), 6);
        assert_eq!(outline[4..], [[2.0, 3.0, 5.0], [0.0, 0.0, 5.0]], "closed");
        assert_eq!(prism.vertical_edges().count(), 6);
        assert_eq!(prism.walls().count(), 3 * 2 * 3);
    }

    #[test]
    fn non_finite_and_out_of_bounds_coordinates_are_not_drawn() {
        for bad in [f32::NAN, f32::INFINITY, -1e9] {
            let mut corner = pbox();
            corner.points[1].y = bad;
            let height = PolygonBox {
                max_z: bad,
                ..pbox()
            };
            assert!(Prism::from_polygon_box(Some(&corner)).is_none());
            assert!(Prism::from_polygon_box(Some(&height)).is_none());
            assert!(
                drawable_point(Some(Vector3 {
                    x: 0.0,
                    y: bad,
                    z: 0.0
                }))
                .is_none()
            );
        }
        assert!(Prism::from_polygon_box(Some(&PolygonBox::default())).is_none());
    }
}
