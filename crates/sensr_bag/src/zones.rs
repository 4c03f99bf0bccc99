//! The command `zones`: the zones of a site as GeoJSON (RFC 7946).
//!
//! With an origin, positions are longitude and latitude on WGS 84. Without one they are metres in the frame of the zones,
//! which GeoJSON does not provide for: the member `coordinates` says so.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use ros_bag::{Message, Topic, Value};
use sensr_bridge::topic::Topic as BridgeTopic;
use serde_json::{Value as Json, json};

use super::arguments::ZonesOptions;
use super::error::Error;
use super::messages::{Form, is_on, read_values};
use super::output::Output;
use super::place::{Georeference, Place, TRANSFORMS};
use super::recording::Recording;
use super::selection::{TimeRange, format_time};

const ZONES: &str = BridgeTopic::Zones.message_type();
const FIX: &str = "sensor_msgs/msg/NavSatFix";

/// Zones of a topic as last recorded in the range of time.
struct Zones {
    frame: String,
    recorded_ns: u64,
    features: Vec<Zone>,
}

struct Zone {
    corners: Vec<[f64; 3]>,
    properties: serde_json::Map<String, Json>,
}

/// Writes the zones as they were last in the range of time.
pub(crate) fn run(options: &ZonesOptions) -> Result<(), Error> {
    let source = &options.source;
    let is_json = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| ["geojson", "json"].contains(&ending))
    };
    if let Some(path) = options.output.as_deref().filter(|path| !is_json(path)) {
        return Err(Error::Format {
            path: path.to_owned(),
            endings: "*.geojson or *.json",
        });
    }
    let recording = Recording::open(&source.bag)?;
    let is_sought = |topic: &Topic| topic.kind == ZONES;
    let topics = recording.topics(&source.topic, "of zones", is_sought)?;
    let range = recording.range(source)?;
    let mut zones = BTreeMap::new();
    let mut place = Place::default();
    let is_of_topics = is_on(&topics);
    let is_zones =
        |message: &Message<'_>| range.contains(message.recorded_ns) && is_of_topics(message);
    let is_of_place =
        |message: &Message<'_>| [FIX, TRANSFORMS].contains(&message.topic.kind.as_str());
    // The place is that of the whole recording: latched messages may come before the range.
    let from_begin = TimeRange {
        from_ns: i128::MIN,
        ..range
    };
    read_values(
        &recording,
        from_begin,
        |message| is_zones(message) || is_of_place(message),
        |message, value| {
            let topic = message.topic;
            match topic.kind.as_str() {
                FIX => place.take_fix(namespace_of(&topic.name), value),
                TRANSFORMS => place.links.take(value),
                _ => {
                    zones.insert(topic.name.clone(), zones_of(value, message.recorded_ns));
                }
            }
            Ok(Form::Valid)
        },
    )?;
    if zones.is_empty() {
        return Err(Error::Nothing {
            path: source.bag.path.clone(),
            hint:
                "zones come when the bridge connects, and when they change; give an earlier --from"
                    .to_owned(),
        });
    }
    let collection = collect(options, &zones, &place)?;
    let mut output = Output::create(options.output.as_deref(), options.overwrite)?;
    let text = format!("{collection:#}\n");
    output
        .write_all(text.as_bytes())
        .map_err(|error| output.error(error))?;
    output.commit()
}

fn collect(
    options: &ZonesOptions,
    zones: &BTreeMap<String, Zones>,
    place: &Place,
) -> Result<Json, Error> {
    let mut features = Vec::new();
    let mut in_degrees = None;
    for (topic, zones) in zones {
        let georeference = if options.metres {
            None
        } else {
            let found = place.georeference(namespace_of(topic), &zones.frame, options.heading_deg);
            found.map_err(Error::Argument)?
        };
        if options.heading_deg.is_some() && georeference.is_none() && !options.metres {
            let text =
                format!("--heading-deg has no effect: the recording has no origin for {topic}");
            return Err(Error::Argument(text));
        }
        if georeference
            .as_ref()
            .is_some_and(|found| found.is_heading_assumed)
        {
            log::warn!(
                "{topic}: the recording does not tell where x points on earth, east is assumed; set earth_frame of the \
                 bridge and record /tf_static, or give --heading-deg"
            );
        }
        // One file has one kind of coordinates.
        let is_first = *in_degrees.get_or_insert(georeference.is_some());
        if is_first != georeference.is_some() {
            let text =
                "some zones have an origin and others none: choose with --topic, or give --metres";
            return Err(Error::Argument(text.to_owned()));
        }
        features.extend(
            zones
                .features
                .iter()
                .map(|zone| feature(topic, zones, zone, georeference.as_ref())),
        );
    }
    let coordinates = match in_degrees {
        Some(true) => {
            "longitude and latitude in degrees on WGS 84, altitude above the ellipsoid in metres"
        }
        _ => "x, y and z in metres in the frame of each zone; they are no longitudes and latitudes",
    };
    Ok(json!({"type": "FeatureCollection", "coordinates": coordinates, "features": features}))
}

