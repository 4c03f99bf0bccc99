//! What things are coloured.
//!
//! The palette of Okabe and Ito (<https://jfly.uni-koeln.de/color/>), made to be told apart by the
//! colour-blind, without its black and dark blue, which rviz's background swallows.

use sensr_protocol::wire::proto::{LabelType, TrackingStatus, ZoneType};

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
/// Of what has no label or type, or one of a newer server.
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

    /// This colour, as opaque as `alpha` says.
    pub(super) const fn alpha(self, alpha: f32) -> Self {
        let [r, g, b, _] = self.0;
        Self([r, g, b, alpha])
    }

    /// This colour, as light as text on a dark background has to be.
    pub(super) fn lighter(self) -> Self {
        self.towards(WHITE, 0.6)
    }

    /// This colour, with less of it.
    pub(super) fn greyer(self) -> Self {
        self.towards(GREY, 0.6)
    }

    fn towards(self, other: Self, part: f32) -> Self {
        let mut mixed = self;
        for (value, other) in mixed.0[..3].iter_mut().zip(other.0) {
            *value += part * (other - *value);
        }
        mixed
    }
}

/// Of objects with a label.
pub(super) fn of_label(label: i32) -> Color {
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

/// Is the object, by its tracking status, where it is only by guess, or about to be given up?
pub(super) fn is_faint(tracking_status: i32) -> bool {
    matches!(
        TrackingStatus::try_from(tracking_status),
        Ok(TrackingStatus::Drifting | TrackingStatus::Invalidating | TrackingStatus::Expired)
    )
}

/// Of zones of a type.
pub(super) fn of_zone(zone_type: i32) -> Color {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether no two of the colours are nearly the same.
    fn distinct(colors: &[Color]) -> bool {
        let distance = |a: Color, b: Color| -> f32 {
            let differences = a.0.iter().zip(b.0).map(|(a, b)| (a - b).abs());
            differences.sum()
        };
        let after = |i: usize| colors[i + 1..].iter();
        (0..colors.len()).all(|i| after(i).all(|&other| distance(colors[i], other) > 0.25))
    }

    #[test]
    fn labels_and_zone_types_are_told_apart() {
        let labels: Vec<_> = (0..=6).map(of_label).collect();
        assert!(distinct(&labels));
        let zones: Vec<_> = (0..=7).map(of_zone).collect();
        assert!(distinct(&zones));
        assert_eq!((of_label(77), of_zone(-1)), (NEUTRAL, NEUTRAL));
    }

    #[test]
    fn labels_are_told_apart_when_greyed() {
        let labels: Vec<_> = (0..=6).map(|label| of_label(label).greyer()).collect();
        for (i, label) in labels.iter().enumerate() {
            assert!(!labels[..i].contains(label));
        }
    }

    #[test]
    fn only_what_is_not_seen_is_faint() {
        let faint: Vec<_> = (-1..8).filter(|&status| is_faint(status)).collect();
        assert_eq!(faint, [2, 4, 5]);
    }
}
