//! The OpenAPI document: the annotations of the handlers, completed with what all of them share (ids in the path,
//! errors, headers, constraints on texts).

mod codes;
mod examples;
mod inline;
mod operations;
mod page;
mod schemas;
pub mod v3_0;
mod webhooks;

use std::sync::OnceLock;

use axum::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use crate::compression::Uncompressed;
pub use codes::{CODES, ErrorCode};
pub use page::{page, page_file};

/// The part of `docs/api.md` that applies to the whole API.
const DESCRIPTION: &str = include_str!("../../../docs/api.md");

/// What annotations cannot express: title, servers, security, the order of the tags.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "RepairOps REST API",
        version = "1.0.0",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/", description = "This server")),
    components(schemas(ErrorBody)),
    tags(
        (name = "Tickets", description = "Repairs, from intake to pickup."),
        (name = "Payments", description = "Payments and refunds of tickets."),
        (name = "Customers", description = "Customers, found by email or created with a ticket."),
        (name = "Inventory", description = "Stock of the shops, and what is reserved of it."),
        (name = "KPIs", description = "Daily figures, calculated from the tickets."),
        (name = "Webhooks", description = "Events, delivered to your endpoints."),
        (name = "API keys", description = "Which requests a client may send."),
        (name = "Shops", description = "The shops that tickets and stock belong to."),
        (name = "Users", description = "The people who work on tickets."),
        (name = "Plugins", description = "Uploaded WebAssembly components."),
        (name = "Installations", description = "Installed plugins, their order and limits."),
    ),
)]
pub struct Frame;

/// The body of every error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    error: ErrorContent,
}

#[derive(Serialize, ToSchema)]
struct ErrorContent {
    /// A stable code for programs.
    code: ErrorCode,
    /// A message for people.
    message: String,
    /// Data that depends on the code: `field` and `value` of an invalid input, `violations` of plugins … Empty if
    /// there is none.
    #[schema(value_type = Object)]
    details: Value,
    /// The value of the header `X-Request-Id`. Support uses it to find the request.
    request_id: String,
}

/// The whole document as JSON.
pub fn complete(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["info"]["description"] = json!(introduction());
    document["components"]["securitySchemes"] = json!({ "api_key": {
        "type": "http", "scheme": "bearer",
        "description": "An API key: `Authorization: Bearer ro_live_…`. Scopes: read, write, admin; each includes \
                        those before it.",
    }});
    operations::complete(&mut document);
    webhooks::add(&mut document);
    inline::inline(&mut document, "Time");
    schemas::complete(&mut document);
    examples::add(&mut document);
    document
}

/// `docs/api.md` without its title and without the resources.
fn introduction() -> &'static str {
    let text = DESCRIPTION.split("<!--").next().unwrap_or_default().trim();
    text.split_once('\n').map_or(text, |(_, rest)| rest.trim())
}

/// `GET /v1/openapi.json`. Routes do not change while the process runs, so the document is built once.
pub fn serve(document: &OpenApi) -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| Bytes::from(complete(document).to_string()));
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (Extension(Uncompressed), kind, text.clone()).into_response()
}

#[cfg(test)]
mod tests;
