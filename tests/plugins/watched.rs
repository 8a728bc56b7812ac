//! A plugin is watched without a leap of faith: monitor, dry run, previews, refusals at the ticket.

use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::databases::dump;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_monitored_plugin_is_asked_and_changes_nothing,
    a_monitored_plugin_that_breaks_costs_nothing,
    monitored_plugins_are_asked_by_every_hook,
    the_modes_hold_on_the_other_node_at_once,
    a_dry_run_says_what_the_request_would_get,
    a_dry_run_of_invalid_input_is_an_error,
    a_dry_run_of_a_creation_says_what_plugins_would_set,
    dry_runs_and_previews_leave_every_table_as_it_was,
    previews_say_what_plugins_and_stock_would_say,
    a_field_that_two_plugins_set_is_said_on_the_ticket,
    a_refusal_leaves_a_trace_at_its_ticket,
    codes_made_up_by_a_plugin_do_not_fill_the_timeline,
];

async fn written(t: &TestApp) {
    assert!(repairops::journal::write::write(&t.app).await, "the journal is written");
}

/// Waits for the runs of monitored plugins, which nobody else waits for.
async fn monitored(t: &TestApp, query: &str, count: i64) -> Vec<Value> {
    for _ in 0..400 {
        written(t).await;
        let runs =
            t.get(&format!("/v1/plugin-runs?mode=monitor&sort=created_at&{query}")).await.ok();
        if runs["pagination"]["total"].as_i64() >= Some(count) {
            return runs["data"].as_array().expect("runs").clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("there are no {count} runs of monitored plugins")
}

async fn set_mode(t: &TestApp, installation: &str, hooks: &[&str], mode: &str) {
    let hooks: serde_json::Map<String, Value> =
        hooks.iter().map(|hook| ((*hook).to_owned(), json!({ "mode": mode }))).collect();
    t.reconfigure(installation, json!({ "hooks": hooks })).await.ok();
}

async fn a_monitored_plugin_is_asked_and_changes_nothing(t: &TestApp) {
    let gate = t.install("qc-gate", json!({})).await;
    set_mode(t, &gate, &["pre-transition"], "monitor").await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let done = t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!((&done["plugins"], &done["warnings"]), (&json!([]), &json!([])));
    let last = monitored(t, "outcome=denied", 1).await.remove(0);
    assert_eq!((&last["outcome"], &last["mode"]), (&json!("denied"), &json!("monitor")));
    let id = last["id"].as_str().expect("an id");
    let run = t.get(&format!("/v1/plugin-runs/{id}")).await.ok();
    assert_eq!(run["input"]["to"], "QC_REVIEW");
    assert_eq!(t.ticket(&ticket).await["status"], "QC_REVIEW");
    let stats = t.get(&format!("/v1/installations/{gate}/stats")).await.ok();
    assert!(
        stats["periods"]
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["mode"] == "monitor"))
    );
}

async fn a_monitored_plugin_that_breaks_costs_nothing(t: &TestApp) {
    for package in ["guest-trap", "guest-loop-forever"] {
        let installation = t.install(package, json!({})).await;
        set_mode(t, &installation, &["pre-transition"], "monitor").await;
    }
    let known = t.events().await.len();
    let ticket = t.create_ticket(&t.shop).await;
    let done = t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!((&done["plugins"], &done["warnings"]), (&json!([]), &json!([])));
    let runs = monitored(t, "limit=9", 2).await;
    assert!(runs.iter().all(|run| run["failed"] == true), "{runs:?}");
    repairops::plugins::report_failures::write(&t.app).await;
    let names = t.event_names_after(known).await;
    assert!(!names.contains(&"plugin.failed".to_owned()), "{names:?}");
    assert_eq!(t.ticket(&ticket).await["timeline"].as_array().map(Vec::len), Some(2));
}

