//! The error codes with their status and meaning. The `errors.rs` files use them; tests reject a code that is not
//! listed here.

use serde::Serialize;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

/// (code, status, meaning)
pub const CODES: &[(&str, u16, &str)] = &[
    (
        "INVALID_REQUEST",
        400,
        "Malformed request or invalid parameters; `details.field` and `details.value` say which",
    ),
    ("UNAUTHORIZED", 401, "Missing or invalid API key"),
    (
        "FORBIDDEN",
        403,
        "Insufficient permissions for this operation: `details.reason` is `scope` or `tier`",
    ),
    ("NOT_FOUND", 404, "Resource does not exist"),
    ("METHOD_NOT_ALLOWED", 405, "The route has other methods; the header `Allow` lists them"),
    (
        "REQUEST_TIMEOUT",
        408,
        "The body of the request paused or was not complete within `details.timeout_ms`; nothing was done",
    ),
    (
        "CONFLICT",
        409,
        "Resource conflict: what is there already, or a state that does not allow it",
    ),
    (
        "INVALID_TRANSITION",
        409,
        "The workflow has no such edge; `details.allowed` lists those it has",
    ),
    ("INSUFFICIENT_STOCK", 409, "Parts are short; `details.lines` says which and how many"),
    (
        "IDEMPOTENCY_IN_FLIGHT",
        409,
        "Another request with this `Idempotency-Key` is still being carried out; ask again",
    ),
    (
        "IDEMPOTENCY_ANSWER_LOST",
        409,
        "The request with this `Idempotency-Key` was carried out, but the server stopped before it could keep the answer",
    ),
    (
        "PRECONDITION_FAILED",
        412,
        "`If-Match` names other versions; `details.current_version` says which it is",
    ),
    ("PAYLOAD_TOO_LARGE", 413, "The body is larger than `details.limit_bytes`"),
    ("UNSUPPORTED_MEDIA_TYPE", 415, "The body has another `Content-Type` than `details.expected`"),
    ("PLUGIN_REJECTED", 422, "Plugins do not allow it; `details.violations` says which and why"),
    (
        "IDEMPOTENCY_KEY_REUSED",
        422,
        "The `Idempotency-Key` came with another request of this method and path before",
    ),
    ("RATE_LIMIT_EXCEEDED", 429, "Too many requests; retry later"),
    ("SERVER_ERROR", 500, "Internal server error; contact support"),
    ("SERVER_BUSY", 503, "The server has no room for the request; try again"),
    (
        "SERVER_TIMEOUT",
        503,
        "The server did not finish the request within `details.timeout_ms`; read the resource to see whether it was carried out",
    ),
    (
        "DATABASE_UNAVAILABLE",
        503,
        "The database could not be used at this moment; try again after `Retry-After` seconds",
    ),
    (
        "STORAGE_FULL",
        503,
        "The disk of the database is full: nothing can be written until there is room; reading works",
    ),
    (
        "PLUGIN_UNAVAILABLE",
        503,
        "A plugin that must be asked could not answer; nothing was changed",
    ),
];

/// The type of `error.code` in the document.
#[derive(Serialize)]
#[serde(transparent)]
pub struct ErrorCode(pub &'static str);

impl utoipa::PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        let lines: Vec<String> = CODES
            .iter()
            .map(|(code, status, meaning)| format!("| `{code}` | {status} | {meaning} |"))
            .collect();
        let table = format!("| Code | Status | Meaning |\n|---|---|---|\n{}", lines.join("\n"));
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(CODES.iter().map(|(code, ..)| *code)))
            .description(Some(table))
            .into()
    }
}

impl utoipa::ToSchema for ErrorCode {}
