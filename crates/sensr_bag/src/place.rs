//! Place of a site on earth, as far as a recording tells it: the topic `origin`, and the transforms of `/tf_static`.

use ros_bag::Value;
use sensr_bridge::place::{EAST_DEG, Origin};

/// Distance from the centre of the earth above which a transform is one from the frame of the earth, metres.
const EARTH_M: f64 = 6_000_000.0;

/// Type of `/tf_static`.
pub(crate) const TRANSFORMS: &str = "tf2_msgs/msg/TFMessage";

/// Rigid transform from a parent frame to a child frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    pub parent: String,
    pub child: String,
    translation: [f64; 3],
    /// Unit quaternion x, y, z, w.
    rotation: [f64; 4],
}

/// Origin and transforms that a recording has told so far.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Frame, latitude, longitude and altitude of the origin.
    fix: Option<(String, [f64; 3])>,
    links: Vec<Link>,
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
    /// Takes a `sensor_msgs/NavSatFix`. One without a fix ends the origin.
    pub(crate) fn take_fix(&mut self, message: &Value<'_>) {
        let number = |name| message.get(name).and_then(Value::as_f64);
        let frame = message.get("header.frame_id").and_then(Value::as_str);
        let status = message.get("status.status").and_then(Value::as_i64);
        self.fix = match (
            frame,
            number("latitude"),
            number("longitude"),
            number("altitude"),
        ) {
            (Some(frame), Some(latitude), Some(longitude), Some(altitude))
                if status.is_some_and(|status| status >= 0) =>
            {
                Some((frame.to_owned(), [latitude, longitude, altitude]))
            }
            _ => None,
        };
    }

    /// Takes a `tf2_msgs/TFMessage`.
    pub(crate) fn take_transforms(&mut self, message: &Value<'_>) {
        for link in links_of(message) {
            self.links.retain(|one| one.child != link.child);
            self.links.push(link);
        }
    }

    /// Takes over the transforms that another one knows.
    pub(crate) fn add_transforms(&mut self, other: &Self) {
        self.links.extend(other.links.iter().cloned());
    }

    /// Returns the georeference of a frame, or `None` if the recording has no origin. Fails if the frame has no known
    /// relation to that of the origin.
    pub(crate) fn georeference(
        &self,
        frame: &str,
        heading_deg: Option<f64>,
    ) -> Result<Option<Georeference>, String> {
        let Some((origin_frame, [latitude_deg, longitude_deg, altitude_m])) = &self.fix else {
            return Ok(None);
        };
        let to_child = |child: &str| self.links.iter().find(|link| link.child == child);
        let link = match to_child(frame) {
            _ if frame == origin_frame => None,
            Some(link) if link.parent == *origin_frame => Some(link.clone()),
            _ => {
                return Err(format!(
                    "the zones are in {frame}, the origin in {origin_frame}, and the recording has no transform on \
                     /tf_static between them: record /tf_static too, or give --metres"
                ));
            }
        };
        let known = heading_deg.or_else(|| {
            let earth = to_child(origin_frame).filter(|link| length(link.translation) > EARTH_M)?;
            Some(heading_of(earth, *latitude_deg, *longitude_deg))
        });
        Ok(Some(Georeference {
            origin: Origin {
                latitude_deg: *latitude_deg,
                longitude_deg: *longitude_deg,
                altitude_m: *altitude_m,
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
            Some(link) => {
                let turned = rotate(link.rotation, point);
                std::array::from_fn(|axis| turned[axis] + link.translation[axis])
            }
            None => point,
        };
        let place = self.origin.geodetic_of(point);
        [place.longitude_deg, place.latitude_deg, place.altitude_m]
    }
}

impl Link {
    /// Returns whether the frames are the same but for their names.
    pub(crate) fn is_identity(&self) -> bool {
        let [x, y, z, _] = self.rotation;
        let mut parts = self.translation.into_iter().chain([x, y, z]);
        parts.all(|part| part.abs() < 1e-9)
    }
}

/// Returns the transforms of a `tf2_msgs/TFMessage`.
pub(crate) fn links_of(message: &Value<'_>) -> Vec<Link> {
    let transforms = message.get("transforms").and_then(Value::as_list);
    let transforms = transforms.unwrap_or_default().iter();
    transforms.filter_map(link_of).collect()
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
        translation: [tx, ty, tz],
        rotation: [x, y, z, w],
    })
}

/// Returns where the x axis of a frame points, degrees clockwise from true north, of its transform from the earth frame.
fn heading_of(earth: &Link, latitude_deg: f64, longitude_deg: f64) -> f64 {
    let [x, y, z] = rotate(earth.rotation, [1.0, 0.0, 0.0]);
    let (sin_lat, cos_lat) = latitude_deg.to_radians().sin_cos();
    let (sin_lon, cos_lon) = longitude_deg.to_radians().sin_cos();
    let east = -sin_lon * x + cos_lon * y;
    let north = -sin_lat * cos_lon * x - sin_lat * sin_lon * y + cos_lat * z;
    east.atan2(north).to_degrees().rem_euclid(360.0)
}

fn length(vector: [f64; 3]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Rotates a vector by a unit quaternion.
fn rotate([x, y, z, w]: [f64; 4], vector: [f64; 3]) -> [f64; 3] {
    let axis = [x, y, z];
    let once = cross(axis, vector);
    let twice = cross(axis, once);
    std::array::from_fn(|at| vector[at] + 2.0 * (w * once[at] + twice[at]))
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
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

    fn link(parent: &str, child: &str, transform: sensr_bridge::place::Transform) -> Link {
        Link {
            parent: parent.to_owned(),
            child: child.to_owned(),
            translation: transform.translation,
            rotation: transform.rotation.0,
        }
    }

    fn place(links: Vec<Link>) -> Place {
        let fix = Some(("map".to_owned(), [37.5, 127.0, 50.0]));
        Place { fix, links }
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
                .georeference("map", None)
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
            .georeference("map", None)
            .expect("related")
            .expect("an origin");
        assert!(found.is_heading_assumed);
        let [longitude, latitude, _] = found.position_of([10.0, 0.0, 0.0]);
        assert!(longitude > 127.0001 && (latitude - 37.5).abs() < 1e-7);
        let given = place
            .georeference("map", Some(0.0))
            .expect("related")
            .expect("an origin");
        assert!(!given.is_heading_assumed);
        assert!(given.position_of([10.0, 0.0, 0.0])[1] > 37.50005);
    }

    #[test]
    fn points_pass_through_the_transform_of_their_frame() {
        let quarter_turn = sensr_bridge::place::Transform {
            translation: [100.0, 0.0, 5.0],
            rotation: sensr_bridge::place::Rotation::from_rpy_deg([0.0, 0.0, 90.0]),
        };
        let place = place(vec![link("map", "sensr", quarter_turn)]);
        let found = place
            .georeference("sensr", Some(90.0))
            .expect("related")
            .expect("an origin");
        let direct = place
            .georeference("map", Some(90.0))
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
        let error = place.georeference("other", None).expect_err("unrelated");
        assert!(
            error.contains("other") && error.contains("--metres"),
            "{error}"
        );
    }

    #[test]
    fn without_a_fix_there_is_no_georeference() {
        assert_eq!(Place::default().georeference("map", None), Ok(None));
    }
}
