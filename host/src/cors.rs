//! Allows web pages of other origins to call the API (`--cors-origins`).
//!
//! Invariant: without the flag no response has a CORS header; with it, a preflight needs no API key and does not
//! count against a rate limit.

pub mod origins;

use std::time::Duration;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::rate_limits::headers;
use crate::{idempotency, request_id};
use origins::CorsOrigins;

const METHODS: [Method; 5] =
    [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE];

/// Request headers that a page may send besides those that browsers always allow.
const REQUEST_HEADERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    idempotency::KEY_HEADER,
    request_id::HEADER,
];

/// Response headers that a page may read besides those that browsers always expose.
const RESPONSE_HEADERS: [HeaderName; 8] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    headers::LIMIT,
    headers::REMAINING,
    headers::RESET,
    idempotency::REPLAYED_HEADER,
    request_id::HEADER,
];

/// How long a browser may cache a preflight; Chrome caps it at this.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// `None` if no other origin is allowed.
pub fn layer(origins: &CorsOrigins) -> Option<CorsLayer> {
    let allowed = match origins {
        CorsOrigins::None => return None,
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::List(list) => AllowOrigin::list(list.iter().cloned()),
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(METHODS)
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .max_age(MAX_AGE);
    Some(layer)
}
