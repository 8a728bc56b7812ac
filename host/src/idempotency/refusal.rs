//! Why a handler does not run: an error, or a response that is stored already.
//!
//! Invariant: a replayed response has the same status, body and stored headers as the first one.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::stored::Answer;
use crate::error::ApiError;

/// Set on every replayed response.
pub const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Why a handler does not run: an error, or a stored response.
#[derive(Debug)]
pub enum Refusal {
    Error(ApiError),
    Replay(Replay),
}

/// The response to the first request.
#[derive(Debug)]
pub struct Replay(Answer);

impl From<Answer> for Replay {
    fn from(answer: Answer) -> Self {
        Replay(answer)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Refusal::Error(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Error(error) => error.into_response(),
            Refusal::Replay(Replay(answer)) => answer.into_response(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
        response
    }
}
