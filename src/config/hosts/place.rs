//! Transform and origin of a site in the hosts file.

use serde::de::MapAccess;

use super::keys::{ORIGIN_KEYS, TRANSFORM_KEYS};
use super::parse::BoolField;
use super::value::{
    FieldSeed, Forgiveness, HostsField, TypedScalar, UniqueKeys, known_keys, mismatch,
};
use super::{SiteOrigin, SiteTransform};
use crate::config::place::{
    ALTITUDE_M, ANGLE_DEG, HEADING_DEG, LATITUDE_DEG, LONGITUDE_DEG, TRANSLATION_M,
};

/// Transform of a site: a mapping of metres and degrees.
pub(super) struct TransformField;

impl<'de> HostsField<'de> for TransformField {
    type Value = SiteTransform;
    const RULE: &'static str =
        "transform is a mapping of x_m, y_m, z_m, roll_deg, pitch_deg and yaw_deg";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<SiteTransform, String> {
        Err(mismatch::<Self>(value))
    }

    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<SiteTransform>, A::Error> {
        let keys = UniqueKeys::new(known_keys("transform", TRANSFORM_KEYS), forgiveness);
        let mut transform = SiteTransform::default();
        while let Some(key) = keys.next_key(&mut entries)? {
            let SiteTransform {
                translation_m: [x, y, z],
                rpy_deg: [roll, pitch, yaw],
            } = &mut transform;
            let (value, is_angle) = match &*key {
                "x_m" => (x, false),
                "y_m" => (y, false),
                "z_m" => (z, false),
                "roll_deg" => (roll, true),
                "pitch_deg" => (pitch, true),
                _ => (yaw, true),
            };
            *value = if is_angle {
                entries.next_value_seed(FieldSeed(AngleField, forgiveness))?
            } else {
                entries.next_value_seed(FieldSeed(MetresField, forgiveness))?
            };
        }
        Ok(Some(transform))
    }
}

/// Origin of a site on earth.
pub(super) struct OriginField;

impl<'de> HostsField<'de> for OriginField {
    type Value = SiteOrigin;
    const RULE: &'static str = "origin is a mapping with latitude_deg and longitude_deg, and maybe altitude_m, \
                                heading_deg and enabled";

    fn read_scalar(self, value: TypedScalar<'_>) -> Result<SiteOrigin, String> {
        Err(mismatch::<Self>(value))
    }

    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<SiteOrigin>, A::Error> {
        let keys = UniqueKeys::new(known_keys("origin", ORIGIN_KEYS), forgiveness);
        let (mut latitude, mut longitude) = (None, None);
        let mut origin = SiteOrigin::default();
        while let Some(key) = keys.next_key(&mut entries)? {
            match &*key {
                "enabled" => {
                    let read = entries.next_value_seed(FieldSeed(BoolField, forgiveness))?;
                    origin.enabled = read.unwrap_or(true);
                }
                "latitude_deg" => {
                    let read = entries.next_value_seed(FieldSeed(LatitudeField, forgiveness))?;
                    latitude = Some(read.unwrap_or_default());
                }
                "longitude_deg" => {
                    let read = entries.next_value_seed(FieldSeed(LongitudeField, forgiveness))?;
                    longitude = Some(read.unwrap_or_default());
                }
                "altitude_m" => {
                    origin.altitude_m =
                        entries.next_value_seed(FieldSeed(AltitudeField, forgiveness))?;
                }
                _ => {
                    origin.heading_deg =
                        entries.next_value_seed(FieldSeed(HeadingField, forgiveness))?;
                }
            }
        }
        for (value, name) in [(latitude, "latitude_deg"), (longitude, "longitude_deg")] {
            if value.is_none() {
                forgiveness.raise::<A::Error>(format_args!("the origin has no `{name}:`"))?;
            }
        }
        let place = latitude.zip(longitude);
        Ok(place.map(|(latitude_deg, longitude_deg)| SiteOrigin {
            latitude_deg,
            longitude_deg,
            ..origin
        }))
    }
}

/// Declares fields that are numbers of a range.
macro_rules! number_fields {
    ($($name:ident: $range:ident, $rule:literal;)*) => {
        $(
            struct $name;

            impl HostsField<'_> for $name {
                type Value = f64;
                const RULE: &'static str = $rule;

                fn read_scalar(self, value: TypedScalar<'_>) -> Result<f64, String> {
                    // Numbers may be quoted.
                    let (TypedScalar::Number(text) | TypedScalar::Text(text)) = value else {
                        return Err(mismatch::<Self>(value));
                    };
                    let number = text.trim().parse().ok();
                    number
                        .filter(|number| $range.contains(number))
                        .ok_or_else(|| mismatch::<Self>(value))
                }
            }
        )*
    };
}

number_fields! {
    MetresField: TRANSLATION_M, "a translation is a number of metres from -10000000 to 10000000";
    AngleField: ANGLE_DEG, "an angle is a number of degrees from -360 to 360";
    LatitudeField: LATITUDE_DEG, "latitude_deg is a number of degrees north from -90 to 90";
    LongitudeField: LONGITUDE_DEG, "longitude_deg is a number of degrees east from -180 to 180";
    AltitudeField: ALTITUDE_M, "altitude_m is a number of metres above the WGS 84 ellipsoid from -1000 to 10000";
    HeadingField: HEADING_DEG, "heading_deg is a number of degrees clockwise from true north from 0 to 360";
}
