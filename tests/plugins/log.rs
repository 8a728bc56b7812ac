//! The server's log: each call of a plugin has a line that says whose it was. What a plugin logs may name people, so it
//! is in the journal alone.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::components::node_folder;
use crate::support::{TestApp, both_databases, json};

both_databases![a_call_has_a_line_and_its_log_is_in_the_journal];

async fn a_call_has_a_line_and_its_log_is_in_the_journal(t: &TestApp) {
    let installation = t.install("guest-log-flood", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let mut server = Command::new(env!("CARGO_BIN_EXE_repairops"))
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])
        .args(["--database", t.database_url(), "--data"])
        .arg(node_folder())
        .env("RUST_LOG", "repairops::cli=info,repairops::plugin=info")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut lines =
        BufReader::new(server.stderr.take().expect("a log")).lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()))
        .expect("the server says where it listens");
    let client = t.admin.over_socket(format!("http://{address}"));
    client.get("/metrics").await.not_found();
    let path = format!("/v1/tickets/{ticket}/transition");
    let done = client.post(&path, json!({ "new_status": "TRIAGE" })).await.ok();
    let run = done["plugins"][0]["run_id"].as_str().expect("a run").to_owned();
    let line = lines.find(|line| line.contains("plugin call")).expect("a line");
    let mut log = json!([]);
    for _ in 0..100 {
        let found = client.get(&format!("/v1/plugin-runs/{run}")).await;
        if found.status == 200 {
            log = found["log"].clone();
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.kill().expect("the server ends");
    server.wait().expect("the server is gone");
    let parts = [
        format!("org={}", t.org),
        "plugin=\"guest-log-flood\"".to_owned(),
        format!("installation_id={installation}"),
        "hook=\"pre-transition\"".to_owned(),
        format!("ticket_id=\"{ticket}\""),
        format!("run_id={run}"),
    ];
    for part in parts {
        assert!(line.contains(&part), "{part} in {line}");
    }
    let text = log[0]["message"].as_str().expect("the plugin's first line");
    assert!(!line.contains(text) && !lines.any(|line| line.contains(text)), "{text}");
}
