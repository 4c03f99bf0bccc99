//! What things are called.

use sensr_protocol::wire::proto::{LabelType, ZoneType};

/// An object with a label.
pub(super) fn of_label(label: i32) -> &'static str {
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

/// A type of zones. None if it has none, or one of a newer server.
pub(super) fn of_zone_type(zone_type: i32) -> Option<&'static str> {
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
