//! What handlers take from a request: a JSON body, query parameters, an id in the path. Each refuses
//! what it does not know, and names the field.
//!
//! Invariant: the cost of reading is linear in what was sent, errors included. A [`Place`] names a value without making
//! text of it, duplicates are found by hash, and what an error repeats of the input is an excerpt.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use uuid::Uuid;

use crate::error::ApiError;
use crate::idempotency;
use crate::model::excerpt;
use crate::model::ids::Id;
use crate::model::place::{self, Place, Step};

/// A JSON body. Unknown fields are refused when `T` denies them (all of ours do).
pub struct Body<T>(pub T);

/// A body of any kind, as it was sent. Handlers take it, not `Bytes`: for an Idempotency-Key it was read before.
pub struct WholeBody(pub Bytes);

/// The query parameters.
pub struct Params<T>(pub T);

/// The one id in the path.
pub struct PathId<T>(pub T);

/// The two ids in the path, the outer resource's first.
pub struct PathIds<A, B>(pub A, pub B);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| {
            kind.split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
        if !is_json {
            return Err(ApiError::unsupported_media_type("application/json", kind));
        }
        let bytes = WholeBody::from_request(request, state)
            .await
            .map_err(ApiError::from_bytes_rejection)?
            .0;
        parse_json(&bytes).map(Body)
    }
}

impl<S: Send + Sync> FromRequest<S> for WholeBody {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, BytesRejection> {
        match idempotency::take_body() {
            Some(read) => read.map(WholeBody),
            None => Bytes::from_request(request, state).await.map(WholeBody),
        }
    }
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut value: Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid(format!("The body is no JSON: {error}"), Value::Null))?;
    if !value.is_object() {
        let message = "The body must be a JSON object".to_owned();
        return Err(ApiError::invalid(message, Value::Null));
    }
    make_integers(&mut value);
    if let Some((field, text)) = find_nul(&value, &Place::BODY) {
        return Err(has_nul(&field, text));
    }
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let message = error.inner().to_string();
        let steps = steps(error.path(), &message);
        let field = place::text(steps.iter().copied());
        ApiError::field(&field, lookup(&value, &steps), complaint(&field, &message))
    })
}

/// To JSON Schema, and to many clients, `27.0` is an integer; to serde it is none.
fn make_integers(value: &mut Value) {
    /// Beyond, a double does not tell one integer from the next.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= EXACT_MAX);
            if let Some(whole) = whole
                && number.is_f64()
            {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_integers),
        Value::Object(fields) => fields.values_mut().for_each(make_integers),
        _ => {}
    }
}

/// The first text with a NUL character, and where it is: PostgreSQL cannot keep one.
fn find_nul<'v>(value: &'v Value, place: &Place<'_>) -> Option<(String, &'v str)> {
    match value {
        Value::String(text) => text.contains('\0').then(|| (place.to_string(), text.as_str())),
        Value::Array(values) => {
            let mut values = values.iter().enumerate();
            values.find_map(|(index, value)| find_nul(value, &place.at(index)))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let place = place.field(name);
            match name.contains('\0') {
                true => Some((place.to_string(), name.as_str())),
                false => find_nul(value, &place),
            }
        }),
        _ => None,
    }
}

fn has_nul(field: &str, value: &str) -> ApiError {
    let field = excerpt::text(field, excerpt::NAME_BYTES_MAX);
    ApiError::field(&field, value, format!("{field} must not contain a NUL character"))
}

const MISSING: &str = "missing field `";
const UNKNOWN: &str = "unknown field `";

/// The way to the value that an error is about. serde names a missing field in its text only; the path then ends at its
/// parent.
fn steps<'e>(path: &'e Path, message: &'e str) -> Vec<Step<'e>> {
    let mut steps: Vec<Step<'e>> = path.iter().filter_map(step).collect();
    let named = [MISSING, UNKNOWN].iter().find_map(|prefix| message.strip_prefix(prefix));
    if let Some(rest) = named {
        let is_this =
            |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('`'));
        let is_there = matches!(steps.last(), Some(Step::Field(name)) if is_this(name));
        let name = rest.split('`').next().filter(|_| !is_there);
        steps.extend(name.map(Step::Field));
    }
    steps
}

