//! Deserialization of a hosts file's YAML values, with error messages for people.
//!
//! `serde_yaml` adds path, line and column of the value to every error raised while it is read.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess as _, Visitor,
};

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

/// Number of problems that are still to be passed over, so that reading ends at the next one.
///
/// Only an error that is raised while a value is read gets its place. So all problems of a file are found by reading it
/// once for each.
#[derive(Debug)]
pub(super) struct Forgiveness(Cell<usize>);

impl Forgiveness {
    /// Creates the state of one reading, which passes over that many problems.
    pub(super) fn new(problems: usize) -> Self {
        Self(Cell::new(problems))
    }

    /// Returns the error, unless it is to be passed over.
    pub(super) fn raise<E: Error>(&self, problem: impl fmt::Display) -> Result<(), E> {
        match self.0.get() {
            0 => Err(Error::custom(problem)),
            problems => {
                self.0.set(problems - 1);
                Ok(())
            }
        }
    }

    /// Returns whether fewer problems have been passed over than might have been.
    pub(super) fn is_left(&self) -> bool {
        self.0.get() > 0
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

    /// Reads a mapping. `None` for one with a problem that is passed over.
    fn read_mapping<A: MapAccess<'de>>(
        self,
        mut entries: A,
        forgiveness: &Forgiveness,
    ) -> Result<Option<Self::Value>, A::Error> {
        forgiveness.raise::<A::Error>(mismatch::<Self>("a mapping"))?;
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Returns an error message with the field's rule and the value found instead.
pub(super) fn mismatch<'de, F: HostsField<'de>>(got: impl fmt::Display) -> String {
    format!("{}, got {got}", F::RULE)
}

/// Deserializer of a [`HostsField`]. `None` for a value with a problem that is passed over.
pub(super) struct FieldSeed<'f, F>(pub(super) F, pub(super) &'f Forgiveness);

impl<'de, F: HostsField<'de>> DeserializeSeed<'de> for FieldSeed<'_, F> {
    type Value = Option<F::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<F> FieldSeed<'_, F> {
    fn read_scalar<'de, E: Error>(self, value: TypedScalar<'_>) -> Result<Option<F::Value>, E>
    where
        F: HostsField<'de>,
    {
        match self.0.read_scalar(value) {
            Ok(value) => Ok(Some(value)),
            Err(problem) => self.1.raise(problem).map(|()| None),
        }
    }
}

impl<'de, F: HostsField<'de>> Visitor<'de> for FieldSeed<'_, F> {
    type Value = Option<F::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::RULE)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Missing)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Number(&value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // Keeps the decimal point, so that 5051.0 is not taken for an integer.
        self.read_scalar(TypedScalar::Number(&format!("{value:?}")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.read_scalar(TypedScalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        self.1.raise::<A::Error>(mismatch::<F>("a list"))?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        self.0.read_mapping(entries, self.1)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Self::Value, A::Error> {
        self.1
            .raise::<A::Error>(mismatch::<F>("a value with a tag (!…)"))?;
        let (_, value) = tagged.variant::<IgnoredAny>()?;
        value.newtype_variant::<IgnoredAny>()?;
        Ok(None)
    }
}

/// Reader of a mapping's keys, each of which may occur once.
pub(super) struct UniqueKeys<'f, F> {
    seen: RefCell<BTreeSet<String>>,
    check: F,
    forgiveness: &'f Forgiveness,
}

impl<'f, F: Fn(&str) -> Result<(), String>> UniqueKeys<'f, F> {
    /// Creates a reader. `check` returns the problem of an invalid key.
    pub(super) fn new(check: F, forgiveness: &'f Forgiveness) -> Self {
        Self {
            seen: RefCell::default(),
            check,
            forgiveness,
        }
    }

    /// Reads the next key as written: `08`, `2e1` and `N` are valid names of sites. Keys with a problem that is passed
    /// over are left out together with their values.
    pub(super) fn next_key<'de, A: MapAccess<'de>>(
        &self,
        entries: &mut A,
    ) -> Result<Option<String>, A::Error> {
        loop {
            match entries.next_key_seed(self)? {
                None => return Ok(None),
                Some(Some(key)) => return Ok(Some(key)),
                Some(None) => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
    }
}

impl<'de, F: Fn(&str) -> Result<(), String>> DeserializeSeed<'de> for &UniqueKeys<'_, F> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> Result<(), String>> Visitor<'_> for &UniqueKeys<'_, F> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there must be a name before the colon")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        if let Err(problem) = (self.check)(key) {
            self.forgiveness.raise::<E>(problem)?;
            return Ok(None);
        }
        if !self.seen.borrow_mut().insert(key.to_owned()) {
            let shown = escape_invisible(key);
            self.forgiveness
                .raise::<E>(format_args!("{shown} occurs twice: remove or rename one"))?;
            return Ok(None);
        }
        Ok(Some(key.to_owned()))
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
        // A name that lacks only its unit is nearer than any other.
        let with_unit = known.iter().copied().find(|known| {
            known
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('_'))
        });
        let mut hint = match with_unit {
            Some(name) => format!(", did you mean {name}?"),
            None => did_you_mean(key, known.iter().copied()),
        };
        if hint.is_empty() {
            hint = format!("; {owner} has {}", known.join(", "));
        }
        Err(format!("there is no key {}{hint}", escape_invisible(key)))
    }
}
