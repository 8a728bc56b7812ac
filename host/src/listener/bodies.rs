//! Request and response bodies that record the progress of their connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::progress::Progress;

/// The rest of a request body.
pub struct RequestBody {
    body: Incoming,
    progress: Arc<Progress>,
    is_waiting: bool,
}

/// The rest of a response body.
pub struct ResponseBody {
    body: axum::body::Body,
    progress: Arc<Progress>,
}

impl RequestBody {
    pub fn new(body: Incoming, progress: Arc<Progress>) -> RequestBody {
        RequestBody { body, progress, is_waiting: false }
    }

    fn set_waiting(&mut self, is_waiting: bool) {
        if self.is_waiting == is_waiting {
            return;
        }
        self.is_waiting = is_waiting;
        match is_waiting {
            true => self.progress.place().wait_for_client(),
            false => self.progress.place().resume(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.set_waiting(frame.is_pending());
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.progress.end_request_body();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.set_waiting(false);
    }
}

impl ResponseBody {
    pub fn new(body: axum::body::Body, progress: Arc<Progress>) -> ResponseBody {
        ResponseBody { body, progress }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// hyper drops a body after its last frame.
impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.progress.end_response_body();
    }
}
