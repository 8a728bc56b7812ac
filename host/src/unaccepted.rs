//! Rejects what a route would ignore or misread: query parameters where it takes none (`extract::Params` rejects unknown
//! ones on the others), `If-Match` on writes that cannot check it, and bodies that are compressed.
//!
//! Invariant: no route of the API ignores a parameter or a condition, since which ones take them is read from the OpenAPI
//! document.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use crate::error::ApiError;
use crate::model::excerpt;

/// Operations, by method and path.
#[derive(Default)]
pub struct Unaccepted {
    /// Those without query parameters.
    parameters: HashSet<(Method, String)>,
    /// The writes without `If-Match`.
    if_match: HashSet<(Method, String)>,
}

impl Unaccepted {
    pub fn of(document: &OpenApi) -> Arc<Unaccepted> {
        let mut found = Unaccepted::default();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                let has = |place: ParameterIn, name: Option<&str>| takes(operation, &place, name);
                if !has(ParameterIn::Query, None) {
                    found.parameters.insert((method.clone(), path.clone()));
                }
                if method != Method::GET && !has(ParameterIn::Header, Some("If-Match")) {
                    found.if_match.insert((method, path.clone()));
                }
            }
        }
        Arc::new(found)
    }
}

/// Whether the operation has a parameter there, of any name or of this one.
fn takes(operation: &Operation, place: &ParameterIn, name: Option<&str>) -> bool {
    operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => {
            parameter.parameter_in == *place && name.is_none_or(|name| parameter.name == name)
        }
        RefOr::Ref(_) => true,
    })
}

/// A layer of routes: it needs the matched path.
pub async fn reject(
    State(unaccepted): State<Arc<Unaccepted>>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let operation = (method.clone(), path.as_str().to_owned());
    let query = request.uri().query().unwrap_or_default();
    if !query.is_empty() && unaccepted.parameters.contains(&operation) {
        return refusal(query).into_response();
    }
    if let Some(value) = request.headers().get(header::IF_MATCH)
        && unaccepted.if_match.contains(&operation)
    {
        let value = String::from_utf8_lossy(value.as_bytes());
        let message =
            "If-Match cannot be checked by this route, which has no versions; leave it out";
        return ApiError::field("If-Match", value, message).into_response();
    }
    match request.headers().get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            ApiError::encoded_body(&String::from_utf8_lossy(coding.as_bytes())).into_response()
        }
        _ => next.run(request).await,
    }
}

fn refusal(query: &str) -> ApiError {
    let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    let (name, value) = pairs.into_iter().next().unwrap_or_default();
    let name = excerpt::text(&name, excerpt::NAME_BYTES_MAX);
    ApiError::field(&name, value, format!("{name} is not a parameter of this route; it takes none"))
}
