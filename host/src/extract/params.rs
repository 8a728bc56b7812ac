//! The query parameters of a request.
//!
//! Invariant: each parameter appears at most once and has a value, and an error names it and quotes its value.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{complaint, has_nul, steps};
use crate::error::ApiError;
use crate::model::excerpt;
use crate::model::place::{self, Step};

pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or("");
        let pairs: Vec<(String, String)> = serde_html_form::from_str(query).map_err(|error| {
            ApiError::invalid(format!("The query string cannot be parsed: {error}"), Value::Null)
        })?;
        let given = given(&pairs)?;
        let deserializer = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        serde_path_to_error::deserialize(deserializer).map(Params).map_err(|error| {
            let message = error.inner().to_string();
            let steps = steps(error.path(), &message);
            let field = place::text(steps.iter().copied());
            let value = match steps.first() {
                Some(Step::Field(name)) => given.get(name),
                _ => None,
            };
            ApiError::field(&field, value, complaint(&field, &message))
        })
    }
}

/// The parameters by name; a repeated one is an error.
fn given(pairs: &[(String, String)]) -> Result<HashMap<&str, &str>, ApiError> {
    let mut given = HashMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        if name.contains('\0') || value.contains('\0') {
            return Err(has_nul(name, value));
        }
        if value.is_empty() {
            let name = excerpt::text(name, excerpt::NAME_BYTES_MAX);
            let message = format!("{name} is empty; give it a value or leave it out");
            return Err(ApiError::field(&name, value, message));
        }
        match given.entry(name.as_str()) {
            Entry::Vacant(entry) => {
                entry.insert(value.as_str());
            }
            Entry::Occupied(_) => {
                let name = excerpt::text(name, excerpt::NAME_BYTES_MAX);
                return Err(ApiError::field(&name, value, format!("{name} is given twice")));
            }
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_may_be_given_once() {
        let pairs = |names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect()
        };
        assert_eq!(given(&pairs(&["a", "b"])).expect("no duplicate").len(), 2);
        let error = given(&pairs(&["a", "b", "a"])).expect_err("a duplicate");
        assert_eq!(error.message, "a is given twice");
    }
}
