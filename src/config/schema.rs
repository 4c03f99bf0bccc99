//! JSON Schemas of parameter files and of the hosts file, for editors and checks outside ROS.
//!
//! Generated from the tables that the bridge itself reads by. Dialect: JSON Schema 2020-12. A schema knows names,
//! types, ranges and choices; what depends on several values, or on other files, only the bridge checks.

use serde_json::{Map, Value, json};

use super::hosts::keys::{FILE_KEYS, ORIGIN_KEYS, SITE_KEYS, TLS_KEYS, TRANSFORM_KEYS};
use super::parameter::StringRule;
use super::place::{
    ALTITUDE_M, ANGLE_DEG, HEADING_DEG, LATITUDE_DEG, LONGITUDE_DEG, TRANSLATION_M,
};
use super::table::{Parameter, ParameterKind, ParameterTable};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A name without blanks and leading slash, as a regular expression.
const FRAME: &str = r"^[^/\s]\S*$";

/// Returns the schema of a ROS parameter file with the parameters of a table. Sections of other nodes are not checked.
#[must_use]
pub fn parameter_file_schema(table: &ParameterTable) -> Value {
    let name = table.executable;
    let section = json!({
        "type": "object",
        "properties": {"ros__parameters": parameters_schema(table)},
        "required": ["ros__parameters"],
        "additionalProperties": false,
    });
    json!({
        "$schema": DIALECT,
        "title": format!("ROS parameter file of {name}"),
        "type": "object",
        "patternProperties": {format!(r"^(/\*\*|/?(.*/)?{name})$"): section},
        "minProperties": 1,
    })
}

/// Returns the schema of the parameters: with dots in their names, or nested.
fn parameters_schema(table: &ParameterTable) -> Value {
    let mut properties = Map::new();
    let mut groups: Vec<(&str, Map<String, Value>)> = Vec::new();
    for parameter in table.parameters {
        let schema = parameter_schema(parameter);
        if let Some((group, name)) = parameter.name.split_once('.') {
            let known = groups.iter_mut().find(|(known, _)| *known == group);
            if let Some((_, members)) = known {
                members.insert(name.to_owned(), schema.clone());
            } else {
                let member = (name.to_owned(), schema.clone());
                groups.push((group, [member].into_iter().collect()));
            }
        }
        properties.insert(parameter.name.to_owned(), schema);
    }
    for (group, members) in groups {
        let schema = closed_object(members);
        properties.insert(group.to_owned(), schema);
    }
    properties.insert("use_sim_time".to_owned(), json!({"type": "boolean"}));
    closed_object(properties)
}

/// Returns the schema of a mapping with these keys and no others.
fn closed_object(properties: Map<String, Value>) -> Value {
    let properties = Value::Object(properties);
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn parameter_schema(parameter: &Parameter) -> Value {
    let mut schema = match parameter.kind {
        ParameterKind::Bool { default } => json!({"type": "boolean", "default": default}),
        ParameterKind::Integer { default, min, max } => {
            json!({"type": "integer", "default": default, "minimum": min, "maximum": max})
        }
        ParameterKind::Double { default, min, max } => {
            json!({"type": "number", "default": default, "minimum": min, "maximum": max})
        }
        ParameterKind::String { default, rule } => {
            let mut schema = string_schema(rule);
            schema["default"] = default.into();
            schema
        }
    };
    schema["description"] = parameter.description.into();
    schema
}

fn string_schema(rule: StringRule) -> Value {
    match rule {
        StringRule::OneOf(choices) => json!({"enum": choices}),
        StringRule::Frame => json!({"type": "string", "pattern": FRAME}),
        StringRule::FrameOrNone => json!({"type": "string", "pattern": r"^([^/\s]\S*)?$"}),
        StringRule::Path => json!({"type": "string", "minLength": 1}),
        StringRule::Host => json!({"type": "string", "pattern": r"^\S+$"}),
        StringRule::PathOrNone | StringRule::TopicPatterns | StringRule::ServerNameOrNone => {
            json!({"type": "string"})
        }
    }
}

/// Returns the schema of the hosts file.
///
/// # Panics
///
/// If the hosts file has a key that is not described here. A test generates the schema.
#[must_use]
pub fn hosts_schema() -> Value {
    let site = described(SITE_KEYS, site_key);
    let mut site = closed_object(site);
    site["required"] = json!(["address"]);
    let sites = json!({
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [address(), site]},
    });
    let file = described(FILE_KEYS, |_| sites.clone());
    json!({
        "$schema": DIALECT,
        "title": "Hosts file of sensr_bridge: named sites",
        "type": "object",
        "properties": file,
        "required": FILE_KEYS,
        "additionalProperties": false,
    })
}

