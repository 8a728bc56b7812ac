//! `/docs`: the document as an interactive page.
//!
//! Invariant: all its files are part of this program; its content security policy blocks every other host.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{self, HeaderName};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::Config;

use crate::compression::Uncompressed;
use crate::error::ApiError;

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Inline styles are allowed because the viewer's icons use them; inline scripts are not.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of the viewer that the page uses.
const VIEWER: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// `GET /docs`.
pub async fn page() -> Response {
    file("text/html; charset=utf-8", HTML)
}

/// `GET /docs/{file}`.
pub async fn page_file(Path(name): Path<String>) -> Result<Response, ApiError> {
    match name.as_str() {
        "page.css" => Ok(file("text/css; charset=utf-8", STYLE)),
        "page.js" => Ok(file("text/javascript; charset=utf-8", SCRIPT)),
        name if VIEWER.contains(&name) => viewer_file(name),
        _ => Err(ApiError::not_found("File")),
    }
}

fn viewer_file(name: &str) -> Result<Response, ApiError> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("")));
    match utoipa_swagger_ui::serve(name, CONFIG.clone()) {
        Ok(Some(found)) => {
            // Not copied for each request: anyone may request it without a key.
            let bytes = match found.bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Ok(file(&found.content_type, bytes))
        }
        Ok(None) => Err(ApiError::not_found("File")),
        Err(error) => Err(ApiError::internal(anyhow::anyhow!("{error}"))),
    }
}

fn file(kind: &str, content: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ];
    (Extension(Uncompressed), headers, content).into_response()
}
