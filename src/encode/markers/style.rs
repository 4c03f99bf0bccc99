//! Style of markers: type, scale, color and name by label or zone type.
//!
//! The colors are the palette of Okabe and Ito (<https://jfly.uni-koeln.de/color/>), distinguishable by the color-blind,
//! without its black and dark blue, which are invisible on rviz's background.

use super::shape::Point;
use sensr_protocol::wire::proto::{LabelType, TrackingStatus, ZoneType};

/// `Marker.type`
#[derive(Debug, Clone, Copy)]
pub(super) enum MarkerType {
    Arrow = 0,
    Cube = 1,
    LineStrip = 4,
    LineList = 5,
    TextViewFacing = 9,
    TriangleList = 11,
}

/// Appearance of a marker except its points and text.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkerStyle {
    pub(super) marker_type: MarkerType,
    pub(super) position: Point,
    pub(super) yaw: f32,
    /// Meaning depends on the type; components that the type does not use are 0.
    pub(super) scale: [f64; 3],
    pub(super) color: Color,
}

impl MarkerStyle {
    /// Returns the style of a marker made of points, in the frame of the header.
    pub(super) fn of_points(marker_type: MarkerType, scale: [f64; 3], color: Color) -> Self {
        Self {
            marker_type,
            position: [0.0; 3],
            yaw: 0.0,
            scale,
            color,
        }
    }

    /// Returns the style of text of `height`, centered on `position`.
    pub(super) fn of_text(position: Point, height: f64, color: Color) -> Self {
        Self {
            marker_type: MarkerType::TextViewFacing,
            position,
            yaw: 0.0,
            scale: [0.0, 0.0, height],
            color,
        }
    }

    /// Returns a style for deletions, where rviz ignores it.
    pub(super) fn unused() -> Self {
        Self::of_points(MarkerType::Arrow, [0.0; 3], Color::rgb(0.0, 0.0, 0.0))
    }
}

/// Red, green, blue, opacity, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Color([f32; 4]);

const SKY_BLUE: Color = Color::rgb(0.34, 0.71, 0.91);
const ORANGE: Color = Color::rgb(0.90, 0.62, 0.0);
const GREEN: Color = Color::rgb(0.0, 0.62, 0.45);
const YELLOW: Color = Color::rgb(0.94, 0.89, 0.26);
const VERMILION: Color = Color::rgb(0.84, 0.37, 0.0);
const PURPLE: Color = Color::rgb(0.80, 0.47, 0.65);
const BLUE: Color = Color::rgb(0.20, 0.50, 0.80);
/// Color of objects without a label, zones without a type, and labels and types of newer servers.
const NEUTRAL: Color = Color::rgb(0.85, 0.85, 0.85);
const WHITE: Color = Color::rgb(1.0, 1.0, 1.0);
const GREY: Color = Color::rgb(0.6, 0.6, 0.6);

impl Color {
    pub(super) const fn rgb(r: f32, g: f32, b: f32) -> Self {
        Self([r, g, b, 1.0])
    }

    pub(super) const fn rgba(self) -> [f32; 4] {
        self.0
    }

    /// Returns this color with the given opacity.
    pub(super) const fn with_alpha(self, alpha: f32) -> Self {
        let [r, g, b, _] = self.0;
        Self([r, g, b, alpha])
    }

    /// Returns a lighter shade, for text on a dark background.
    pub(super) fn lighter(self) -> Self {
        self.mix_with(WHITE, 0.6)
    }

    /// Returns a less saturated shade.
    pub(super) fn greyer(self) -> Self {
        self.mix_with(GREY, 0.6)
    }

    fn mix_with(self, other: Self, part: f32) -> Self {
        let mut mixed = self;
        for (value, other) in mixed.0[..3].iter_mut().zip(other.0) {
            *value += part * (other - *value);
        }
        mixed
    }
}

