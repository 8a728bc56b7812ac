//! Compresses responses with gzip for clients that send `Accept-Encoding: gzip`. Invariant: it stands outside of what
//! an `Idempotency-Key` stores, and changes no `ETag`, which names a ticket's version and not the bytes of one
//! response.

use tower_http::compression::predicate::{And, NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Smaller bodies fit into one packet as they are: compressed, they would cost time and save none.
const BODY_MIN_BYTES: u16 = 1024;

/// The fastest level: a page of 50 tickets becomes a quarter of its size; the usual level saves another tenth of that
/// for twice the time.
pub fn layer() -> CompressionLayer<And<SizeAbove, NotForContentType>> {
    let is_worth_it = SizeAbove::new(BODY_MIN_BYTES).and(NotForContentType::IMAGES);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_worth_it)
}