fn feature(topic: &str, zones: &Zones, zone: &Zone, georeference: Option<&Georeference>) -> Json {
    let position =
        |corner: &[f64; 3]| georeference.map_or(*corner, |place| place.position_of(*corner));
    let mut ring: Vec<[f64; 3]> = zone.corners.iter().map(position).collect();
    // Exterior rings run counterclockwise.
    if signed_area(&ring) < 0.0 {
        ring.reverse();
    }
    ring.extend(ring.first().copied());
    let is_usable = ring.len() >= 4 && ring.iter().flatten().all(|value| value.is_finite());
    let mut properties = zone.properties.clone();
    properties.insert("topic".to_owned(), topic.into());
    properties.insert("frame_id".to_owned(), zones.frame.as_str().into());
    let recorded = format_time(zones.recorded_ns.cast_signed());
    properties.insert("recorded".to_owned(), recorded.into());
    if let Some(place) = georeference {
        properties.insert("heading_deg".to_owned(), place.origin.heading_deg.into());
        properties.insert(
            "heading_is_assumed".to_owned(),
            place.is_heading_assumed.into(),
        );
    }
    json!({
        "type": "Feature",
        // A feature may lack a place.
        "geometry": is_usable.then(|| json!({"type": "Polygon", "coordinates": [ring]})),
        "properties": properties,
    })
}

fn signed_area(ring: &[[f64; 3]]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter()
        .zip(next)
        .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
        .sum()
}

fn zones_of(message: &Value<'_>, recorded_ns: u64) -> Zones {
    let frame = message.get("header.frame_id").and_then(Value::as_str);
    let zones = message
        .get("zones")
        .and_then(Value::as_list)
        .unwrap_or_default();
    Zones {
        frame: frame.unwrap_or_default().to_owned(),
        recorded_ns,
        features: zones.iter().map(zone_of).collect(),
    }
}

fn zone_of(zone: &Value<'_>) -> Zone {
    let number = |value: Option<&Value<'_>>| value.and_then(Value::as_f64).unwrap_or(f64::NAN);
    let corners = zone
        .get("space.points")
        .and_then(Value::as_list)
        .unwrap_or_default();
    let corners = corners
        .iter()
        .map(|corner| ["x", "y", "z"].map(|axis| number(corner.get(axis))));
    let mut properties = serde_json::Map::new();
    let mut set =
        |name: &str, value: Option<Json>| properties.insert(name.to_owned(), value.into());
    set("id", zone.get("id").and_then(Value::as_i64).map(Json::from));
    set(
        "name",
        zone.get("name").and_then(Value::as_str).map(Json::from),
    );
    let kind = zone.get("type").and_then(Value::as_i64);
    set("type", kind.map(Json::from));
    if let Value::Message(definition, _) = zone {
        let mut constants = definition
            .constants
            .iter()
            .filter(|constant| Some(constant.value) == kind);
        let name = constants.find_map(|constant| constant.name.strip_prefix("TYPE_"));
        set("type_name", name.map(|name| name.to_lowercase().into()));
    }
    // JSON has no NaN.
    let height = |path| serde_json::Number::from_f64(number(zone.get(path))).map(Json::from);
    set("min_z_m", height("space.min_z"));
    set("max_z_m", height("space.max_z"));
    Zone {
        corners: corners.collect(),
        properties,
    }
}

/// Returns the namespace of a topic directly in it.
fn namespace_of(topic: &str) -> &str {
    topic
        .rsplit_once('/')
        .map_or("", |(namespace, _)| namespace)
}
