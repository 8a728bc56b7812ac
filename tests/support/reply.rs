//! A response of the API, and the assertions on it. A failed assertion shows the whole response.

use std::ops::Index;

use axum::body::Bytes;
use axum::http::HeaderMap;
use repairops::openapi;
use serde_json::Value;

#[derive(Debug)]
pub struct Reply {
    /// The request's method and path.
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// `null` if there is no body; a string if it is not JSON.
    pub body: Value,
    /// The body's bytes.
    pub raw: Bytes,
}

impl Reply {
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}: {:#}", self.asked, self.body);
        self
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{}: {} {:#}",
            self.asked,
            self.status,
            self.body
        );
        self.body
    }

    /// The id in the body of a success.
    #[track_caller]
    pub fn id(self) -> String {
        let asked = self.asked.clone();
        let body = self.ok();
        body["id"].as_str().unwrap_or_else(|| panic!("{asked}: no id in {body:#}")).to_owned()
    }

    /// The error of a response: in the envelope, with the request's id, of this status and code.
    #[track_caller]
    pub fn error(self, status: u16, code: &str) -> Value {
        let Reply { asked, body, .. } = &self;
        assert_eq!(
            (self.status, body["error"]["code"].as_str()),
            (status, Some(code)),
            "{asked}: {body:#}"
        );
        let documented = (code, status);
        let is_documented =
            openapi::CODES.iter().any(|(code, status, _)| (*code, *status) == documented);
        assert!(is_documented, "{code} with {status} is not in openapi/codes.rs");
        assert_eq!(keys(body), ["error"], "{asked}: {body:#}");
        let error = &body["error"];
        assert_eq!(keys(error), ["code", "details", "message", "request_id"], "{asked}: {body:#}");
        assert!(error["details"].is_object(), "{asked}: {body:#}");
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{asked}: {body:#}"
        );
        assert_eq!(error["request_id"].as_str(), self.header("x-request-id"), "{asked}: {body:#}");
        assert!(self.header("x-request-id").is_some_and(|id| id.len() >= 16), "{asked}: {body:#}");
        error.clone()
    }

    /// The `details` of such an error.
    #[track_caller]
    pub fn details(self, status: u16, code: &str) -> Value {
        self.error(status, code)["details"].clone()
    }

    /// A 400 that names the field; returns the rejected value.
    #[track_caller]
    pub fn invalid(self, field: &str) -> Value {
        let asked = self.asked.clone();
        let error = self.error(400, "INVALID_REQUEST");
        assert_eq!(error["details"]["field"], field, "{asked}: {error:#}");
        error["details"]["value"].clone()
    }

    #[track_caller]
    pub fn not_found(self) {
        self.error(404, "NOT_FOUND");
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Index<&str> for Reply {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.body[field]
    }
}

/// The names of an object's fields, sorted.
pub fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}
