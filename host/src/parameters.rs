//! Rejects query parameters on routes that take none; `extract::Params` rejects unknown ones on the others.
//!
//! Invariant: no route of the API ignores a parameter, since the routes without any are those of the OpenAPI document.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use crate::error::ApiError;
use crate::model::excerpt;

/// The operations without query parameters, by method and path.
pub struct WithoutParameters(HashSet<(Method, String)>);

impl WithoutParameters {
    pub fn of(document: &OpenApi) -> Arc<WithoutParameters> {
        let mut without = HashSet::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if operation.as_ref().is_some_and(|operation| !has_query(operation)) {
                    without.insert((method, path.clone()));
                }
            }
        }
        Arc::new(WithoutParameters(without))
    }

    fn has(&self, method: &Method, path: &str) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.contains(&(method.clone(), path.to_owned()))
    }
}

fn has_query(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => true,
    })
}

/// A layer of routes: it needs the matched path.
pub async fn reject(
    State(without): State<Arc<WithoutParameters>>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if query.is_empty() || !without.has(request.method(), path.as_str()) {
        return next.run(request).await;
    }
    refusal(query).into_response()
}

fn refusal(query: &str) -> ApiError {
    let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    let (name, value) = pairs.into_iter().next().unwrap_or_default();
    let name = excerpt::text(&name, excerpt::NAME_BYTES_MAX);
    ApiError::field(&name, value, format!("{name} is not a parameter of this route; it takes none"))
}
