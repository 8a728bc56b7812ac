//! What a plugin logs, in the log of a server: each line says whose it is.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::components::node_folder;
use crate::support::{TestApp, both_databases, json};

both_databases![a_line_names_organization_installation_and_ticket];

async fn a_line_names_organization_installation_and_ticket(t: &TestApp) {
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
    client.post(&path, json!({ "new_status": "TRIAGE" })).await.ok();
    let line = lines.find(|line| line.contains("repairops::plugin::log")).expect("a line");
    server.kill().expect("the server ends");
    server.wait().expect("the server is gone");
    let parts = [
        format!("org={}", t.org),
        "plugin=\"guest-log-flood\"".to_owned(),
        format!("installation_id={installation}"),
        "hook=\"pre-transition\"".to_owned(),
        format!("ticket_id=\"{ticket}\""),
        "text=".to_owned(),
    ];
    for part in parts {
        assert!(line.contains(&part), "{part} in {line}");
    }
}