fn step(segment: &Segment) -> Option<Step<'_>> {
    match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } | Segment::Enum { variant: key } => Some(Step::Field(key)),
        Segment::Unknown => None,
    }
}

/// The value that the steps lead to; `null` when there is none.
fn lookup<'v>(value: &'v Value, steps: &[Step<'_>]) -> &'v Value {
    let found = steps.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Index(index) => value.get(index),
    });
    found.unwrap_or(&Value::Null)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or("");
        let pairs: Vec<(String, String)> = serde_html_form::from_str(query).map_err(|error| {
            ApiError::invalid(format!("The query cannot be read: {error}"), Value::Null)
        })?;
        let given = given(&pairs)?;
        let deserializer = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        serde_path_to_error::deserialize(deserializer).map(Params).map_err(|error| {
            let message = error.inner().to_string();
            let steps = steps(error.path(), &message);
            let field = place::text(steps.iter().copied());
            let value = match steps.first() {
                Some(Step::Field(name)) => given.get(name),
                _ => None,
            };
            ApiError::field(&field, value, complaint(&field, &message))
        })
    }
}

/// The parameters by their names; each may be there once.
fn given(pairs: &[(String, String)]) -> Result<HashMap<&str, &str>, ApiError> {
    let mut given = HashMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        if name.contains('\0') || value.contains('\0') {
            return Err(has_nul(name, value));
        }
        match given.entry(name.as_str()) {
            Entry::Vacant(entry) => {
                entry.insert(value.as_str());
            }
            Entry::Occupied(_) => {
                let name = excerpt::text(name, excerpt::NAME_BYTES_MAX);
                return Err(ApiError::field(&name, value, format!("{name} is given twice")));
            }
        }
    }
    Ok(given)
}

impl<S: Send + Sync, T: Id> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let text = params.iter().flatten().next().map_or("", |(_, value)| value);
        path_id(text).map(PathId)
    }
}

impl<S: Send + Sync, A: Id, B: Id> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let mut texts = params.iter().flatten().map(|(_, value)| value);
        let (outer, inner) = (texts.next().unwrap_or(""), texts.next().unwrap_or(""));
        Ok(PathIds(path_id(outer)?, path_id(inner)?))
    }
}

fn path_id<T: Id>(text: &str) -> Result<T, ApiError> {
    match Uuid::try_parse(text) {
        // Only the hyphenated form: one resource, one URL.
        Ok(id) if text.len() == 36 => Ok(T::from_uuid(id)),
        _ => {
            let name = T::FIELD.replace('_', " ").replace(" id", "");
            Err(ApiError::field(T::FIELD, text, format!("Invalid {name} ID format")))
        }
    }
}

/// For `#[serde(deserialize_with = …)]`: tells a field that is `null` from one that is absent.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Some)
}

