//! Entity tags: `ETag: "7.0123456789abcdef"` is the version of a ticket, customer or stock item, and a digest of all that
//! the response shows, some of which belongs to others. `If-None-Match` compares both, `If-Match` the version alone, so
//! that no write fails for what others share. Responses to writes, which do not show all, have the version alone.
//!
//! Invariant: two responses with the same tag show the same. Parsing a list of tags stops at the first tag over the
//! limit.
//!
//! The typed headers of axum-extra ignore what they cannot parse, have no limit, and do not expose the tags of a
//! list; here a malformed header is a 400 that names it, and an update compares the version with the list in SQL.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::model::version::Expected;

const DIGEST_BYTES: usize = 8;

/// Tags per header: far more versions of one ticket than a client keeps.
const TAGS_MAX: usize = 100;

/// The header of a response.
#[derive(Debug, PartialEq)]
pub struct ETag(String);

impl ETag {
    /// Of a response to a write.
    pub fn of_version(version: i64) -> ETag {
        ETag(version.to_string())
    }

    fn of_content(version: i64, content: &[u8]) -> ETag {
        ETag(format!("{version}.{}", hex::encode(&Sha256::digest(content)[..DIGEST_BYTES])))
    }
}

/// The response to a read: 304 if the client has the same.
pub fn respond(
    known: &IfNoneMatch,
    version: i64,
    view: &impl Serialize,
) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(view).map_err(ApiError::internal)?;
    let tag = ETag::of_content(version, &body);
    if known.has(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, tag, ()).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((tag, kind, body).into_response())
}

/// The versions that a client allows its write to replace; `None` without the header.
pub struct IfMatch(pub Option<Expected>);

/// The responses that a client has cached.
#[derive(Default)]
pub struct IfNoneMatch(Vec<Tag>);

/// One entity tag of a request.
#[derive(Debug, PartialEq)]
enum Tag {
    Any,
    Strong(String),
    Weak(String),
}

impl IfNoneMatch {
    /// Whether the client has this response. Reads compare weakly.
    fn has(&self, wanted: &ETag) -> bool {
        self.0.iter().any(|tag| match tag {
            Tag::Any => true,
            Tag::Strong(text) | Tag::Weak(text) => *text == wanted.0,
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
        Tag::Strong(text) => version_of(text),
        Tag::Any | Tag::Weak(_) => None,
    };
    Expected::OneOf(tags.iter().filter_map(version).collect())
}

/// `7`, or `7.` and a digest.
fn version_of(tag: &str) -> Option<i64> {
    let (text, digest) = tag.split_once('.').map_or((tag, None), |(text, rest)| (text, Some(rest)));
    let is_digest = |text: &str| {
        text.len() == 2 * DIGEST_BYTES
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if !digest.is_none_or(is_digest) {
        return None;
    }
    text.parse::<i64>().ok().filter(|version| version.to_string() == text)
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
                "{name} must be * or one or more entity tags in quotes, for example \"7\", as in ETag"
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
        let digest = "0123456789abcdef";
        assert_eq!(of(&format!("\"7.{digest}\"")), Some(Expected::OneOf(vec![7])));
        for text in
            ["7.", "7.0123", "7.0123456789ABCDEF", ".0123456789abcdef", "7.0123456789abcdef.1"]
        {
            assert_eq!(of(&format!("\"{text}\"")), Some(Expected::OneOf(Vec::new())), "{text}");
        }
    }

    #[test]
    fn reads_compare_the_whole_tag() {
        let tag = ETag::of_content(7, b"a");
        let known = |text: &str| IfNoneMatch(parse(text).unwrap_or_default());
        assert!(known(&format!("W/\"{}\"", tag.0)).has(&tag));
        assert!(known(&format!("\"1\", \"{}\"", tag.0)).has(&tag) && known("*").has(&tag));
        assert!(!known("\"7\"").has(&tag));
        assert!(!known(&format!("\"{}\"", ETag::of_content(7, b"b").0)).has(&tag));
    }
}
