//! Zones of the street.

use crate::convert::{SECOND_NS, vector2};
use sensr_protocol::wire::proto::{PolygonBox, ZoneConfig, ZoneType};

/// Zone and the thresholds of its events.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub config: ZoneConfig,
    /// Stay that counts as loitering.
    pub loitering_ns: Option<i64>,
    /// Speed limit, m/s.
    pub speed_limit: Option<f32>,
}

impl Zone {
    fn new(id: i32, name: &str, kind: ZoneType, max_z: f32, corners: &[(f64, f64)]) -> Self {
        Self {
            config: ZoneConfig {
                id,
                name: name.into(),
                pbox: Some(PolygonBox {
                    points: corners.iter().map(|&at| vector2(at)).collect(),
                    min_z: -0.5,
                    max_z,
                }),
                r#type: kind.into(),
            },
            loitering_ns: None,
            speed_limit: None,
        }
    }

    fn loitering_after(self, secs: i64) -> Self {
        Self {
            loitering_ns: Some(secs * SECOND_NS),
            ..self
        }
    }

    fn with_speed_limit(self, limit: f32) -> Self {
        Self {
            speed_limit: Some(limit),
            ..self
        }
    }

    /// Returns whether the zone reports entries and exits.
    pub(super) fn has_events(&self) -> bool {
        matches!(self.config.r#type(), ZoneType::Event | ZoneType::Gate)
    }

    /// Returns whether the position is inside the outline: counts the edges crossed by a ray towards +x.
    pub(super) fn contains(&self, x: f32, y: f32) -> bool {
        let corners = self.config.pbox.as_ref();
        let corners = corners.map_or(&[][..], |pbox| &pbox.points);
        let following = corners.iter().cycle().skip(1);
        let crossed = corners.iter().zip(following).filter(|(a, b)| {
            (a.y > y) != (b.y > y) && x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x)
        });
        crossed.count() % 2 == 1
    }
}

/// Returns at least one zone of every type. No actor enters the exclusion zones.
pub(super) fn street_zones() -> Vec<Zone> {
    let zone = Zone::new;
    vec![
        // 30 km/h, exceeded by most cars.
        zone(
            1,
            "crossing",
            ZoneType::Event,
            4.0,
            &rectangle((11.0, 20.0), (4.0, 12.0)),
        )
        .with_speed_limit(8.3)
        .loitering_after(8),
        zone(
            2,
            "square",
            ZoneType::Event,
            3.0,
            &[(-28.0, -18.0), (18.0, -18.0), (14.0, -8.0), (-24.0, -8.0)],
        )
        .loitering_after(10),
        zone(
            3,
            "far roofs",
            ZoneType::Exclusion,
            20.0,
            &rectangle((-190.0, 190.0), (17.0, 30.0)),
        ),
        zone(
            4,
            "gate",
            ZoneType::Gate,
            3.0,
            &rectangle((22.3, 25.7), (-7.5, -3.5)),
        ),
        zone(
            5,
            "parking",
            ZoneType::Static,
            3.0,
            &rectangle((-59.0, -38.0), (-21.0, -15.0)),
        ),
        zone(
            6,
            "shop window",
            ZoneType::Reflection,
            4.0,
            &rectangle((-30.0, 5.0), (15.5, 17.0)),
        ),
        zone(
            7,
            "trees",
            ZoneType::MapExclusion,
            9.0,
            &rectangle((-60.0, -30.0), (-7.0, -2.2)),
        ),
        zone(
            8,
            "hedge",
            ZoneType::BackgroundRemoval,
            2.0,
            &rectangle((30.0, 60.0), (-24.0, -20.0)),
        ),
        zone(
            9,
            "kiosk",
            ZoneType::Event,
            3.0,
            &[
                (21.0, -15.0),
                (31.0, -15.0),
                (31.0, -11.0),
                (27.0, -9.5),
                (21.0, -9.5),
            ],
        )
        .loitering_after(5),
    ]
}

fn rectangle(x: (f64, f64), y: (f64, f64)) -> [(f64, f64); 4] {
    [(x.0, y.0), (x.1, y.0), (x.1, y.1), (x.0, y.1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn outline_contains_the_positions_inside() {
        let square = &street_zones()[1];
        assert!(square.contains(0.0, -12.0));
        assert!(!square.contains(0.0, -7.0));
        assert!(!square.contains(-27.0, -9.0), "outside the slanted side");
        let empty = Zone::new(1, "", ZoneType::None, 0.0, &[]);
        assert!(!empty.contains(0.0, 0.0));
    }

    #[test]
    fn every_type_exists_and_every_zone_has_its_own_id() {
        let kinds: BTreeSet<i32> = street_zones()
            .iter()
            .map(|zone| zone.config.r#type)
            .collect();
        assert_eq!(kinds, (1..=7).collect());
        let ids: BTreeSet<i32> = street_zones().iter().map(|zone| zone.config.id).collect();
        assert_eq!(ids.len(), street_zones().len());
    }
}
