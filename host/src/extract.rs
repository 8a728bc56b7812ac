//! The extractors of handlers: a JSON body, query parameters, an id in the path. Each rejects unknown fields by name.
//!
//! Invariant: reading costs linear time and memory, errors included. A body is parsed straight into its type,
//! duplicates are found by hash, and errors quote only an excerpt of the input.

mod checked;
mod list;
mod params;
mod seek;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use uuid::Uuid;

use crate::error::ApiError;
use crate::idempotency;
use crate::model::excerpt;
use crate::model::ids::Id;
use crate::model::invalid::NUL;
use crate::model::place::{self, Step};
use crate::timeouts::BodyTimeout;
use checked::Checked;
use seek::seek;

pub use list::{List, NoFilter};
pub use params::Params;

/// The largest body of an ordinary request.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;

/// A JSON body. Unknown fields are rejected if `T` denies them (all of ours do).
pub struct Body<T>(pub T);

/// A body of any kind, unparsed. Use it instead of `Bytes`: with an Idempotency-Key the body was read already.
pub struct WholeBody(pub Bytes);

/// The single id in the path.
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
        let bytes = WholeBody::from_request(request, state).await.map_err(unreadable)?.0;
        parse_json(&bytes).map(Body)
    }
}

/// Why a body could not be read.
pub fn unreadable(rejection: BytesRejection) -> ApiError {
    if let Some(late) = BodyTimeout::find_in(&rejection) {
        return late.into();
    }
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::too_large(BODY_MAX_BYTES);
    }
    ApiError::invalid("The body could not be read completely", Value::Null)
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

/// Parses straight into the type, which rejects unknown fields before the rest of the body is read: an intermediate
/// value would take up to a hundred times the body's size.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Some clients begin with a byte order mark, which JSON does not have.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let message = "The body must be a JSON object".to_owned();
        return Err(ApiError::invalid(message, Value::Null));
    }
    let no_json = |error: &serde_json::Error| {
        ApiError::invalid(format!("The body is not valid JSON: {error}"), Value::Null)
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(Checked(&mut deserializer));
    let value = read.map_err(|error| {
        if !error.inner().is_data() {
            return no_json(error.inner());
        }
        let message = error.inner().to_string();
        let message = without_position(&message);
        let steps = steps(error.path(), message);
        let field = place::text(steps.iter().copied());
        let value = seek(bytes, &steps).map_or(Value::Null, excerpt::json);
        ApiError::field(&field, value, complaint(&field, message))
    })?;
    deserializer.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

/// Removes ` at line 1 column 7` from a serde_json message: the field says where.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}

fn has_nul(field: &str, value: &str) -> ApiError {
    let field = excerpt::text(field, excerpt::NAME_BYTES_MAX);
    ApiError::field(&field, value, format!("{field} {NUL}"))
}

const MISSING: &str = "missing field `";
const UNKNOWN: &str = "unknown field `";
const REPEATED: &str = "duplicate field `";

/// The path of the value that an error is about. serde names a missing or repeated field only in its text; the path
/// then ends at its parent.
fn steps<'e>(path: &'e Path, message: &'e str) -> Vec<Step<'e>> {
    let mut steps: Vec<Step<'e>> = path.iter().filter_map(step).collect();
    let named = [MISSING, UNKNOWN, REPEATED].iter().find_map(|prefix| message.strip_prefix(prefix));
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

/// For `#[serde(deserialize_with = …)]`: distinguishes `null` from absent.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Some)
}

/// For `#[serde(default, deserialize_with = …)]`: a field that may be absent but not `null`.
pub fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Turns serde's message, which quotes the whole value, into one that names the field.
fn complaint(field: &str, message: &str) -> String {
    if message.starts_with(MISSING) {
        return format!("{field} is required");
    }
    if message.starts_with(REPEATED) {
        return format!("{field} is given twice");
    }
    if message.starts_with(UNKNOWN) {
        // Searched from the end: the name comes from the client and may contain these words.
        let known = match message.rsplit_once("`, expected ") {
            Some((_, known)) => format!("expected {}", known.replace('`', "")),
            None => "expected no fields".to_owned(),
        };
        return format!("{field} is not a known field; {known}");
    }
    if message == NUL {
        return format!("{field} {NUL}");
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
        #[allow(dead_code)]
        settings: Option<Value>,
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
    fn long_lists_and_texts_are_read_no_further_than_is_needed() {
        let list = format!(r#"{{"lines":[{}]}}"#, vec![r#"{"quantity":1}"#; 10_001].join(","));
        let error = error_of(&list);
        assert!(error.message.contains("10000 entries"), "{}", error.message);
        let text = format!(r#"{{"lines":[{{"quantity":"{}"}}]}}"#, "\\u200b".repeat(100_000));
        let error = error_of(&text);
        assert_eq!(error.details["field"], "lines[0].quantity");
        assert!(error.message.starts_with("lines[0].quantity: invalid type: string"));
    }

    #[test]
    fn names_with_dots_and_quotes_are_found() {
        assert_eq!(field_of(r#"{"lines":[], "a.b": 3}"#), ("a.b".into(), 3.into()));
        assert_eq!(field_of(r#"{"lines":[], "li`nes": 3}"#), ("li`nes".into(), 3.into()));
        let error = error_of(r#"{"lines":[{"x`, expected `y": 1}]}"#);
        assert_eq!(
            error.message,
            "lines[0].x`, expected `y is not a known field; expected quantity"
        );
    }

    #[test]
    fn a_nul_is_found_and_its_place_is_named() {
        assert_eq!(
            field_of(r#"{"lines":[],"settings":[{},{"a":[0,"x\u0000"]}]}"#),
            ("settings[1].a[1]".into(), "x\0".into())
        );
        assert_eq!(field_of(r#"{"settings":{"b\u0000":1}}"#), ("settings.b\0".into(), 1.into()));
        let error = error_of(r#"{"settings":"\u0000"}"#);
        assert_eq!(error.message, "settings must not contain a NUL character");
    }

    #[test]
    fn a_field_may_be_given_once_and_the_body_ends_with_its_object() {
        let error = error_of(r#"{"lines":[],"lines":[]}"#);
        assert_eq!(error.message, "lines is given twice");
        for text in
            ["{", "{\"lines\":[]} x", "{\"lines\":[]", "[]", "null", "", "{\"lines\":[1e999]}"]
        {
            assert!(error_of(text).message.contains("JSON"), "{text}");
        }
        let error = error_of(r#"{"lines":"x at line 2"}"#);
        assert!(error.message.starts_with("lines: invalid type: string \"x at line 2\", expected"));
    }

    #[test]
    fn settings_keep_their_values() {
        let settings = r#"{"a":[1,2.0,2.5,-3,null,true,"x",{"b":{}}],"c":18446744073709551615}"#;
        let body = format!(r#"{{"lines":[],"settings":{settings}}}"#);
        let read = parse_json::<Outer>(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let expected: Value = serde_json::from_str(&settings.replace("2.0", "2")).expect("JSON");
        assert_eq!(read.settings, Some(expected));
    }

    /// Each part of an error is bounded, however long the value that it is about.
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
            format!(r#"{{"settings":{{"{long}":[{zeros},"{nul}"]}}}}"#),
        ] {
            let error = error_of(&body);
            let bytes = error.message.len() + error.details.to_string().len();
            assert!(bytes < 8_000, "{} ends in {bytes} bytes", &body[..40]);
        }
    }
}
