//! The journal: every run of a plugin with its input, decision, figures and log.

use crate::support::{TestApp, both_databases, json};

both_databases![
    a_refusal_names_its_run_and_the_run_says_why,
    runs_are_found_by_what_they_are_about,
    an_installation_is_summed_up,
    each_change_of_the_event_is_an_input_of_its_own,
    a_broken_plugin_shows_its_panic_to_the_owner_alone,
    another_organization_sees_nothing,
    a_batch_that_is_written_again_doubles_nothing,
];

async fn written(t: &TestApp) {
    assert!(repairops::journal::write::write(&t.app).await, "the journal is written");
}

async fn a_refusal_names_its_run_and_the_run_says_why(t: &TestApp) {
    let installation = t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let details = t.transition(&ticket, "QC_REVIEW").await.details(422, "PLUGIN_REJECTED");
    let run_id = details["violations"][0]["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(details["plugins"][0]["run_id"], run_id);
    assert_eq!(details["plugins"][0]["mode"], "enforce");
    written(t).await;
    let run = t.get(&format!("/v1/plugin-runs/{run_id}")).await.ok();
    assert_eq!(run["installation_id"], installation);
    assert_eq!((&run["outcome"], &run["failed"]), (&json!("denied"), &json!(false)));
    assert_eq!((&run["hook"], &run["ticket_id"]), (&json!("pre-transition"), &json!(ticket)));
    assert_eq!(run["codes"], json!(["FINDINGS_MISSING", "TECHNICIAN_MISSING", "WORK_MISSING"]));
    assert_eq!(run["decision"]["deny"][0]["message"], details["violations"][0]["message"]);
    assert_eq!(run["input"]["to"], "QC_REVIEW");
    assert_eq!(run["input"]["ticket"]["id"], ticket);
    assert_eq!(run["fuel"], details["plugins"][0]["fuel"]);
    for figure in ["fuel", "processor_us", "wall_us", "memory_bytes"] {
        assert!(run[figure].as_i64().is_some_and(|figure| figure > 0), "{figure} of {run}");
    }
    assert_eq!(run["transcript"], json!([]));
    assert!(run["seed"].as_str().expect("a seed").parse::<u64>().is_ok());
    assert_eq!(run["limits"]["fuel"], details["plugins"][0]["limits"]["fuel"]);
}

async fn runs_are_found_by_what_they_are_about(t: &TestApp) {
    let gate = t.install("qc-gate", json!({})).await;
    t.install("intake-triage", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let other = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
    written(t).await;
    let count = async |query: &str| {
        let path = format!("/v1/plugin-runs?{query}");
        t.get(&path).await["pagination"]["total"].as_i64().expect("a total")
    };
    let all = count("limit=1").await;
    assert!(all > 4, "{all}");
    assert_eq!(count("outcome=denied").await, 1);
    assert_eq!(count(&format!("installation_id={gate}&outcome=denied")).await, 1);
    assert_eq!(count("plugin=intake-triage&hook=post-create").await, 2);
    assert_eq!(count(&format!("plugin=intake-triage&ticket_id={other}")).await, 1);
    assert_eq!(count("mode=enforce").await, all);
    assert_eq!(count("mode=monitor").await, 0);
    assert_eq!(count("outcome=failed").await, 0);
    assert_eq!(count("created_after=2020-01-01&created_before=2020-01-02").await, 0);
    let first = t.get("/v1/plugin-runs?limit=2").await.ok();
    let cursor = first["pagination"]["next_cursor"].as_str().expect("more").to_owned();
    let next = t.get(&format!("/v1/plugin-runs?limit=2&cursor={cursor}")).await.ok();
    assert_ne!(first["data"][1]["id"], next["data"][0]["id"]);
    t.get("/v1/plugin-runs?outcome=%27").await.invalid("outcome");
    t.get("/v1/plugin-runs?hook=never").await.invalid("hook");
}

async fn an_installation_is_summed_up(t: &TestApp) {
    let gate = t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
    written(t).await;
    for by in ["hour", "day"] {
        let stats = t.get(&format!("/v1/installations/{gate}/stats?by={by}")).await.ok();
        let periods = stats["periods"].as_array().expect("periods");
        let sum =
            |name: &str| -> i64 { periods.iter().filter_map(|period| period[name].as_i64()).sum() };
        let denied: i64 =
            periods.iter().filter_map(|period| period["outcomes"]["denied"].as_i64()).sum();
        assert_eq!((denied, sum("failed")), (1, 0), "{stats}");
        assert!(sum("calls") > 1 && sum("fuel") > 0 && sum("processor_us") > 0, "{stats}");
        let start = periods[0]["start"].as_str().expect("a start");
        assert!(start.ends_with(":00:00Z"), "{start}");
    }
    let path = "/v1/installations/00000000-0000-7000-8000-000000000000/stats";
    t.get(path).await.not_found();
}

async fn each_change_of_the_event_is_an_input_of_its_own(t: &TestApp) {
    t.install("intake-triage", json!({})).await;
    t.install("guest-judge", json!({})).await;
    let ticket = t.create_ticket_with(&t.shop, json!({ "issue_description": "glass" })).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    written(t).await;
    let runs = t.get(&format!("/v1/plugin-runs?ticket_id={ticket}&sort=created_at")).await.ok();
    let runs = runs["data"].as_array().expect("runs").clone();
    let of_creation: Vec<_> = runs.iter().filter(|run| run["hook"] == "post-create").collect();
    assert!(!of_creation.is_empty(), "{runs:?}");
    for run in &runs {
        let id = run["id"].as_str().expect("an id");
        let run = t.get(&format!("/v1/plugin-runs/{id}")).await.ok();
        assert_eq!(run["input"]["ticket"]["id"], ticket);
    }
}

async fn a_broken_plugin_shows_its_panic_to_the_owner_alone(t: &TestApp) {
    t.install("guest-trap", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let details = t.transition(&ticket, "TRIAGE").await.details(422, "PLUGIN_FAILED");
    let run_id = details["run_id"].as_str().expect("a run").to_owned();
    written(t).await;
    let run = t.get(&format!("/v1/plugin-runs/{run_id}")).await.ok();
    assert_eq!((&run["failed"], &run["outcome"]), (&json!(true), &json!("trap")));
    assert_eq!(run["decision"], json!(null));
    assert!(!run["detail"].as_str().expect("a text").is_empty(), "{run}");
    assert!(!details.to_string().contains("wasm backtrace"), "{details}");
    assert_eq!(t.get("/v1/plugin-runs?outcome=failed").await["pagination"]["total"], 1);
}

async fn another_organization_sees_nothing(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let details = t.transition(&ticket, "QC_REVIEW").await.details(422, "PLUGIN_REJECTED");
    written(t).await;
    let stranger = t.stranger().await;
    assert_eq!(stranger.get("/v1/plugin-runs").await["pagination"]["total"], 0);
    let run_id = details["violations"][0]["run_id"].as_str().expect("a run");
    stranger.get(&format!("/v1/plugin-runs/{run_id}")).await.not_found();
}

async fn a_batch_that_is_written_again_doubles_nothing(t: &TestApp) {
    t.install("intake-triage", json!({})).await;
    t.create_ticket(&t.shop).await;
    written(t).await;
    let total = async || t.get("/v1/plugin-runs").await["pagination"]["total"].clone();
    let before = total().await;
    written(t).await;
    assert_eq!(total().await, before);
}
