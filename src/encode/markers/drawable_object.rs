//! Markers of one object.

use super::diff::MarkerIds;
use super::shape::{Point, drawable_point};
use super::style::{self, Color, MarkerStyle, MarkerType};
use super::{MarkerArrayWriter, lines};
use sensr_protocol::wire::proto::Object;

/// Indices of the namespaces of objects.
const BOX: usize = 0;
const LABEL: usize = 1;
const VELOCITY: usize = 2;
const HISTORY: usize = 3;
const PREDICTION: usize = 4;
const REACHABLE: usize = 5;

/// Range of box sizes that are visible and that rviz can draw.
const MIN_SIZE_M: f64 = 0.01;
const MAX_SIZE_M: f64 = 1e4;

const BOX_ALPHA: f32 = 0.45;
const UNSEEN_BOX_ALPHA: f32 = 0.2;
const UNSEEN_TEXT_ALPHA: f32 = 0.6;

const TEXT_HEIGHT_M: f64 = 0.7;
/// Distance from the top of the box to the middle of two lines of text.
const TEXT_ABOVE_M: f64 = 1.0;

/// Slowest speed drawn as an arrow. Below it noise dominates the direction.
const MIN_ARROW_SPEED_M_PER_S: f64 = 0.2;
/// Diameters of shaft and head, and length of the head.
const ARROW_SCALE_M: [f64; 3] = [0.12, 0.35, 0.5];

/// An object that can be drawn.
pub(super) struct DrawableObject<'a> {
    object: &'a Object,
    bottom: Point,
    size: [f64; 3],
    yaw: f32,
    /// `None` if there is none to draw.
    velocity: Option<Point>,
    is_unseen: bool,
    color: Color,
}

impl<'a> DrawableObject<'a> {
    /// Returns `None` for an object without a drawable position.
    pub(super) fn new(object: &'a Object, is_static: bool) -> Option<Self> {
        let bbox = object.bbox.as_ref()?;
        let size = bbox.size.unwrap_or_default();
        let clamp_size = |size: f32| match f64::from(size) {
            size if size > MIN_SIZE_M => size.min(MAX_SIZE_M),
            _small_or_nan => MIN_SIZE_M,
        };
        let is_static = is_static || object.is_static;
        let is_unseen = style::is_unseen(object.tracking_status);
        let color = style::label_color(object.label);
        Some(Self {
            object,
            bottom: drawable_point(bbox.position)?,
            size: [size.x, size.y, size.z].map(clamp_size),
            yaw: if bbox.yaw.is_finite() { bbox.yaw } else { 0.0 },
            velocity: drawable_point(Some(object.velocity.unwrap_or_default()))
                .filter(|_| !is_static),
            is_unseen,
            color: if is_static || is_unseen {
                color.greyer()
            } else {
                color
            },
        })
    }

    pub(super) fn draw_markers(&self, array: &mut MarkerArrayWriter<'_>, mut ids: MarkerIds<'_>) {
        let Self {
            object,
            bottom,
            color,
            ..
        } = *self;
        self.draw_box(array, &mut ids);
        self.draw_label(array, &mut ids);
        self.draw_velocity(array, &mut ids);
        let past = object.history.as_ref();
        lines::draw_history(array, || ids.add_in(HISTORY), past, color);
        let future = object.prediction.as_ref();
        let light = color.lighter();
        lines::draw_prediction(array, || ids.add_in(PREDICTION), bottom, future, light);
        lines::draw_reachable_sets(array, || ids.add_in(REACHABLE), future, light);
    }

    fn point_above_bottom(&self, height: f64) -> Point {
        let [x, y, z] = self.bottom;
        [x, y, z + height]
    }

    fn center(&self) -> Point {
        self.point_above_bottom(self.size[2] / 2.0)
    }

    fn draw_box(&self, array: &mut MarkerArrayWriter<'_>, ids: &mut MarkerIds<'_>) {
        let alpha = if self.is_unseen {
            UNSEEN_BOX_ALPHA
        } else {
            BOX_ALPHA
        };
        let style = MarkerStyle {
            marker_type: MarkerType::Cube,
            position: self.center(),
            yaw: self.yaw,
            scale: self.size,
            color: self.color.with_alpha(alpha),
        };
        array.add_shape(ids.add_in(BOX), style);
    }

    fn draw_label(&self, array: &mut MarkerArrayWriter<'_>, ids: &mut MarkerIds<'_>) {
        let alpha = if self.is_unseen {
            UNSEEN_TEXT_ALPHA
        } else {
            1.0
        };
        let position = self.point_above_bottom(self.size[2] + TEXT_ABOVE_M);
        let style = MarkerStyle::of_text(
            position,
            TEXT_HEIGHT_M,
            self.color.lighter().with_alpha(alpha),
        );
        let id = ids.add_in(LABEL);
        let (name, object_id) = (style::label_name(self.object.label), self.object.id);
        match self.velocity {
            Some(velocity) => {
                let speed = norm(velocity);
                array.add_text(
                    id,
                    style,
                    format_args!("{name} {object_id}\n{speed:.1} m/s"),
                );
            }
            None => array.add_text(id, style, format_args!("{name} {object_id}")),
        }
    }

