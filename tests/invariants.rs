//! Invariants of ARCHITECTURE.md that belong to no single feature.

use std::fs;
use std::path::Path;
use std::time::Instant;

use regex::Regex;

use crate::support::{TestApp, json, on_one_database};

on_one_database!(sqlite Sqlite: no_transaction_is_open_while_a_plugin_runs);

/// SQLite has one writer: a transaction around the plugin's call would hold up every other write until it ends.
async fn no_transaction_is_open_while_a_plugin_runs(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let ticket = t.create_ticket(&elm).await;
    let limits = json!({ "fuel": 1_000_000_000, "deadline_ms": 1_000 });
    t.install_with("guest-loop-forever", json!({ "limits": limits, "shop_ids": [elm] })).await;
    let started = Instant::now();
    let transition = tokio::spawn(t.transition(&ticket, "TRIAGE"));
    let mut writes = Vec::new();
    while !transition.is_finished() {
        let start = started.elapsed();
        t.create_ticket(&t.shop).await;
        writes.push((start, started.elapsed()));
    }
    let whole = started.elapsed();
    assert_ne!(transition.await.expect("no panic").status, 200, "the plugin is stopped");
    let within = |(start, end): &(_, _)| *start >= whole / 4 && *end < whole;
    assert!(
        writes.iter().any(within),
        "no write in the last three quarters of {whole:?}: {writes:?}"
    );
}

#[test]
fn only_stores_contain_sql() {
    let sql = Regex::new(
        r"\b(fetch_one|fetch_all|fetch_optional|execute|insert_all)!\s*\(|\bsqlx::(query|raw_sql)|\bQueryBuilder\b",
    )
    .expect("a pattern");
    let is_store = |name: &str| {
        name.split(['/', '.']).any(|part| part == "store")
            || name == "db.rs"
            || name.starts_with("db/")
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut stores, mut others) = (0, Vec::new());
    for (name, text) in files(&root, &root) {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines.filter(|line| sql.is_match(line)) {
            match is_store(&name) {
                true => stores += 1,
                false => others.push(format!("{name}: {}", line.trim())),
            }
        }
    }
    assert_eq!(others, [""; 0], "SQL outside of a store");
    assert!(stores > 100, "the stores have more statements than {stores}");
}

fn files(root: &Path, folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the host") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(root, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("inside").to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path).expect("a file of the host")));
        }
    }
    found
}
