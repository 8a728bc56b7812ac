//! Request futures that are dropped at any await point, as when a client disconnects.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::faults::{expect_honest_writes, tickets};
use crate::support::builders::ticket_body;
use crate::support::proxy::Proxy;
use crate::support::{TestApp, both_databases, json, on_one_database};

both_databases![a_caller_may_be_dropped_at_any_moment];

on_one_database!(postgres Postgres:
    callers_that_are_dropped_during_begin_leave_no_session_in_a_transaction,
    a_commit_under_way_is_carried_out_without_its_caller,
);

/// Connections that rest for so long are checked before they are used, others are not.
const RESTED: Duration = Duration::from_millis(1_100);

async fn callers_that_are_dropped_during_begin_leave_no_session_in_a_transaction(t: &TestApp) {
    let (proxy, url) = Proxy::before(t.database_url()).await;
    let node = t.node(|config| config.database.url = url).await;
    let before = tickets(&node.admin).await;
    proxy.hold("BEGIN");
    drop_requests(t, &proxy, &node.admin).await;
    tokio::time::sleep(RESTED).await;
    expect_honest_writes(t, &node.admin, "after a rest").await;
    proxy.hold("BEGIN");
    drop_requests(t, &proxy, &node.admin).await;
    expect_honest_writes(t, &node.admin, "at once").await;
    assert_eq!(tickets(&node.admin).await, before + 80, "the dropped ones made nothing");
    node.app.db.close().await;
}

async fn a_commit_under_way_is_carried_out_without_its_caller(t: &TestApp) {
    let (proxy, url) = Proxy::before(t.database_url()).await;
    let node = t.node(|config| config.database.url = url).await;
    let before = tickets(&node.admin).await;
    proxy.hold("COMMIT");
    drop_requests(t, &proxy, &node.admin).await;
    tokio::time::sleep(RESTED).await;
    expect_honest_writes(t, &node.admin, "after a rest").await;
    assert_eq!(tickets(&node.admin).await, before + 8 + 40);
    node.app.db.close().await;
}

/// Eight requests that are dropped while the proxy holds back the answers to a statement of theirs.
async fn drop_requests(t: &TestApp, proxy: &Proxy, client: &crate::support::client::Client) {
    let body = ticket_body(&t.shop, json!({}));
    let requests: Vec<_> =
        (0..8).map(|_| tokio::spawn(client.post("/v1/tickets", body.clone()))).collect();
    proxy.holds(8).await;
    for request in requests {
        request.abort();
        let ended = request.await.expect_err("it was dropped before its end");
        assert!(ended.is_cancelled(), "{ended}");
    }
    proxy.release();
}

/// When a request is dropped: as soon as it waits, or when it could go on.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Waiting,
    Woken,
}

/// How far a request comes with so many polls is another each time.
const POLLS_MAX: usize = 50;

/// Dropped at the same time, so that each has a connection of its own.
const TOGETHER: usize = 10;

async fn a_caller_may_be_dropped_at_any_moment(t: &TestApp) {
    let mut dropped = 0;
    for moment in [Moment::Waiting, Moment::Woken] {
        for first in (1..=POLLS_MAX).step_by(TOGETHER) {
            let mut requests = JoinSet::new();
            for polls in first..first + TOGETHER {
                let request = t.post("/v1/tickets", ticket_body(&t.shop, json!({})));
                requests.spawn(is_done_after(Box::pin(request), polls, moment));
            }
            let done = requests.join_all().await;
            dropped += done.into_iter().filter(|is_done| !is_done).count();
        }
        tokio::time::sleep(RESTED).await;
        expect_honest_writes(t, &t.admin, &format!("after {moment:?}")).await;
    }
    // How many end before depends on how busy the machine is.
    assert!(dropped > 0, "no request was dropped");
}

/// Polls it so often, then drops it; true if it ended before.
async fn is_done_after<F: Future>(mut work: Pin<Box<F>>, polls: usize, moment: Moment) -> bool {
    let mut polled = 0;
    std::future::poll_fn(move |cx| {
        if polled == polls {
            return Poll::Ready(false);
        }
        polled += 1;
        match work.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polled == polls && matches!(moment, Moment::Waiting) => {
                Poll::Ready(false)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
