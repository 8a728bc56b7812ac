//! A server that is killed: every refusal that it answered two seconds before is in the journal, once.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::components::node_folder;
use crate::support::{TestApp, both_databases, json};

both_databases![a_killed_server_loses_no_refusal_of_two_seconds_before];

async fn a_killed_server_loses_no_refusal_of_two_seconds_before(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let mut tickets = Vec::new();
    for _ in 0..8 {
        tickets.push(t.create_ticket_in(&t.shop, "IN_REPAIR").await);
    }
    let mut server = Command::new(env!("CARGO_BIN_EXE_repairops"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "off",
            "--rate-limits",
            "off",
        ])
        .args(["--database", t.database_url(), "--data"])
        .arg(node_folder())
        .env("RUST_LOG", "repairops::cli=info")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let log = BufReader::new(server.stderr.take().expect("a log"));
    let mut lines = log.lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()))
        .expect("the server says where it listens");
    std::thread::spawn(move || lines.for_each(drop));
    let client = t.admin.over_socket(format!("http://{address}"));
    let begun = Instant::now();
    let mut answered: Vec<(Instant, String)> = Vec::new();
    let mut clients = tokio::task::JoinSet::new();
    for ticket in tickets {
        let client = client.clone();
        clients.spawn(async move {
            let mut answered = Vec::new();
            let path = format!("/v1/tickets/{ticket}/transition");
            while begun.elapsed() < Duration::from_secs(4) {
                let body = json!({ "new_status": "QC_REVIEW" });
                let details = client.post(&path, body).await.details(422, "PLUGIN_REJECTED");
                let run = details["plugins"][0]["run_id"].as_str().expect("a run").to_owned();
                answered.push((Instant::now(), run));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answered
        });
    }
    while let Some(ended) = clients.join_next().await {
        answered.extend(ended.expect("a client"));
    }
    let killed = Instant::now();
    server.kill().expect("the server ends"); // SIGKILL
    server.wait().expect("the server is gone");
    let due: Vec<&String> = answered
        .iter()
        .filter(|(at, _)| killed - *at > Duration::from_secs(2))
        .map(|(_, run)| run)
        .collect();
    assert!(due.len() > 20, "{} refusals", due.len());
    let mut kept = Vec::new();
    let mut path = "/v1/plugin-runs?limit=500&outcome=denied".to_owned();
    loop {
        let page = t.get(&path).await.ok();
        let runs = page["data"].as_array().expect("runs").iter();
        kept.extend(runs.map(|run| run["id"].as_str().expect("an id").to_owned()));
        let Some(cursor) = page["pagination"]["next_cursor"].as_str() else { break };
        path = format!("/v1/plugin-runs?limit=500&outcome=denied&cursor={cursor}");
    }
    let distinct: HashSet<&String> = kept.iter().collect();
    assert_eq!(distinct.len(), kept.len(), "nothing is doubled");
    let lost: Vec<&&String> = due.iter().filter(|run| !distinct.contains(**run)).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), due.len());
    let timeline = t.get("/v1/plugin-runs?outcome=denied&limit=1").await.ok();
    assert_eq!(timeline["pagination"]["total"], kept.len());
}
