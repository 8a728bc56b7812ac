//! What handlers take from a request: a JSON body, query parameters, an id in the path. Each refuses
//! what it does not know, and names the field.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::error::ApiError;
use crate::idempotency;
use crate::model::ids::Id;

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
    if let Some((field, text)) = find_nul(&value, "") {
        return Err(has_nul(&field, text));
    }
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let field = field_name(&error.path().to_string(), &error.inner().to_string());
        let found = lookup(&value, &field);
        ApiError::field(&field, found, complaint(&field, &error.inner().to_string()))
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
fn find_nul<'v>(value: &'v Value, path: &str) -> Option<(String, &'v str)> {
    match value {
        Value::String(text) => text.contains('\0').then(|| (path.to_owned(), text.as_str())),
        Value::Array(values) => {
            let mut values = values.iter().enumerate();
            values.find_map(|(index, value)| find_nul(value, &format!("{path}[{index}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name.contains('\0') { Some((path, name.as_str())) } else { find_nul(value, &path) }
        }),
        _ => None,
    }
}

fn has_nul(field: &str, value: &str) -> ApiError {
    ApiError::field(field, value, format!("{field} must not contain a NUL character"))
}

/// serde names a missing field in its text only; the path then ends at its parent.
fn field_name(path: &str, message: &str) -> String {
    let path = if path == "." { "" } else { path };
    let named = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix)?.split('`').next());
    match named {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if path != name && !path.ends_with(&format!(".{name}")) => {
            format!("{path}.{name}")
        }
        _ => path.to_owned(),
    }
}

/// The value at a path such as `parts[0].quantity`.
fn lookup(value: &Value, path: &str) -> Value {
    let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
    value.pointer(&format!("/{pointer}")).cloned().unwrap_or(Value::Null)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or("");
        let pairs: Vec<(String, String)> = serde_html_form::from_str(query).map_err(|error| {
            ApiError::invalid(format!("The query cannot be read: {error}"), Value::Null)
        })?;
        for (index, (name, value)) in pairs.iter().enumerate() {
            if name.contains('\0') || value.contains('\0') {
                return Err(has_nul(name, value));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(ApiError::field(
                    name,
                    value.as_str(),
                    format!("{name} is given twice"),
                ));
            }
        }
        let deserializer = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        serde_path_to_error::deserialize(deserializer).map(Params).map_err(|error| {
            let message = error.inner().to_string();
            let field = field_name(&error.path().to_string(), &message);
            let value =
                pairs.iter().find(|(name, _)| *name == field).map(|(_, value)| value.as_str());
            ApiError::field(&field, value, complaint(&field, &message))
        })
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

/// What serde found wrong, in words that name the field.
fn complaint(field: &str, message: &str) -> String {
    if message.starts_with("missing field") {
        return format!("{field} is required");
    }
    if let Some(rest) = message.strip_prefix("unknown field") {
        let known = rest.split_once(", ").map_or("", |(_, known)| known).replace('`', "");
        return format!("{field} is not known here: {known}");
    }
    match field {
        "" => message.to_owned(),
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
}