async fn monitored_plugins_are_asked_by_every_hook(t: &TestApp) {
    let judge =
        t.install("guest-judge", json!({ "pre_create": "tell", "pre_update": "tell" })).await;
    set_mode(t, &judge, &["pre-create", "pre-update"], "monitor").await;
    let triage = t.install("intake-triage", json!({})).await;
    set_mode(t, &triage, &["post-create"], "monitor").await;
    let stock = t.install("nearest-stock", json!({})).await;
    set_mode(t, &stock, &["reserve-inventory"], "monitor").await;
    let item = t.create_item(&t.shop, "SCR", 1).await;
    let ticket = t.create_ticket_in(&t.shop, "APPROVED").await;
    t.change(&ticket, json!({ "parts": [{ "inventory_id": item, "quantity": 2 }] })).await.ok();
    for hook in ["pre-create", "pre-update", "post-create", "reserve-inventory"] {
        monitored(t, &format!("hook={hook}"), 1).await;
    }
    assert_eq!(t.ticket(&ticket).await["tags"], json!([]));
}

async fn the_modes_hold_on_the_other_node_at_once(t: &TestApp) {
    let gate = t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let node = t.node(|_| {}).await;
    let other = node.admin.clone();
    let path = format!("/v1/tickets/{ticket}/transition");
    let body = json!({ "new_status": "QC_REVIEW" });
    other.post(&path, body.clone()).await.error(422, "PLUGIN_REJECTED");
    set_mode(t, &gate, &["pre-transition"], "monitor").await;
    other.post(&path, body).await.ok();
}