    fn draw_velocity(&self, array: &mut MarkerArrayWriter<'_>, ids: &mut MarkerIds<'_>) {
        let is_moving = |velocity: &Point| norm(*velocity) > MIN_ARROW_SPEED_M_PER_S;
        let Some([dx, dy, dz]) = self.velocity.filter(is_moving) else {
            return;
        };
        let from = self.center();
        let to = [from[0] + dx, from[1] + dy, from[2] + dz];
        let style =
            MarkerStyle::of_points(MarkerType::Arrow, ARROW_SCALE_M, self.color.with_alpha(1.0));
        let points = [from, to].into_iter();
        array.add_points(ids.add_in(VELOCITY), style, points, std::iter::empty());
    }
}

fn norm(vector: Point) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact in both")]
mod tests {
    use std::f32::consts::PI;

    use super::super::rviz::{LIFETIME, Marker, markers_of};
    use super::*;
    use sensr_protocol::wire::proto::{BoundingBox, LabelType, TrackingStatus, Vector3};

    fn vector(x: f32, y: f32, z: f32) -> Vector3 {
        Vector3 { x, y, z }
    }

    fn car() -> Object {
        Object {
            id: 12,
            label: LabelType::LabelCar.into(),
            bbox: Some(BoundingBox {
                position: Some(vector(10.0, -5.0, -1.0)),
                size: Some(vector(4.0, 2.0, 1.5)),
                yaw: PI / 2.0,
            }),
            velocity: Some(vector(3.0, 4.0, 0.0)),
            ..Object::default()
        }
    }

    fn box_of(object: Object) -> Marker {
        markers_of(object).remove("box").expect("drawn")
    }

    #[test]
    fn box_is_centered_above_its_bottom_and_rotated() {
        let cube = box_of(car());
        assert_eq!((cube.kind, cube.id, cube.lifetime), (1, 12, LIFETIME));
        assert_eq!(cube.position, [10.0, -5.0, -0.25]);
        assert_eq!(cube.scale, [4.0, 2.0, 1.5]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let expected = [0.0, 0.0, half, half];
        let near = |(a, b): (&f64, f64)| (a - b).abs() < 1e-6;
        assert!(cube.orientation.iter().zip(expected).all(near), "{cube:?}");
    }

    #[test]
    fn label_above_the_box_shows_name_id_and_speed() {
        let label = |object| markers_of(object).remove("label").expect("drawn");
        let of_car = label(car());
        assert_eq!(of_car.text, "car 12\n5.0 m/s");
        assert!(of_car.position[2] > 0.5, "above the top");
        let unknown = Object {
            label: 77,
            is_static: true,
            ..car()
        };
        assert_eq!(label(unknown).text, "object 12");
        let nan = Object {
            velocity: Some(vector(f32::NAN, 0.0, 0.0)),
            ..car()
        };
        assert_eq!(label(nan).text, "car 12");
        let still = Object {
            velocity: None,
            ..car()
        };
        assert_eq!(label(still).text, "car 12\n0.0 m/s");
    }

    #[test]
    fn arrow_ends_at_the_position_in_one_second() {
        let arrow = markers_of(car()).remove("velocity").expect("moves");
        assert_eq!(arrow.points, [[10.0, -5.0, -0.25], [13.0, -1.0, -0.25]]);
        for velocity in [
            None,
            Some(vector(0.1, 0.1, 0.0)),
            Some(vector(f32::NAN, 9.0, 0.0)),
        ] {
            let object = Object { velocity, ..car() };
            assert!(!markers_of(object).contains_key("velocity"));
        }
    }

    #[test]
    fn colors_differ_by_label_and_tracking_status() {
        let labels = [0, 1, 2, 3, 4, 5, 6].map(|label| Object { label, ..car() });
        let dimmed = |status: TrackingStatus| Object {
            tracking_status: status.into(),
            ..car()
        };
        let others = [
            dimmed(TrackingStatus::Drifting),
            Object {
                is_static: true,
                ..car()
            },
        ];
        let mut colors: Vec<_> = labels
            .into_iter()
            .chain(others)
            .map(|o| box_of(o).color)
            .collect();
        assert!(
            colors.iter().all(|color| color[3] <= BOX_ALPHA),
            "translucent"
        );
        let count = colors.len();
        colors.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        colors.dedup();
        assert_eq!(colors.len(), count);
        assert_eq!(
            box_of(dimmed(TrackingStatus::Tracking)).color,
            box_of(car()).color
        );
    }

    #[test]
    fn box_without_size_is_small_and_without_position_is_not_drawn() {
        let with = |bbox| markers_of(Object { bbox, ..car() });
        let position = Some(vector(1.0, 2.0, 3.0));
        for size in [None, Some(vector(0.0, -1.0, f32::NAN))] {
            let bbox = BoundingBox {
                position,
                size,
                yaw: f32::NAN,
            };
            let scale = with(Some(bbox))["box"].scale;
            assert!(
                scale.iter().all(|size| (0.009..0.011).contains(size)),
                "{scale:?}"
            );
        }
        let nowhere = BoundingBox {
            position: Some(vector(0.0, f32::INFINITY, 0.0)),
            ..BoundingBox::default()
        };
        assert!(with(Some(nowhere)).is_empty() && with(None).is_empty());
    }
}
