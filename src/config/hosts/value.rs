//! YAML values of a hosts file, taken as people write them or refused in words.
//!
//! `serde_yaml` adds path, line and column of the value to every error that is raised while it is read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use crate::config::escape::escape_invisible;
use crate::config::suggest::did_you_mean;

/// A single value, as the YAML parser resolves it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'v> {
    /// Nothing behind the colon, or nothing but a comment, `null` or `~`.
    Nothing,
    Bool(bool),
    /// A number, written as YAML would.
    Number(&'v str),
    Text(&'v str),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "\"{}\"", escape_invisible(text)),
        }
    }
}

/// A kind of value that stands at some place of the file.
pub(super) trait Wanted<'de>: Sized {
    /// The value that is made of it.
    type Value;
    /// A sentence that says what must stand here.
    const RULE: &'static str;

    /// Takes a single value. An error says why not.
    fn scalar(self, value: Scalar<'_>) -> Result<Self::Value, String>;

    /// Takes a mapping.
    fn mapping<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(Error::custom(refusal::<Self>("a mapping")))
    }
}

/// The rule, and what there is instead.
pub(super) fn refusal<'de, W: Wanted<'de>>(got: impl fmt::Display) -> String {
    format!("{}, got {got}", W::RULE)
}

/// Reads a value at its place.
pub(super) struct Read<W>(pub(super) W);

impl<'de, W: Wanted<'de>> DeserializeSeed<'de> for Read<W> {
    type Value = W::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<W::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<W> Read<W> {
    fn take<'de, E: Error>(self, value: Scalar<'_>) -> Result<W::Value, E>
    where
        W: Wanted<'de>,
    {
        self.0.scalar(value).map_err(Error::custom)
    }
}

impl<'de, W: Wanted<'de>> Visitor<'de> for Read<W> {
    type Value = W::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(W::RULE)
    }

    fn visit_unit<E: Error>(self) -> Result<W::Value, E> {
        self.take(Scalar::Nothing)
    }

    fn visit_none<E: Error>(self) -> Result<W::Value, E> {
        self.take(Scalar::Nothing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<W::Value, E> {
        self.take(Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<W::Value, E> {
        self.take(Scalar::Number(&value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<W::Value, E> {
        self.take(Scalar::Number(&value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<W::Value, E> {
        self.take(Scalar::Number(&value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<W::Value, E> {
        self.take(Scalar::Number(&value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<W::Value, E> {
        // With its point, so that it is no whole number.
        self.take(Scalar::Number(&format!("{value:?}")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<W::Value, E> {
        self.take(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<W::Value, A::Error> {
        Err(Error::custom(refusal::<W>("a list")))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<W::Value, A::Error> {
        self.0.mapping(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<W::Value, A::Error> {
        Err(Error::custom(refusal::<W>("a value with a tag (!…)")))
    }
}

/// The keys of a mapping, each of which may be there once.
pub(super) struct Keys<F> {
    seen: RefCell<BTreeSet<String>>,
    check: F,
}

impl<F: Fn(&str) -> Result<(), String>> Keys<F> {
    /// `check` says what is wrong with a key.
    pub(super) fn new(check: F) -> Self {
        Self {
            seen: RefCell::default(),
            check,
        }
    }

    /// The next key, as it is written: `08`, `2e1` and `N` are names too.
    pub(super) fn next<'de, A: MapAccess<'de>>(
        &self,
        entries: &mut A,
    ) -> Result<Option<String>, A::Error> {
        entries.next_key_seed(self)
    }
}

impl<'de, F: Fn(&str) -> Result<(), String>> DeserializeSeed<'de> for &Keys<F> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> Result<(), String>> Visitor<'_> for &Keys<F> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there must be a name before the colon")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        (self.check)(key).map_err(Error::custom)?;
        if !self.seen.borrow_mut().insert(key.to_owned()) {
            let key = escape_invisible(key);
            return Err(Error::custom(format_args!(
                "{key} is there twice: remove or rename one"
            )));
        }
        Ok(key.to_owned())
    }
}

/// The check of keys that are known beforehand.
pub(super) fn one_of(
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
