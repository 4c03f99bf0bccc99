//! What markers look like.

use super::colors::Color;
use super::shape::Point;

/// `Marker.type`
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Arrow = 0,
    Cube = 1,
    LineStrip = 4,
    LineList = 5,
    TextViewFacing = 9,
    TriangleList = 11,
}

/// What a marker looks like, apart from its points and its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkerStyle {
    pub(super) kind: Kind,
    pub(super) position: Point,
    pub(super) yaw: f32,
    /// What it means depends on the kind; what the kind makes no use of is 0.
    pub(super) scale: [f64; 3],
    pub(super) color: Color,
}

impl MarkerStyle {
    /// Made of points, which are positions in the frame of the header.
    pub(super) fn of_points(kind: Kind, scale: [f64; 3], color: Color) -> Self {
        Self {
            kind,
            position: [0.0; 3],
            yaw: 0.0,
            scale,
            color,
        }
    }

    /// Letters of `height`, centred on `position`.
    pub(super) fn of_text(position: Point, height: f64, color: Color) -> Self {
        Self {
            kind: Kind::TextViewFacing,
            position,
            yaw: 0.0,
            scale: [0.0, 0.0, height],
            color,
        }
    }

    /// Of markers that are only named in order to be deleted.
    pub(super) fn none() -> Self {
        Self::of_points(Kind::Arrow, [0.0; 3], Color::rgb(0.0, 0.0, 0.0))
    }
}