fn described(keys: &[&str], describe: impl Fn(&str) -> Value) -> Map<String, Value> {
    let keys = keys.iter();
    keys.map(|key| ((*key).to_owned(), describe(key))).collect()
}

fn site_key(key: &str) -> Value {
    match key {
        "address" => address(),
        "output_port" | "points_port" => with_description(
            json!({"anyOf": [
                {"type": "integer", "minimum": 1, "maximum": u16::MAX},
                {"type": "string", "pattern": r"^\s*\d{1,5}\s*$"},
            ]}),
            "TCP port, overrides the parameter",
        ),
        "frame_id" => frame("Frame of SENSR's coordinates at this site"),
        "parent_frame" => frame("Parent frame of frame_id"),
        "earth_frame" => frame("Frame of the earth (REP 105)"),
        "transform" => with_description(
            closed_object(described(TRANSFORM_KEYS, |key| {
                if key.ends_with("_m") {
                    number(TRANSLATION_M, "Translation, metres")
                } else {
                    number(ANGLE_DEG, "Rotation about a fixed axis, degrees")
                }
            })),
            "Place of frame_id in parent_frame",
        ),
        "origin" => {
            let mut origin = closed_object(described(ORIGIN_KEYS, origin_key));
            origin["required"] = json!(["latitude_deg", "longitude_deg"]);
            with_description(origin, "Origin of parent_frame on earth (WGS 84)")
        }
        "tls" => with_description(
            json!({"anyOf": [truth(), {"type": "null"}, closed_object(described(TLS_KEYS, tls_key))]}),
            "TLS: on, off, or its settings",
        ),
        _ => unreachable!("the key {key} of a site has no schema"),
    }
}

fn origin_key(key: &str) -> Value {
    match key {
        "enabled" => truth(),
        "latitude_deg" => number(LATITUDE_DEG, "Degrees north"),
        "longitude_deg" => number(LONGITUDE_DEG, "Degrees east"),
        "altitude_m" => number(ALTITUDE_M, "Metres above the ellipsoid"),
        "heading_deg" => number(
            HEADING_DEG,
            "Heading of the x axis, degrees clockwise from true north",
        ),
        _ => unreachable!("the key {key} of an origin has no schema"),
    }
}

fn tls_key(key: &str) -> Value {
    match key {
        "enabled" | "verify_name" => truth(),
        "ca_file" => with_description(
            json!({"type": "string", "minLength": 1}),
            "CA file, relative to the hosts file",
        ),
        "server_name" => with_description(
            json!({"type": "string", "minLength": 1}),
            "Name that the certificate must be issued for",
        ),
        _ => unreachable!("the key {key} of tls has no schema"),
    }
}

fn address() -> Value {
    with_description(
        json!({"type": "string", "pattern": r"^[^\s/]+$"}),
        "Host name, IPv4 or IPv6 address of the SENSR machine, without scheme and port",
    )
}

fn frame(description: &str) -> Value {
    with_description(json!({"type": "string", "pattern": FRAME}), description)
}

/// A truth value of YAML 1.1, which is a string in YAML 1.2.
fn truth() -> Value {
    // In any case, for which there is no flag.
    let any_case = |word: &str| -> String {
        word.chars()
            .flat_map(|letter| ['[', letter.to_ascii_uppercase(), letter, ']'])
            .collect()
    };
    let words = ["true", "yes", "y", "on", "false", "no", "n", "off"].map(any_case);
    let pattern = format!("^({})$", words.join("|"));
    json!({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": pattern}]})
}

/// A number of a range. It may be quoted, which is not compared with the range.
fn number(range: std::ops::RangeInclusive<f64>, description: &str) -> Value {
    let number = json!({"type": "number", "minimum": range.start(), "maximum": range.end()});
    with_description(
        json!({"anyOf": [number, {"type": "string", "pattern": r"^\s*[-+]?[0-9.]+\s*$"}]}),
        description,
    )
}

fn with_description(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}
