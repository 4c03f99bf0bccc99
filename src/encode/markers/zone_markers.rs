//! Markers of zones.

use std::fmt::{self, Write as _};

use super::diff::{MarkerDiff, MarkerIds};
use super::shape::Prism;
use super::style::{self, Color, MarkerStyle, MarkerType};
use super::{MarkerArrayWriter, UNLIMITED_LIFETIME};
use ros_cdr::Header;
use sensr_protocol::text::decode_lossy;
use sensr_protocol::wire::proto::ZoneConfig;

/// Indices of the namespaces of zones.
const WALLS: usize = 0;
const OUTLINE: usize = 1;
const NAME: usize = 2;

const NAMESPACES: [&str; 3] = ["zone", "zone outline", "zone name"];

const WALL_ALPHA: f32 = 0.15;
const OUTLINE_ALPHA: f32 = 0.8;
const OUTLINE_WIDTH_M: f64 = 0.1;
const TEXT_HEIGHT_M: f64 = 1.0;
/// Distance from the top of the zone to the middle of two lines of text.
const TEXT_ABOVE_M: f64 = 1.5;
/// Height below which zones have no walls.
const MIN_HEIGHT_M: f64 = 0.01;

/// Writes the markers of zones.
///
/// The namespaces are `zone` (the walls), `zone outline` and `zone name`. The marker's id is the zone's. The color
/// depends on the zone's type.
#[derive(Debug)]
pub struct ZoneMarkers {
    zones: MarkerDiff<3>,
    buffer: Vec<u8>,
}

impl Default for ZoneMarkers {
    fn default() -> Self {
        Self {
            zones: MarkerDiff::new(NAMESPACES),
            buffer: Vec::new(),
        }
    }
}

impl ZoneMarkers {
    /// Serializes the `MarkerArray` that replaces the zones shown before, with unlimited lifetime.
    ///
    /// It does not depend on the arrays before, which may have been lost: it deletes all markers of the topic. Of zones
    /// with the same id the first is drawn.
    pub fn encode(&mut self, header: Header<'_>, zones: &[ZoneConfig]) -> &[u8] {
        let mut array = MarkerArrayWriter::begin(&mut self.buffer, header, UNLIMITED_LIFETIME);
        array.delete_all();
        self.zones.begin_array();
        for zone in zones {
            if let Some(prism) = Prism::from_polygon_box(zone.pbox.as_ref())
                && let Some(ids) = self.zones.begin_markers(zone.id)
            {
                draw_zone(&mut array, ids, zone, prism);
            }
        }
        array.finish();
        &self.buffer
    }

    /// Serializes the `MarkerArray` that deletes all markers of the topic.
    pub fn clear(&mut self, header: Header<'_>) -> &[u8] {
        super::encode_clear(&mut self.buffer, header)
    }
}

