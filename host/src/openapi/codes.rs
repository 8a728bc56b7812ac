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
    (
        "METHOD_NOT_ALLOWED",
        405,
        "The route does not support this method; the header `Allow` lists those that it supports",
    ),
    (
        "REQUEST_TIMEOUT",
        408,
        "The body of the request paused or was not complete within `details.timeout_ms`; nothing was done",
    ),
    (
        "CONFLICT",
        409,
        "Resource conflict: the resource already exists, or its state does not allow the request",
    ),
    (
        "INVALID_TRANSITION",
        409,
        "The workflow does not allow this transition; `details.allowed` lists the allowed ones",
    ),
    ("INSUFFICIENT_STOCK", 409, "Parts are short; `details.lines` says which and how many"),
    (
        "LIMIT_REACHED",
        409,
        "The organization has as many of `details.limit` as it may have: `details.maximum`",
    ),
    (
        "PLUGIN_IN_USE",
        409,
        "The plugin is installed and cannot be deleted; `details.installations` lists the ids of the installations",
    ),
    (
        "IDEMPOTENCY_IN_FLIGHT",
        409,
        "Another request with this `Idempotency-Key` is still being processed; try again",
    ),
    (
        "IDEMPOTENCY_ANSWER_LOST",
        409,
        "The request with this `Idempotency-Key` was processed, but the server stopped before it could store the \
         response",
    ),
    (
        "PRECONDITION_FAILED",
        412,
        "`If-Match` does not list the present version; `details.current_version` says which it is",
    ),
    ("PAYLOAD_TOO_LARGE", 413, "The body is larger than `details.limit_bytes`"),
    ("UNSUPPORTED_MEDIA_TYPE", 415, "The `Content-Type` of the body is not `details.expected`"),
    (
        "PLUGIN_REJECTED",
        422,
        "Plugins rejected the request; `details.violations` says which and why",
    ),
    (
        "PLUGIN_FAILED",
        422,
        "A required plugin failed or exceeded a limit; nothing was changed, and a retry fails again until the plugin or \
         its installation is changed",
    ),
    (
        "IDEMPOTENCY_KEY_REUSED",
        422,
        "The `Idempotency-Key` was already used for a different request of this method and path",
    ),
    ("RATE_LIMIT_EXCEEDED", 429, "Too many requests; retry later"),
    ("SERVER_ERROR", 500, "Internal server error; contact support"),
    ("SERVER_BUSY", 503, "The server is too busy for the request; try again"),
    (
        "SERVER_TIMEOUT",
        503,
        "The server did not finish the request within `details.timeout_ms`; read the resource to see whether it was \
         processed",
    ),
    (
        "DATABASE_UNAVAILABLE",
        503,
        "The database is not available at the moment; try again after `Retry-After` seconds",
    ),
    (
        "STORAGE_FULL",
        503,
        "The disk of the database is full: writes fail until there is space; reads work",
    ),
    (
        "SECRET_UNAVAILABLE",
        503,
        "The server lacks the key that sealed the webhook's secret; retry later, or create a new secret with \
         rotate-secret",
    ),
    (
        "PLUGIN_UNAVAILABLE",
        503,
        "The server could not run a required plugin in time; nothing was changed, and a retry may succeed",
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
