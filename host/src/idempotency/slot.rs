//! State shared by the middleware, the extractor and the commit hook of one request with an Idempotency-Key.
//!
//! Invariant: the body is read once, after the caller is authenticated.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;

use super::claimed::Claimed;
use super::seal::Sealer;
use super::stored::Answer;
use crate::clock::Clock;

tokio::task_local! {
    static SLOT: Arc<Slot>;
}

#[derive(Default)]
pub(super) struct Slot {
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The body before the caller is authenticated.
    pub unread: Option<Body>,
    /// The body for the handler.
    pub read: Option<Result<Bytes, BytesRejection>>,
    pub claim: Option<Claim>,
    /// The response to replay if this server stops between the commit and the response.
    pub noted: Option<Answer>,
}

/// The claim of this request.
#[derive(Clone)]
pub(super) struct Claim {
    pub claimed: Claimed,
    pub sealer: Sealer,
    pub clock: Clock,
    pub is_committed: bool,
}

impl Slot {
    pub(super) fn holding(body: Body) -> Arc<Slot> {
        let state = State { unread: Some(body), ..State::default() };
        Arc::new(Slot { state: Mutex::new(state) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the rest of the request with this slot.
    pub(super) async fn scope<F: Future>(self: Arc<Slot>, work: F) -> F::Output {
        SLOT.scope(self, work).await
    }
}

/// The slot of the current request, if it has an Idempotency-Key.
pub(super) fn current() -> Option<Arc<Slot>> {
    SLOT.try_with(Arc::clone).ok()
}

/// Runs `work` beside the request: what it commits is not what the request's key stands for.
pub async fn aside<F: Future>(work: F) -> F::Output {
    Arc::new(Slot::default()).scope(work).await
}

/// Takes the body, if it was read when the key was claimed.
pub fn take_body() -> Option<Result<Bytes, BytesRejection>> {
    current()?.lock().read.take()
}
