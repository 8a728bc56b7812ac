//! The graph of statuses, edge by edge.

use crate::support::{TestApp, both_databases, json};

both_databases![every_edge_is_allowed_and_every_other_is_refused, an_unknown_status_is_a_400,];

/// The edges of `workflow.md`, the starred ones included.
const EDGES: [(&str, &[&str]); 13] = [
    ("INTAKE", &["TRIAGE", "DIAGNOSTICS", "VOIDED"]),
    ("TRIAGE", &["DIAGNOSTICS", "VOIDED"]),
    ("DIAGNOSTICS", &["WAITING_APPROVAL", "TRIAGE", "IN_REPAIR", "VOIDED"]),
    ("WAITING_APPROVAL", &["APPROVED", "VOIDED"]),
    ("APPROVED", &["WAITING_ON_PARTS", "IN_REPAIR", "VOIDED"]),
    ("WAITING_ON_PARTS", &["IN_REPAIR", "VOIDED"]),
    ("IN_REPAIR", &["QC_REVIEW", "VOIDED"]),
    ("QC_REVIEW", &["READY_FOR_PICKUP", "QC_FAILED", "VOIDED"]),
    ("QC_FAILED", &["IN_REPAIR", "VOIDED"]),
    ("READY_FOR_PICKUP", &["PICKED_UP", "VOIDED"]),
    ("PICKED_UP", &["CLOSED"]),
    ("CLOSED", &[]),
    ("VOIDED", &[]),
];

async fn every_edge_is_allowed_and_every_other_is_refused(t: &TestApp) {
    for (from, allowed) in EDGES {
        let ticket = t.create_ticket_in(&t.shop, from).await;
        for (to, _) in EDGES.iter().filter(|(to, _)| !allowed.contains(to)) {
            let error = t.transition(&ticket, to).await.error(409, "INVALID_TRANSITION");
            assert_eq!(error["message"], format!("Cannot transition from {from} to {to}"));
            assert_eq!(error["details"], json!({ "from": from, "to": to, "allowed": allowed }));
        }
        // Each edge but the first needs a ticket of its own.
        for (index, to) in allowed.iter().enumerate() {
            let ticket =
                if index == 0 { ticket.clone() } else { t.create_ticket_in(&t.shop, from).await };
            let done = t.transition(&ticket, to).await.ok();
            assert_eq!((&done["from_status"], &done["to_status"]), (&json!(from), &json!(to)));
        }
    }
}

async fn an_unknown_status_is_a_400(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    assert_eq!(t.transition(&ticket, "LOST").await.invalid("new_status"), "LOST");
    assert_eq!(t.change(&ticket, json!({ "status": "intake" })).await.invalid("status"), "intake");
    assert_eq!(t.get("/v1/tickets?status=LOST").await.invalid("status"), "LOST");
}