/// Returns the color of objects with a label.
pub(super) fn label_color(label: i32) -> Color {
    match LabelType::try_from(label) {
        Ok(LabelType::LabelCar) => SKY_BLUE,
        Ok(LabelType::LabelPedestrian) => ORANGE,
        Ok(LabelType::LabelCyclist) => GREEN,
        Ok(LabelType::LabelMisc) => PURPLE,
        Ok(LabelType::LabelGround) => YELLOW,
        Ok(LabelType::LabelGate) => VERMILION,
        Ok(LabelType::LabelNone) | Err(_) => NEUTRAL,
    }
}

/// Returns whether the tracking status says that the object is not seen at present: its position is extrapolated, or
/// SENSR is about to drop it.
pub(super) fn is_unseen(tracking_status: i32) -> bool {
    matches!(
        TrackingStatus::try_from(tracking_status),
        Ok(TrackingStatus::Drifting | TrackingStatus::Invalidating | TrackingStatus::Expired)
    )
}

/// Returns the color of zones of a type.
pub(super) fn zone_color(zone_type: i32) -> Color {
    match ZoneType::try_from(zone_type) {
        Ok(ZoneType::Event) => GREEN,
        Ok(ZoneType::Exclusion) => VERMILION,
        Ok(ZoneType::Reflection) => PURPLE,
        Ok(ZoneType::Gate) => YELLOW,
        Ok(ZoneType::Static) => BLUE,
        Ok(ZoneType::MapExclusion) => ORANGE,
        Ok(ZoneType::BackgroundRemoval) => SKY_BLUE,
        Ok(ZoneType::None) | Err(_) => NEUTRAL,
    }
}

/// Returns the name of objects with a label.
pub(super) fn label_name(label: i32) -> &'static str {
    match LabelType::try_from(label) {
        Ok(LabelType::LabelCar) => "car",
        Ok(LabelType::LabelPedestrian) => "pedestrian",
        Ok(LabelType::LabelCyclist) => "cyclist",
        Ok(LabelType::LabelMisc) => "misc",
        Ok(LabelType::LabelGround) => "ground",
        Ok(LabelType::LabelGate) => "gate",
        Ok(LabelType::LabelNone) | Err(_) => "object",
    }
}

/// Returns the name of a zone type. `None` without a type, or for one of a newer server.
pub(super) fn zone_type_name(zone_type: i32) -> Option<&'static str> {
    match ZoneType::try_from(zone_type) {
        Ok(ZoneType::Event) => Some("event"),
        Ok(ZoneType::Exclusion) => Some("exclusion"),
        Ok(ZoneType::Reflection) => Some("reflection"),
        Ok(ZoneType::Gate) => Some("gate"),
        Ok(ZoneType::Static) => Some("static"),
        Ok(ZoneType::MapExclusion) => Some("map exclusion"),
        Ok(ZoneType::BackgroundRemoval) => Some("background removal"),
        Ok(ZoneType::None) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether no two of the colors are similar.
    fn are_distinct(colors: &[Color]) -> bool {
        let distance = |a: Color, b: Color| -> f32 {
            let differences = a.0.iter().zip(b.0).map(|(a, b)| (a - b).abs());
            differences.sum()
        };
        let after = |i: usize| colors[i + 1..].iter();
        (0..colors.len()).all(|i| after(i).all(|&other| distance(colors[i], other) > 0.25))
    }

    #[test]
    fn labels_and_zone_types_have_distinct_colors() {
        let labels: Vec<_> = (0..=6).map(label_color).collect();
        assert!(are_distinct(&labels));
        let zones: Vec<_> = (0..=7).map(zone_color).collect();
        assert!(are_distinct(&zones));
        assert_eq!((label_color(77), zone_color(-1)), (NEUTRAL, NEUTRAL));
    }

    #[test]
    fn labels_have_different_colors_when_greyed() {
        let labels: Vec<_> = (0..=6).map(|label| label_color(label).greyer()).collect();
        for (i, label) in labels.iter().enumerate() {
            assert!(!labels[..i].contains(label));
        }
    }

    #[test]
    fn drifting_invalidating_and_expired_objects_are_unseen() {
        let unseen: Vec<_> = (-1..8).filter(|&status| is_unseen(status)).collect();
        assert_eq!(unseen, [2, 4, 5]);
    }
}