fn draw_zone(
    array: &mut MarkerArrayWriter<'_>,
    mut ids: MarkerIds<'_>,
    zone: &ZoneConfig,
    prism: Prism<'_>,
) {
    let color = style::zone_color(zone.r#type);
    if prism.is_polygon() {
        draw_walls(array, &mut ids, prism, color);
        draw_outline(array, &mut ids, prism, color);
    }
    draw_name(array, &mut ids, zone, prism, color);
}

fn draw_walls(
    array: &mut MarkerArrayWriter<'_>,
    ids: &mut MarkerIds<'_>,
    prism: Prism<'_>,
    color: Color,
) {
    if prism.top - prism.bottom >= MIN_HEIGHT_M {
        let style = MarkerStyle::of_points(
            MarkerType::TriangleList,
            [1.0; 3],
            color.with_alpha(WALL_ALPHA),
        );
        array.add_points(ids.add_in(WALLS), style, prism.walls(), std::iter::empty());
    }
}

fn draw_outline(
    array: &mut MarkerArrayWriter<'_>,
    ids: &mut MarkerIds<'_>,
    prism: Prism<'_>,
    color: Color,
) {
    let scale = [OUTLINE_WIDTH_M, 0.0, 0.0];
    let style =
        MarkerStyle::of_points(MarkerType::LineList, scale, color.with_alpha(OUTLINE_ALPHA));
    let [bottom, top] = [prism.bottom, prism.top].map(|z| prism.outline_at(z));
    let lines = bottom.chain(top).chain(prism.vertical_edges());
    array.add_points(ids.add_in(OUTLINE), style, lines, std::iter::empty());
}

fn draw_name(
    array: &mut MarkerArrayWriter<'_>,
    ids: &mut MarkerIds<'_>,
    zone: &ZoneConfig,
    prism: Prism<'_>,
    color: Color,
) {
    let [x, y] = prism.center();
    let style = MarkerStyle::of_text(
        [x, y, prism.top + TEXT_ABOVE_M],
        TEXT_HEIGHT_M,
        color.lighter(),
    );
    array.add_text(ids.add_in(NAME), style, format_args!("{}", Title(zone)));
}

/// Id, name and type of a zone. The id is included although most zones have a name: rviz draws blanks for characters
/// missing in its font, such as Korean ones.
struct Title<'a>(&'a ZoneConfig);

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(zone) = self;
        // Line feeds would shift the text.
        let is_blank = |letter: char| letter.is_control() || letter.is_whitespace();
        let name = decode_lossy(&zone.name);
        let name = name.trim_matches(is_blank);
        if name.is_empty() {
            write!(f, "zone {}", zone.id)?;
        } else {
            write!(f, "{}: ", zone.id)?;
        }
        for letter in name.chars() {
            f.write_char(if letter.is_control() { ' ' } else { letter })?;
        }
        match style::zone_type_name(zone.r#type) {
            Some(type_name) => write!(f, "\n{type_name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::rviz::{HEADER, Marker, Rviz, any_coordinate, read_markers};
    use super::*;
    use sensr_protocol::wire::proto::{PolygonBox, Vector2, ZoneType};

    const SQUARE: [(f32, f32); 4] = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)];

    fn zone(id: i32, corners: &[(f32, f32)]) -> ZoneConfig {
        ZoneConfig {
            id,
            name: Vec::new(),
            pbox: Some(PolygonBox {
                points: corners.iter().map(|&(x, y)| Vector2 { x, y }).collect(),
                min_z: 0.0,
                max_z: 3.0,
            }),
            r#type: ZoneType::MapExclusion.into(),
        }
    }

    fn markers_of(zone: ZoneConfig) -> Vec<Marker> {
        let markers = read_markers(ZoneMarkers::default().encode(HEADER, &[zone]));
        markers
            .into_iter()
            .filter(|marker| marker.action == 0)
            .collect()
    }

    #[test]
    fn square_has_four_walls_twelve_edges_and_a_name_above_its_center() {
        let markers = markers_of(zone(7, &SQUARE));
        let [walls, outline, name] = &markers[..] else {
            panic!("{markers:?}")
        };
        assert_eq!((walls.kind, walls.points.len()), (11, 4 * 6));
        assert_eq!((outline.kind, outline.points.len()), (5, 12 * 2));
        assert_eq!(
            (name.kind, name.position[..2].to_vec()),
            (9, vec![2.0, 2.0])
        );
        assert!(name.position[2] > 3.0);
        assert!(
            markers
                .iter()
                .all(|marker| marker.lifetime.is_zero() && marker.id == 7)
        );
    }

    #[test]
    fn name_shows_id_name_and_type() {
        let text = |name: &str, zone_type| {
            let zone = ZoneConfig {
                name: name.into(),
                r#type: zone_type,
                ..zone(7, &SQUARE)
            };
            markers_of(zone).pop().expect("the name").text
        };
        assert_eq!(text("north\tgate\n", 4), "7: north gate\ngate");
        assert_eq!(text("남문 입구", 77), "7: 남문 입구");
        assert_eq!(text("north\0gate", 77), "7: north\u{fffd}gate");
        assert_eq!(text(" ", 6), "zone 7\nmap exclusion");
        assert_eq!(text("", 77), "zone 7");
    }

    #[test]
    fn zone_without_area_has_a_name_only_and_without_corners_nothing() {
        assert_eq!(markers_of(zone(7, &SQUARE[..2])).len(), 1);
        assert!(markers_of(zone(7, &[])).is_empty());
        assert!(markers_of(ZoneConfig::default()).is_empty());
    }

    #[test]
    fn array_does_not_depend_on_those_before_it() {
        let mut markers = ZoneMarkers::default();
        let mut rviz = Rviz::default();
        rviz.apply(markers.encode(HEADER, &[zone(1, &SQUARE), zone(2, &SQUARE)]));
        markers.encode(HEADER, &[zone(2, &SQUARE)]);
        rviz.apply(markers.encode(HEADER, &[zone(3, &SQUARE)]));
        assert!(rviz.shown().iter().all(|&(_, id)| id == 3));
    }

    #[test]
    fn cleared_zones_are_deleted_only_once() {
        let (mut markers, mut rviz) = (ZoneMarkers::default(), Rviz::default());
        rviz.apply(markers.encode(HEADER, &[zone(1, &SQUARE), zone(2, &SQUARE)]));
        rviz.apply(markers.clear(HEADER));
        assert!(rviz.shown().is_empty());
        rviz.apply(markers.encode(HEADER, &[zone(2, &SQUARE)]));
        assert_eq!(rviz.shown().len(), NAMESPACES.len());
    }

    proptest! {
        #[test]
        fn rviz_shows_the_zones_sent_last(lists in vec(vec((0..6, 0..5usize), 0..8), 1..6)) {
            let (mut markers, mut rviz) = (ZoneMarkers::default(), Rviz::default());
            for list in lists {
                let zones: Vec<_> = list.iter().map(|&(id, n)| zone(id, &SQUARE[..n.min(4)])).collect();
                rviz.apply(markers.encode(HEADER, &zones));
                let (mut expected, mut ids) = (BTreeSet::new(), BTreeSet::new());
                for (id, corners) in list {
                    if corners > 0 && ids.insert(id) {
                        let from = if corners < 3 { NAME } else { WALLS };
                        expected.extend(NAMESPACES[from..].iter().map(|&name| (name, id)));
                    }
                }
                prop_assert_eq!(rviz.shown(), expected);
            }
        }

        #[test]
        fn rviz_accepts_any_zone(
            corners in vec((any_coordinate(), any_coordinate()), 0..6),
            (min_z, max_z) in (any_coordinate(), any_coordinate()),
            name: Vec<u8>,
            r#type in -1..10,
        ) {
            let mut zone = ZoneConfig { name, r#type, ..zone(1, &corners) };
            zone.pbox = zone.pbox.map(|pbox| PolygonBox { min_z, max_z, ..pbox });
            Rviz::default().apply(ZoneMarkers::default().encode(HEADER, &[zone]));
        }
    }
}
