//! Place of a site on earth, as far as a recording tells it: the topic `origin`, and the transforms of `/tf_static`.

use std::collections::BTreeMap;

use ros_bag::Value;
use sensr_bridge::place::{EAST_DEG, Origin, Rotation, Transform};

/// Distance from the centre of the earth above which a transform is one from the frame of the earth, metres.
const EARTH_M: f64 = 6_000_000.0;

/// Type of `/tf_static`.
pub(crate) const TRANSFORMS: &str = "tf2_msgs/msg/TFMessage";

/// Transform of a child frame within its parent frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    pub parent: String,
    pub child: String,
    transform: Transform,
}

/// Transforms that a recording has told so far, the latest one of each child frame.
#[derive(Debug, Default)]
pub(crate) struct Links(Vec<Link>);

impl Links {
    /// Takes a `tf2_msgs/TFMessage`.
    pub(crate) fn take(&mut self, message: &Value<'_>) {
        let transforms = message.get("transforms").and_then(Value::as_list);
        for link in transforms.unwrap_or_default().iter().filter_map(link_of) {
            self.0.retain(|one| one.child != link.child);
            self.0.push(link);
        }
    }

    /// Returns the transform of a child frame.
    pub(crate) fn to_child(&self, child: &str) -> Option<&Link> {
        self.0.iter().find(|link| link.child == child)
    }
}

/// Origin on earth as a recording tells it: without a heading.
#[derive(Debug, Clone, PartialEq)]
struct Fix {
    frame: String,
    latitude_deg: f64,
    longitude_deg: f64,
    altitude_m: f64,
}

/// Origins of the bridges and transforms that a recording has told so far.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// By the namespace of the bridge.
    fixes: BTreeMap<String, Fix>,
    pub links: Links,
}

/// Place from which points in a frame are converted to degrees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Georeference {
    pub origin: Origin,
    /// The heading is not told by the recording or the user.
    pub is_heading_assumed: bool,
    /// Transform from the origin's frame to that of the points.
    link: Option<Link>,
}

impl Place {
    /// Takes a `sensor_msgs/NavSatFix` of the bridge in a namespace. One without a fix ends the origin.
    pub(crate) fn take_fix(&mut self, namespace: &str, message: &Value<'_>) {
        match fix_of(message) {
            Some(fix) => self.fixes.insert(namespace.to_owned(), fix),
            None => self.fixes.remove(namespace),
        };
    }

    /// Returns the georeference of a frame of the bridge in a namespace, or `None` if it has no origin. Fails if the frame has
    /// no known relation to that of the origin.
    pub(crate) fn georeference(
        &self,
        namespace: &str,
        frame: &str,
        heading_deg: Option<f64>,
    ) -> Result<Option<Georeference>, String> {
        let Some(fix) = self.fixes.get(namespace) else {
            return Ok(None);
        };
        let link = match self.links.to_child(frame) {
            _ if frame == fix.frame => None,
            Some(link) if link.parent == fix.frame => Some(link.clone()),
            _ => {
                return Err(format!(
                    "the zones are in {frame}, the origin in {}, and the recording has no transform on /tf_static \
                     between them: record /tf_static too, or give --metres",
                    fix.frame
                ));
            }
        };
        let known = heading_deg.or_else(|| {
            let earth = self.links.to_child(&fix.frame)?;
            let is_earth = length(earth.transform.translation) > EARTH_M;
            is_earth.then(|| heading_of(earth.transform.rotation, fix))
        });
        Ok(Some(Georeference {
            origin: Origin {
                latitude_deg: fix.latitude_deg,
                longitude_deg: fix.longitude_deg,
                altitude_m: fix.altitude_m,
                heading_deg: known.unwrap_or(EAST_DEG),
            },
            is_heading_assumed: known.is_none(),
            link,
        }))
    }
}

impl Georeference {
    /// Returns longitude and latitude in degrees, and the altitude in metres, of a point.
    pub(crate) fn position_of(&self, point: [f64; 3]) -> [f64; 3] {
        let point = match &self.link {
            Some(link) => link.transform.apply(point),
            None => point,
        };
        let place = self.origin.geodetic_of(point);
        [place.longitude_deg, place.latitude_deg, place.altitude_m]
    }
}

impl Link {
    /// Returns whether the frames are the same but for their names.
    pub(crate) fn is_identity(&self) -> bool {
        let Transform {
            translation,
            rotation: Rotation([x, y, z, _]),
        } = self.transform;
        let mut parts = translation.into_iter().chain([x, y, z]);
        parts.all(|part| part.abs() < 1e-9)
    }
}

fn fix_of(message: &Value<'_>) -> Option<Fix> {
    let number = |name| message.get(name).and_then(Value::as_f64);
    let has_fix = message.get("status.status")?.as_i64()? >= 0;
    let fix = Fix {
        frame: message.get("header.frame_id")?.as_str()?.to_owned(),
        latitude_deg: number("latitude")?,
        longitude_deg: number("longitude")?,
        altitude_m: number("altitude")?,
    };
    has_fix.then_some(fix)
}

