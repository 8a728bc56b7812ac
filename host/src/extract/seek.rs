//! Finds the value that an error is about in the text of a body.
//!
//! Invariant: values beside the path are skipped, and the result is a slice of the text; neither is built in memory.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::place::Step;

/// The JSON of the value at the end of the path, or `None`.
pub fn seek<'t>(json: &'t [u8], steps: &[Step<'_>]) -> Option<&'t str> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let found = Seek(steps).deserialize(&mut deserializer).ok()?;
    found.map(RawValue::get)
}

struct Seek<'s>(&'s [Step<'s>]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            [] => <&RawValue>::deserialize(value).map(Some),
            _ => value.deserialize_any(self),
        }
    }
}

macro_rules! nothing_inside {
    ($($method:ident($($kind:ty)?);)*) => {$(
        fn $method<E: Error>(self $(, _: $kind)?) -> Result<Self::Value, E> {
            Ok(None)
        }
    )*};
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    nothing_inside! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
        visit_str(&str);
        visit_unit();
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            match self.0 {
                [Step::Field(wanted), rest @ ..] if *wanted == name => {
                    found = fields.next_value_seed(Seek(rest))?;
                }
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        if let [Step::Index(wanted), rest @ ..] = self.0 {
            for _ in 0..*wanted {
                if values.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = values.next_element_seed(Seek(rest))?.flatten();
        }
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_at_any_depth() {
        let json = br#" {"a": [0, {"b.c": "x", "d": [ 1,2 ]}], "e": null, "a2": 3} "#;
        let at = |steps: &[Step<'_>]| seek(json, steps);
        assert_eq!(at(&[Step::Field("a"), Step::Index(1), Step::Field("b.c")]), Some("\"x\""));
        assert_eq!(at(&[Step::Field("a"), Step::Index(1), Step::Field("d")]), Some("[ 1,2 ]"));
        assert_eq!(at(&[Step::Field("a2")]), Some("3"));
        assert_eq!(at(&[Step::Field("e")]), Some("null"));
        for nowhere in [Step::Field("x"), Step::Index(0)] {
            assert_eq!(at(&[nowhere]), None);
        }
        assert_eq!(at(&[Step::Field("a2"), Step::Field("x")]), None);
        assert_eq!(at(&[Step::Field("a"), Step::Index(9)]), None);
        assert_eq!(seek(b"{\"a\": 1, ", &[Step::Field("a")]), None);
    }
}
