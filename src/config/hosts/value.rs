//! Deserialization of a hosts file's YAML values, with error messages for people.
//!
//! `serde_yaml` adds path, line and column of the value to every error raised while it is read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use crate::config::escape::escape_invisible;
use crate::config::suggest::did_you_mean;

/// A single value with the type that the YAML parser gives it.
#[derive(Debug, Clone, Copy)]
pub(super) enum TypedScalar<'v> {
    /// No value after the colon, or only a comment, `null` or `~`.
    Missing,
    Bool(bool),
    /// A number, in YAML's notation.
    Number(&'v str),
    Text(&'v str),
}

impl fmt::Display for TypedScalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("nothing"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "\"{}\"", escape_invisible(text)),
        }
    }
}

/// Type of a field in the hosts file.
pub(super) trait HostsField<'de>: Sized {
    /// Result of reading the field.
    type Value;
    /// Clause that describes the allowed values.
    const RULE: &'static str;

    /// Reads a single value.
    fn read_scalar(self, value: TypedScalar<'_>) -> Result<Self::Value, String>;

    /// Reads a mapping.
    fn read_mapping<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(Error::custom(mismatch::<Self>("a mapping")))
    }
}

/// Returns an error message with the field's rule and the value found instead.
pub(super) fn mismatch<'de, F: HostsField<'de>>(got: impl fmt::Display) -> String {
    format!("{}, got {got}", F::RULE)
}

/// Deserializer of a [`HostsField`].
pub(super) struct FieldSeed<F>(pub(super) F);

impl<'de, F: HostsField<'de>> DeserializeSeed<'de> for FieldSeed<F> {
    type Value = F::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<F::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<F> FieldSeed<F> {
    fn read_scalar<'de, E: Error>(self, value: TypedScalar<'_>) -> Result<F::Value, E>
    where
        F: HostsField<'de>,
    {
        self.0.read_scalar(value).map_err(Error::custom)
    }
}

impl<'de, F: HostsField<'de>> Visitor<'de> for FieldSeed<F> {
    type Value = F::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::RULE)
    }

    fn visit_unit<E: Error>(self) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Missing)
    }

    fn visit_none<E: Error>(self) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<F::Value, E> {
        // Keeps the decimal point, so that 5051.0 is not taken for an integer.
        self.read_scalar(TypedScalar::Number(&format!("{value:?}")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<F::Value, E> {
        self.read_scalar(TypedScalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<F::Value, A::Error> {
        Err(Error::custom(mismatch::<F>("a list")))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<F::Value, A::Error> {
        self.0.read_mapping(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<F::Value, A::Error> {
        Err(Error::custom(mismatch::<F>("a value with a tag (!…)")))
    }
}

/// Reader of a mapping's keys, each of which may occur once.
pub(super) struct UniqueKeys<F> {
    seen: RefCell<BTreeSet<String>>,
    check: F,
}

impl<F: Fn(&str) -> Result<(), String>> UniqueKeys<F> {
    /// Creates a reader. `check` returns the problem of an invalid key.
    pub(super) fn new(check: F) -> Self {
        Self {
            seen: RefCell::default(),
            check,
        }
    }

    /// Reads the next key as written: `08`, `2e1` and `N` are valid names of sites.
    pub(super) fn next_key<'de, A: MapAccess<'de>>(
        &self,
        entries: &mut A,
    ) -> Result<Option<String>, A::Error> {
        entries.next_key_seed(self)
    }
}

impl<'de, F: Fn(&str) -> Result<(), String>> DeserializeSeed<'de> for &UniqueKeys<F> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> Result<(), String>> Visitor<'_> for &UniqueKeys<F> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there must be a name before the colon")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        (self.check)(key).map_err(Error::custom)?;
        if !self.seen.borrow_mut().insert(key.to_owned()) {
            let key = escape_invisible(key);
            return Err(Error::custom(format_args!(
                "{key} occurs twice: remove or rename one"
            )));
        }
        Ok(key.to_owned())
    }
}

/// Returns a check that accepts the known keys only.
pub(super) fn known_keys(
    owner: &'static str,
    known: &'static [&'static str],
) -> impl Fn(&str) -> Result<(), String> {
    move |key| {
        if known.contains(&key) {
            return Ok(());
        }
        let mut hint = did_you_mean(key, known.iter().copied());
        if hint.is_empty() {
            hint = format!("; {owner} has {}", known.join(", "));
        }
        Err(format!("there is no key {}{hint}", escape_invisible(key)))
    }
}