/// For `#[serde(default, deserialize_with = …)]`: a field that may be left out, but that cannot be `null`.
pub fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// What serde found wrong, in words that name the field. Its message quotes the whole value.
fn complaint(field: &str, message: &str) -> String {
    if message.starts_with(MISSING) {
        return format!("{field} is required");
    }
    if message.starts_with(UNKNOWN) {
        // From the end: the name, which is the client's, may have these words as well.
        let known = match message.rsplit_once("`, expected ") {
            Some((_, known)) => format!("expected {}", known.replace('`', "")),
            None => "there are no fields".to_owned(),
        };
        return format!("{field} is not known here: {known}");
    }
    let message = excerpt::text(message, excerpt::MESSAGE_BYTES_MAX);
    match field {
        "" => message.into_owned(),
        _ => format!("{field}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        lines: Vec<Line>,
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[allow(dead_code)]
        quantity: u32,
    }

    fn error_of(body: &str) -> ApiError {
        parse_json::<Outer>(body.as_bytes()).err().expect("an error")
    }

    fn field_of(body: &str) -> (Value, Value) {
        let error = parse_json::<Outer>(body.as_bytes()).err().expect("an error");
        (error.details["field"].clone(), error.details["value"].clone())
    }

    #[test]
    fn a_whole_number_is_an_integer() {
        assert!(parse_json::<Outer>(br#"{"lines":[{"quantity":27.0},{"quantity":1e2}]}"#).is_ok());
        for wrong in ["27.5", "1e300", "-1.0"] {
            let body = format!(r#"{{"lines":[{{"quantity":{wrong}}}]}}"#);
            assert_eq!(field_of(&body).0, "lines[0].quantity", "{wrong}");
        }
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(
            field_of(r#"{"lines":[{"quantity":"x"}]}"#),
            ("lines[0].quantity".into(), "x".into())
        );
        assert_eq!(
            field_of(r#"{"lines":[{"quantity":1},{}]}"#),
            ("lines[1].quantity".into(), Value::Null)
        );
        assert_eq!(
            field_of(r#"{"lines":[{"quantity":1,"color":2}]}"#),
            ("lines[0].color".into(), 2.into())
        );
        assert_eq!(field_of(r#"{}"#), ("lines".into(), Value::Null));
        assert_eq!(field_of(r#"{"lines":[], "extra": true}"#), ("extra".into(), true.into()));
    }

    #[test]
    fn names_with_dots_and_quotes_are_found() {
        assert_eq!(field_of(r#"{"lines":[], "a.b": 3}"#), ("a.b".into(), 3.into()));
        assert_eq!(field_of(r#"{"lines":[], "li`nes": 3}"#), ("li`nes".into(), 3.into()));
        let error = error_of(r#"{"lines":[{"x`, expected `y": 1}]}"#);
        assert_eq!(error.message, "lines[0].x`, expected `y is not known here: expected quantity");
    }

    #[test]
    fn a_nul_is_found_and_its_place_is_named() {
        assert_eq!(
            field_of(r#"{"lines":[{"quantity":1},{"a":[0,"x\u0000"]}]}"#),
            ("lines[1].a[1]".into(), "x\0".into())
        );
        assert_eq!(field_of(r#"{"a":{"b\u0000":1}}"#), ("a.b\0".into(), "b\0".into()));
    }

    /// Each part of an answer is bounded, however long what it is about.
    #[test]
    fn errors_are_short_whatever_was_sent() {
        let long = "k".repeat(300_000);
        let zeros = vec!["0"; 100_000].join(",");
        let nul = format!("{long}\\u0000");
        for body in [
            format!(r#"{{"{long}":[{zeros}]}}"#),
            format!(r#"{{"lines":"{long}"}}"#),
            format!(r#"{{"lines":{{"a":[{zeros}]}}}}"#),
            format!(r#"{{"lines":[{{"quantity":"{long}"}}]}}"#),
            format!(r#"{{"{long}":["{nul}"]}}"#),
            format!(r#"{{"{nul}":1}}"#),
            format!(r#"{{"lines":[{{"quantity":[{zeros}]}}]}}"#),
        ] {
            let error = error_of(&body);
            let bytes = error.message.len() + error.details.to_string().len();
            assert!(bytes < 8_000, "{} ends in {bytes} bytes", &body[..40]);
        }
    }

    /// Counts what is written into the text of a place.
    #[test]
    fn a_place_is_made_for_the_value_at_fault_alone() {
        let count = 100_000;
        let long = "k".repeat(10_000);
        let mut values = vec![Value::from(0); count];
        values.push(Value::from("\0"));
        let body = Value::Object([(long.clone(), Value::Array(values))].into_iter().collect());
        place::written::reset();
        let (field, _) = find_nul(&body, &Place::BODY).expect("a NUL");
        assert!(field.ends_with(&format!("[{count}]")), "{field}");
        assert_eq!(place::written::bytes(), field.len());
    }

    #[test]
    fn parameters_may_be_given_once() {
        let pairs = |names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect()
        };
        assert_eq!(given(&pairs(&["a", "b"])).expect("no duplicate").len(), 2);
        let error = given(&pairs(&["a", "b", "a"])).expect_err("a duplicate");
        assert_eq!(error.message, "a is given twice");
    }
}