async fn a_dry_run_says_what_the_request_would_get(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let path = format!("/v1/tickets/{ticket}/transition");
    let body = json!({ "new_status": "QC_REVIEW" });
    let dry = t.post(&format!("{path}?dry_run=true"), body.clone()).await.ok();
    let real = t.post(&path, body).await.error(422, "PLUGIN_REJECTED");
    assert_eq!((&dry["dry_run"], &dry["accepted"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&dry["would"]["status"], &dry["would"]["code"]),
        (&json!(422), &json!("PLUGIN_REJECTED"))
    );
    assert_eq!(dry["would"]["message"], real["message"]);
    assert_eq!(
        dry["violations"].as_array().map(Vec::len),
        real["details"]["violations"].as_array().map(Vec::len)
    );
    assert_eq!(dry["plugins"][0]["mode"], "preview");

    let item = t.create_item(&t.shop, "SCR", 1).await;
    let dry = t
        .patch(
            &format!("/v1/tickets/{ticket}?dry_run=true"),
            json!({ "parts": [{ "inventory_id": item, "quantity": 1 }], "labor_hours": 1 }),
        )
        .await
        .ok();
    assert_eq!((&dry["accepted"], &dry["would"]["status"]), (&json!(true), &json!(200)), "{dry}");
    assert_eq!(dry["stock"]["moves"][0]["action"], "hold");
    assert_eq!(dry["stock"]["moves"][0]["inventory_id"], item);
    assert_eq!(t.stock(&item).await.1, 0, "nothing is held");
    let version = t.ticket(&ticket).await["version"].clone();
    let same = t.post(&format!("{path}?dry_run=false"), json!({ "new_status": "QC_REVIEW" })).await;
    same.error(422, "PLUGIN_REJECTED");
    assert_eq!(t.ticket(&ticket).await["version"], version);
}

async fn a_dry_run_of_invalid_input_is_an_error(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let path = format!("/v1/tickets/{ticket}/transition?dry_run=true");
    t.post(&path, json!({ "new_status": "PICKED_UP" })).await.error(409, "INVALID_TRANSITION");
    t.post(&path, json!({ "new_status": "NOWHERE" })).await.invalid("new_status");
    let path = format!("/v1/tickets/{ticket}?dry_run=true");
    t.patch(&path, json!({ "labor_hours": -1 })).await.error(400, "INVALID_REQUEST");
    t.patch(&format!("/v1/tickets/{ticket}?dry_run=perhaps"), json!({})).await.invalid("dry_run");
    let body = ticket_body(&t.shop, json!({ "issue_description": " " }));
    t.post("/v1/tickets?dry_run=true", body).await.invalid("issue_description");
    let stranger = t.stranger().await;
    stranger.patch(&path, json!({ "labor_hours": 1 })).await.not_found();
}

async fn a_dry_run_of_a_creation_says_what_plugins_would_set(t: &TestApp) {
    t.install("intake-triage", json!({})).await;
    let body = ticket_body(&t.shop, json!({ "issue_description": "Cracked screen, water damage" }));
    let dry = t.post("/v1/tickets?dry_run=true", body.clone()).await.ok();
    assert_eq!((&dry["accepted"], &dry["would"]["status"]), (&json!(true), &json!(201)));
    assert!(dry["set"].as_array().is_some_and(|set| !set.is_empty()), "{dry}");
    assert_eq!(dry["set"][0]["plugin"], "intake-triage");
    let created = t.post("/v1/tickets", body).await.expect_status(201);
    assert_eq!(created["number"], "T000001", "a dry run takes no number");
    let mut set: Vec<&Value> =
        created["plugins"][0]["set"].as_array().expect("fields").iter().collect();
    let mut said: Vec<&Value> =
        dry["set"].as_array().expect("fields").iter().map(|one| &one["field"]).collect();
    set.sort_by_key(|field| field.to_string());
    said.sort_by_key(|field| field.to_string());
    assert_eq!(said, set);
}

async fn dry_runs_and_previews_leave_every_table_as_it_was(t: &TestApp) {
    for package in ["qc-gate", "intake-triage", "nearest-stock", "guest-trap"] {
        t.install(package, json!({})).await;
    }
    let item = t.create_item(&t.shop, "SCR", 1).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let gate = t.get("/v1/installations").await.ok();
    let trap = gate["data"].as_array().expect("installations").last().expect("one")["id"].clone();
    set_mode(t, trap.as_str().expect("an id"), &["pre-transition"], "monitor").await;
    let ticket = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", json!([])).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    written(t).await;
    let before = dump(&t.app).await;
    let key = [("idempotency-key", "one")];
    let requests = [
        ("POST", "/v1/tickets?dry_run=true".to_owned(), ticket_body(&t.shop, json!({}))),
        ("PATCH", format!("/v1/tickets/{ticket}?dry_run=true"), json!({ "parts": parts })),
        (
            "POST",
            format!("/v1/tickets/{ticket}/transition?dry_run=true"),
            json!({ "new_status": "QC_REVIEW", "notes": "Done." }),
        ),
    ];
    for (method, path, body) in requests {
        let request = t.request(method.parse().expect("a method"), &path);
        let request = request.header(key[0].0, key[0].1).header("content-type", "application/json");
        t.send(request, body.to_string().into()).await.expect_status(200);
    }
    t.get(&format!("/v1/tickets/{ticket}/transitions")).await.ok();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    written(t).await;
    assert_eq!(dump(&t.app).await, before);
}

async fn previews_say_what_plugins_and_stock_would_say(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let path = format!("/v1/tickets/{ticket}/transitions");
    let edge = |found: &Value, to: &str| -> Value {
        let edges = found["transitions"].as_array().expect("edges");
        edges.iter().find(|edge| edge["to_status"] == to).expect("the edge").clone()
    };
    let review = edge(&t.get(&path).await.ok(), "QC_REVIEW");
    assert_eq!(review["allowed"], false);
    assert_eq!(review["reasons"][0]["code"], "PLUGIN_REJECTED");
    assert_eq!(review["reasons"][0]["violations"][0]["plugin"], "qc-gate");
    assert_eq!(review["runs"][0]["mode"], "preview");
    let alice = t.create_technician("Alice").await;
    let done =
        json!({ "assigned_to": alice, "labor_hours": 1, "diagnostics": { "findings": "Glass." } });
    t.change(&ticket, done).await.ok();
    assert_eq!(edge(&t.get(&path).await.ok(), "QC_REVIEW")["allowed"], true);
    t.transition(&ticket, "QC_REVIEW").await.ok();
}

async fn a_refusal_leaves_a_trace_at_its_ticket(t: &TestApp) {
    let gate = t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let mut last = json!(null);
    for _ in 0..3 {
        last = t.transition(&ticket, "QC_REVIEW").await.details(422, "PLUGIN_REJECTED");
    }
    let timeline = t.get(&format!("/v1/tickets/{ticket}/timeline")).await.ok();
    let items = timeline["data"].as_array().expect("entries");
    let refused: Vec<_> = items.iter().filter(|item| item["kind"] == "refused").collect();
    assert_eq!(refused.len(), 3, "one for each code: {timeline}");
    for item in &refused {
        let refusal = &item["refusal"];
        assert_eq!((&refusal["refusals"], &refusal["plugin"]), (&json!(3), &json!("qc-gate")));
        assert_eq!(
            (&refusal["installation_id"], &refusal["to_status"]),
            (&json!(gate), &json!("QC_REVIEW"))
        );
        assert_eq!(refusal["run_id"], last["plugins"][0]["run_id"], "the last run");
        assert!(item["notes"].as_str().is_some_and(|text| !text.is_empty()));
    }
    let shown = t.ticket(&ticket).await;
    assert!(!shown["timeline"].to_string().contains("refused"), "{shown}");
    assert_eq!(timeline["pagination"]["total"], items.len());
    let page = t.get(&format!("/v1/tickets/{ticket}/timeline?limit=2&offset=1")).await.ok();
    assert_eq!(page["data"], json!(items[1..3]));
}

async fn codes_made_up_by_a_plugin_do_not_fill_the_timeline(t: &TestApp) {
    use repairops::model::event::Hook;
    use repairops::model::ids::TicketId;
    use repairops::model::workflow::Status;
    use repairops::tickets::store::{NewRefusal, record_refusals};
    let ticket = t.create_ticket(&t.shop).await;
    let id = TicketId(ticket.parse().expect("an id"));
    let status = Status("INTAKE".to_owned());
    let codes: Vec<String> = (0..250).map(|number| format!("CODE_{number}")).collect();
    for code in &codes {
        let mut tx = t.app.db.begin().await.expect("a transaction");
        let refusal = NewRefusal {
            id: t.app.clock.new_id(),
            ticket_id: id,
            plugin: "p",
            code,
            run_id: t.app.clock.new_id(),
            installation_id: None,
            hook: Hook::PreTransition.as_str(),
            message: "no",
            field: None,
            status: &status,
            to_status: None,
            actor: "A",
            now: t.app.clock.now(),
        };
        record_refusals(&mut tx, t.org, id, &[refusal]).await.expect("it is recorded");
        tx.commit().await.expect("a commit");
    }
    let timeline = t.get(&format!("/v1/tickets/{ticket}/timeline?limit=500")).await.ok();
    let items = timeline["data"].as_array().expect("entries");
    let refused: Vec<_> = items.iter().filter(|item| item["kind"] == "refused").collect();
    assert_eq!(refused.len(), 100);
    assert_eq!(refused[99]["refusal"]["code"], "CODE_249");
}

async fn a_field_that_two_plugins_set_is_said_on_the_ticket(t: &TestApp) {
    t.install("intake-triage", json!({})).await;
    t.install("guest-judge", json!({ "severity": "low" })).await;
    let body = ticket_body(&t.shop, json!({ "issue_description": "Cracked screen, water damage" }));
    let created = t.post("/v1/tickets", body).await.expect_status(201);
    let ran = created["plugins"].as_array().expect("runs").iter();
    let ran: Vec<&Value> = ran.filter(|run| run["hook"] == "post-create").collect();
    let set = |index: usize| ran[index]["set"].as_array().cloned().unwrap_or_default();
    let both: Vec<Value> = set(0)
        .into_iter()
        .filter(|field| set(1).contains(field) && field != "tags" && field != "internal_note")
        .collect();
    let warned: Vec<&Value> = created["warnings"]
        .as_array()
        .expect("warnings")
        .iter()
        .filter(|warning| warning["code"] == "FIELD_SET_TWICE")
        .map(|warning| &warning["field"])
        .collect();
    assert!(!both.is_empty(), "{}", created["plugins"]);
    assert_eq!(warned, both.iter().collect::<Vec<_>>());
    let shown = t.ticket(created["id"].as_str().expect("an id")).await;
    assert!(shown["timeline"].to_string().contains("after intake-triage had set it"), "{shown}");
}
