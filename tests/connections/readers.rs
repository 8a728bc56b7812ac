//! Clients that do not read their responses.

use std::time::Duration;

use repairops::config::ConnectionConfig;
use tokio::io::AsyncReadExt;

use super::{closed, get, open, patient, serve, until};
use crate::support::socket::Socket;
use crate::support::{TestApp, on_one_database};

on_one_database!(sqlite Sqlite: a_client_that_reads_nothing_is_dropped, a_client_that_reads_too_slowly_is_dropped);

/// Far more than the operating system keeps for either side.
async fn ask_for_a_lot(base: &str) -> Socket {
    let mut socket = Socket::connect_with_little_room(base).await;
    socket.send(&get("/v1/openapi.json").repeat(200)).await;
    socket
}

async fn a_client_that_reads_nothing_is_dropped(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { write_timeout_ms: 200, ..patient() }).await;
    let _socket = ask_for_a_lot(&base).await;
    until("the timeout", async || closed(&node, "write_timeout").await == 1).await;
    until("the end of the connection", async || open(&node).await == 0).await;
}

async fn a_client_that_reads_too_slowly_is_dropped(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { request_timeout_ms: 500, ..patient() }).await;
    let mut socket = ask_for_a_lot(&base).await;
    let reading = async {
        let mut some = [0; 512];
        while socket.stream.read(&mut some).await.is_ok_and(|count| count > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let dropped = until("the timeout", async || closed(&node, "response_timeout").await == 1);
    tokio::select! {
        () = reading => panic!("it read all of it"),
        () = dropped => {}
    }
    until("the end of the connection", async || open(&node).await == 0).await;
}
