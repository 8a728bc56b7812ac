//! I/O errors of a real server's disk: for a while, the kernel rejects every write to a file of the process.

use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::crash::Server;
use crate::faults::{expect_unavailable, keyed, large_ticket, tickets};
use crate::support::{TestApp, on_one_database};

on_one_database!(sqlite Sqlite: a_server_whose_disk_fails_recovers_with_it);

async fn a_server_whose_disk_fails_recovers_with_it(t: &TestApp) {
    // Writes over the limit fail with EFBIG; without this the signal that comes with it would end the process.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_repairops")]);
    let server = Server::start_by(shell, t, "off");
    let client = t.over_socket(server.base.clone());
    let mut acknowledged = 0;
    for round in 0..3 {
        for _ in 0..4 {
            client.post("/v1/tickets", large_ticket(&t.shop)).await.expect_status(201);
            acknowledged += 1;
        }
        limit_files(&server, Some(0));
        let name = format!("round {round}");
        for _ in 0..4 {
            let reply = client.post("/v1/tickets", large_ticket(&t.shop)).await;
            expect_unavailable(reply, "DATABASE_UNAVAILABLE");
            let reply = keyed(&client, "/v1/tickets", &name, &large_ticket(&t.shop)).await;
            expect_unavailable(reply, "DATABASE_UNAVAILABLE");
        }
        assert_eq!(tickets(&client).await, acknowledged, "reads go on");
        let ready = client.get("/readyz").await.expect_status(503).body;
        assert_eq!(ready["checks"]["storage"], "writes to the database fail");
        client.get("/healthz").await.expect_status(200);

        limit_files(&server, None);
        let reply = keyed(&client, "/v1/tickets", &name, &large_ticket(&t.shop)).await;
        reply.expect_status(201);
        acknowledged += 1;
        until_ready(&client).await;
    }
    assert_eq!(tickets(&client).await, acknowledged);
    server.end().await;
    assert_eq!(tickets(t).await, acknowledged);
}

fn limit_files(server: &Server, bytes: Option<u64>) {
    let id = i32::try_from(server.child.id()).ok().and_then(Pid::from_raw).expect("a process");
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(id), Resource::Fsize, limit).expect("the limit is set");
}

/// It tries a write once a second.
async fn until_ready(client: &crate::support::client::Client) {
    for _ in 0..50 {
        if client.get("/readyz").await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it is not ready");
}
