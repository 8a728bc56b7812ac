//! Compresses responses with gzip for clients that send `Accept-Encoding: gzip`.
//!
//! Invariants: it runs outside of what an `Idempotency-Key` stores, and changes no `ETag`, which names a ticket's
//! version and not the bytes of one response; it never compresses large files that need no API key.

use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Smaller bodies fit into one packet anyway.
const BODY_MIN_BYTES: u16 = 1024;

/// Marks responses that are sent uncompressed: large files that need no API key. Compressing the viewer of `/docs`
/// takes 30 ms of processor time, a hundred times the rest of such a request.
#[derive(Clone, Copy, Debug)]
pub struct Uncompressed;

/// The fastest level: it shrinks a page of 50 tickets to a quarter; the default level saves another tenth of that for
/// twice the time.
pub fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(BODY_MIN_BYTES).and(may_be_compressed))
}

fn may_be_compressed(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<Uncompressed>().is_none()
}
