//! A ticket's version as an entity tag (`ETag: "7"`), and the headers `If-Match` and `If-None-Match`.
//!
//! Invariant: parsing a list of tags stops at the first tag over the limit.
//!
//! The typed headers of axum-extra ignore what they cannot parse, have no limit, and do not expose the tags of a
//! list; here a malformed header is a 400 that names it, and an update compares the version with the list in SQL.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::error::ApiError;
use crate::model::version::Expected;

/// Tags per header: far more versions of one ticket than a client keeps.
const TAGS_MAX: usize = 100;

/// The header of a response.
pub struct ETag(pub i64);

/// The versions that a client allows its write to replace; `None` without the header.
pub struct IfMatch(pub Option<Expected>);

/// The versions that a client has cached.
pub struct IfNoneMatch(Vec<Tag>);

/// One entity tag of a request.
#[derive(Debug, PartialEq)]
enum Tag {
    Any,
    Strong(String),
    Weak(String),
}

impl IfNoneMatch {
    /// Whether the client has this version. Reads compare weakly.
    pub fn has(&self, version: i64) -> bool {
        let version = version.to_string();
        self.0.iter().any(|tag| match tag {
            Tag::Any => true,
            Tag::Strong(text) | Tag::Weak(text) => *text == version,
        })
    }
}

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Ok(value) = HeaderValue::try_from(format!("\"{}\"", self.0)) {
            parts.headers_mut().insert(header::ETAG, value);
        }
        Ok(parts)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let tags = read(&parts.headers, header::IF_MATCH, "If-Match")?;
        Ok(IfMatch(tags.map(expected)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let tags = read(&parts.headers, header::IF_NONE_MATCH, "If-None-Match")?;
        Ok(IfNoneMatch(tags.unwrap_or_default()))
    }
}

/// Writes compare strongly: weak tags, and tags that this server never sent, match no version.
fn expected(tags: Vec<Tag>) -> Expected {
    if tags.contains(&Tag::Any) {
        return Expected::Any;
    }
    let version = |tag: &Tag| match tag {
        Tag::Strong(text) => {
            text.parse::<i64>().ok().filter(|version| version.to_string() == *text)
        }
        Tag::Any | Tag::Weak(_) => None,
    };
    Expected::OneOf(tags.iter().filter_map(version).collect())
}

fn read(headers: &HeaderMap, header: HeaderName, name: &str) -> Result<Option<Vec<Tag>>, ApiError> {
    if !headers.contains_key(&header) {
        return Ok(None);
    }
    let lines: Vec<_> = headers
        .get_all(&header)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect();
    let text = lines.join(", ");
    match parse(&text) {
        Some(tags) if tags.len() > TAGS_MAX => {
            let message =
                format!("{name} has more than the {TAGS_MAX} entity tags that are allowed");
            Err(ApiError::field(name, text, message))
        }
        Some(tags) => Ok(Some(tags)),
        None => {
            let message = format!(
                "{name} must be * or one or more entity tags in quotes, for example \"7\", as in the ETag of a ticket"
            );
            Err(ApiError::field(name, text, message))
        }
    }
}

/// Parses `*`, or a list of `"…"` and `W/"…"` between commas, up to one tag more than are allowed.
fn parse(text: &str) -> Option<Vec<Tag>> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(vec![Tag::Any]);
    }
    let mut tags = Vec::new();
    loop {
        let (is_weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if tag.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return None;
        }
        tags.push(if is_weak { Tag::Weak(tag.to_owned()) } else { Tag::Strong(tag.to_owned()) });
        rest = after.trim_start();
        if rest.is_empty() || tags.len() > TAGS_MAX {
            return Some(tags);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read() {
        let strong = |text: &str| Tag::Strong(text.to_owned());
        assert_eq!(parse("\"7\""), Some(vec![strong("7")]));
        assert_eq!(
            parse("\"7\" ,W/\"8\", \"a,b\""),
            Some(vec![strong("7"), Tag::Weak("8".to_owned()), strong("a,b")])
        );
        assert_eq!(parse(" * "), Some(vec![Tag::Any]));
        for text in
            ["", "7", "\"7", "7\"", "\"7\" \"8\"", "\"7\",", "*, \"7\"", "w/\"7\"", "\"a b\""]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_list_is_read_up_to_its_limit() {
        let headers = |count: usize| {
            let value = HeaderValue::try_from(vec!["\"7\""; count].join(",")).expect("a header");
            HeaderMap::from_iter([(header::IF_NONE_MATCH, value)])
        };
        let read = |count| read(&headers(count), header::IF_NONE_MATCH, "If-None-Match");
        assert!(read(TAGS_MAX).is_ok_and(|tags| tags.is_some_and(|tags| tags.len() == TAGS_MAX)));
        let error = read(100_000).expect_err("too many");
        assert!(error.message.contains("100 entity tags"), "{}", error.message);
        assert!(error.details.to_string().len() < 2_000);
        assert_eq!(
            parse(&vec!["\"7\""; 100_000].join(",")).map(|tags| tags.len()),
            Some(TAGS_MAX + 1)
        );
    }

    #[test]
    fn only_strong_tags_of_ours_allow_a_write() {
        let of = |text: &str| parse(text).map(expected);
        assert_eq!(of("\"7\", W/\"8\", \"07\", \"x\""), Some(Expected::OneOf(vec![7])));
        assert_eq!(of("*"), Some(Expected::Any));
        assert!(!Expected::OneOf(Vec::new()).allows(7));
        let known = IfNoneMatch(parse("W/\"7\", \"9\"").unwrap_or_default());
        assert!(known.has(7) && known.has(9) && !known.has(8));
    }
}
