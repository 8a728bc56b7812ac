//! Serves one connection to its end: its requests one after the other, within the timeouts.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, header};
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::bodies::{RequestBody, ResponseBody};
use super::closed::Closed;
use super::io::Io;
use super::progress::Progress;

/// The largest request head. A URL may use most of it.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// Returns when the connection is closed. When `stopping` becomes true, the current request is the last one.
pub async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: TowerToHyperService<Router>,
    progress: Arc<Progress>,
    mut stopping: watch::Receiver<bool>,
) {
    // Responses are written whole, so delaying small packets gains nothing.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        progress.begin_request(!request.body().is_end_stream());
        let body = |body| Body::new(RequestBody::new(body, progress.clone()));
        let mut request = request.map(body);
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = router.call(request);
        let progress = progress.clone();
        async move {
            let mut response = response.await?;
            // The rest of the body is not read, so the connection closes after this response.
            if progress.has_unread_body() {
                response
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            progress.begin_response();
            Ok::<_, Infallible>(response.map(|body| ResponseBody::new(body, progress)))
        }
    });
    // hyper's head timeout also applies to idle connections; ours are separate.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(Io::new(stream, progress.clone()), service);
    let mut connection = pin!(connection);
    let mut stop = pin!(stopping.wait_for(|stopping| *stopping));
    let mut is_stopping = false;
    let first = progress.deadline().map_or_else(Instant::now, |(at, _)| at);
    let mut timer = pin!(sleep_until(first));
    let closed = poll_fn(|cx| {
        if !is_stopping && stop.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        // Connection errors are caused by the client; they are not logged.
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        poll_deadline(&progress, timer.as_mut(), cx)
    })
    .await;
    if let Some(reason) = closed {
        progress.place().connections().note_closed(reason);
    }
}

/// Ready when the deadline has passed. The deadline moves with each step of the connection; the timer is reset only
/// if it would fire late, or has fired early.
fn poll_deadline(
    progress: &Progress,
    mut timer: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<Option<Closed>> {
    loop {
        let Some((at, reason)) = progress.deadline() else { return Poll::Pending };
        if at <= Instant::now() {
            return Poll::Ready(reason);
        }
        if timer.deadline() > at || timer.is_elapsed() {
            timer.as_mut().reset(at);
        }
        ready!(timer.as_mut().poll(cx));
    }
}
