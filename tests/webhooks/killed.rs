//! A server that is killed between the commit of an event and its delivery: every event is still delivered.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{create, deliver, log};
use crate::support::builders::ticket_body;
use crate::support::client::Client;
use crate::support::components::node_folder;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_server_that_is_killed_while_it_delivers_loses_nothing,
    a_server_that_is_asked_to_end_finishes_what_is_under_way,
];

async fn a_server_that_is_killed_while_it_delivers_loses_nothing(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({})).await;
    let mut made = 0;
    for round in 0..3 {
        // First it answers, then it hangs: the server dies with requests under way and others waiting.
        receiver.answers(if round == 0 { Answer::Status(204) } else { Answer::Hang });
        let seen = receiver.received().len();
        let mut server = Server::start(t);
        let client = t.admin.over_socket(server.base.clone());
        for _ in 0..5 {
            client.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
            made += 1;
        }
        receiver.has_received(seen + 1).await;
        server.child.kill().expect("the server is killed"); // SIGKILL
        server.child.wait().expect("the server is gone");
    }
    receiver.answers(Answer::Status(204));
    let server = Server::start(t);
    let client = t.admin.over_socket(server.base.clone());
    wait_until_all_arrived(&client, &webhook, made + 1).await;
    drop(server);

    let arrived = receiver.ids();
    assert_eq!(t.events().await.len(), made + 1);
    for row in log(t, &webhook).await {
        assert_eq!(row["state"], "delivered", "{row:#}");
        let id = row["event_id"].as_str().expect("an id").to_owned();
        assert!(arrived.contains(&id), "{row:#}");
    }
    assert!(arrived.len() > made, "what was under way was sent again");
    assert_eq!(deliver(&t.app).await, 0);
}

async fn a_server_that_is_asked_to_end_finishes_what_is_under_way(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::After(Duration::from_millis(300)));
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let mut server = Server::start(t);
    let client = t.admin.over_socket(server.base.clone());
    for _ in 0..12 {
        client.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    }
    receiver.has_received(1).await;
    let id = server.child.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
    assert!(asked.success());
    let ended = tokio::task::spawn_blocking(move || server.child.wait()).await.expect("no panic");
    assert!(ended.expect("an end").success());
    let done = log(t, &webhook).await.iter().filter(|row| row["state"] == "delivered").count();
    assert_eq!(done, receiver.received().len(), "what had begun was written down");
    // The endpoint was given back, so that the next one need not wait.
    assert_eq!(deliver(&t.app).await, 12 - done);
    assert_eq!(receiver.received().len(), 12);
}

async fn wait_until_all_arrived(client: &Client, webhook: &serde_json::Value, count: usize) {
    for _ in 0..600 {
        let rows = log(client, webhook).await;
        if rows.len() == count && rows.iter().all(|row| row["state"] == "delivered") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not all arrived: {:#?}", log(client, webhook).await);
}

/// `repairops serve` as a process of its own, on the test's database.
struct Server {
    child: Child,
    base: String,
}

impl Server {
    fn start(t: &TestApp) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_repairops"))
            .args(["serve", "--listen", "127.0.0.1:0", "--database", t.database_url()])
            .args(["--webhook-allow", "127.0.0.0/8", "--rate-limits", "off"])
            .arg("--data")
            .arg(node_folder())
            .env("RUST_LOG", "repairops::cli=info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let log = BufReader::new(child.stderr.take().expect("a log"));
        let mut lines = log.lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()))
            .expect("the server says where it listens");
        // Its log has to be read, or it would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, base: format!("http://{address}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