fn link_of(transform: &Value<'_>) -> Option<Link> {
    let number = |path: String| transform.get(&path).and_then(Value::as_f64);
    let text = |path| Some(transform.get(path)?.as_str()?.to_owned());
    let translation = ["x", "y", "z"].map(|axis| number(format!("transform.translation.{axis}")));
    let rotation = ["x", "y", "z", "w"].map(|axis| number(format!("transform.rotation.{axis}")));
    let [Some(tx), Some(ty), Some(tz)] = translation else {
        return None;
    };
    let [Some(x), Some(y), Some(z), Some(w)] = rotation else {
        return None;
    };
    Some(Link {
        parent: text("header.frame_id")?,
        child: text("child_frame_id")?,
        transform: Transform {
            translation: [tx, ty, tz],
            rotation: Rotation([x, y, z, w]),
        },
    })
}

/// Returns where the x axis of a frame points, degrees clockwise from true north, of its rotation in the earth frame.
fn heading_of(in_earth_frame: Rotation, fix: &Fix) -> f64 {
    let [x, y, z] = in_earth_frame.rotate([1.0, 0.0, 0.0]);
    let (sin_lat, cos_lat) = fix.latitude_deg.to_radians().sin_cos();
    let (sin_lon, cos_lon) = fix.longitude_deg.to_radians().sin_cos();
    let east = -sin_lon * x + cos_lon * y;
    let north = -sin_lat * cos_lon * x - sin_lat * sin_lon * y + cos_lat * z;
    east.atan2(north).to_degrees().rem_euclid(360.0)
}

fn length(vector: [f64; 3]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin {
        latitude_deg: 37.5,
        longitude_deg: 127.0,
        altitude_m: 50.0,
        heading_deg: 12.0,
    };

    fn link(parent: &str, child: &str, transform: Transform) -> Link {
        Link {
            parent: parent.to_owned(),
            child: child.to_owned(),
            transform,
        }
    }

    fn place(links: Vec<Link>) -> Place {
        let fix = Fix {
            frame: "map".to_owned(),
            latitude_deg: 37.5,
            longitude_deg: 127.0,
            altitude_m: 50.0,
        };
        Place {
            fixes: [("/site".to_owned(), fix)].into(),
            links: Links(links),
        }
    }

    #[test]
    fn the_heading_is_that_of_the_transform_from_the_earth() {
        for heading_deg in [0.0, 12.0, 90.0, 179.0, 271.5] {
            let origin = Origin {
                heading_deg,
                ..ORIGIN
            };
            let place = place(vec![link("earth", "map", origin.in_earth_frame())]);
            let found = place
                .georeference("/site", "map", None)
                .expect("related")
                .expect("an origin");
            assert!(
                (found.origin.heading_deg - heading_deg).abs() < 1e-9,
                "{found:?}"
            );
            assert!(!found.is_heading_assumed);
        }
    }

    #[test]
    fn an_unknown_heading_is_east() {
        let place = place(Vec::new());
        let found = place
            .georeference("/site", "map", None)
            .expect("related")
            .expect("an origin");
        assert!(found.is_heading_assumed);
        let [longitude, latitude, _] = found.position_of([10.0, 0.0, 0.0]);
        assert!(longitude > 127.0001 && (latitude - 37.5).abs() < 1e-7);
        let given = place
            .georeference("/site", "map", Some(0.0))
            .expect("related")
            .expect("an origin");
        assert!(!given.is_heading_assumed);
        assert!(given.position_of([10.0, 0.0, 0.0])[1] > 37.50005);
    }

    #[test]
    fn points_pass_through_the_transform_of_their_frame() {
        let quarter_turn = Transform {
            translation: [100.0, 0.0, 5.0],
            rotation: Rotation::from_rpy_deg([0.0, 0.0, 90.0]),
        };
        let place = place(vec![link("map", "sensr", quarter_turn)]);
        let found = place
            .georeference("/site", "sensr", Some(90.0))
            .expect("related")
            .expect("an origin");
        let direct = place
            .georeference("/site", "map", Some(90.0))
            .expect("related")
            .expect("an origin");
        let (a, b) = (
            found.position_of([0.0, -20.0, 1.0]),
            direct.position_of([120.0, 0.0, 6.0]),
        );
        assert!(
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9),
            "{a:?} {b:?}"
        );
        let error = place
            .georeference("/site", "other", None)
            .expect_err("unrelated");
        assert!(
            error.contains("other") && error.contains("--metres"),
            "{error}"
        );
    }

    #[test]
    fn without_a_fix_there_is_no_georeference() {
        assert_eq!(
            Place::default().georeference("/site", "map", None),
            Ok(None)
        );
    }
}
