//! The trace that a refused request leaves at its ticket.
//!
//! Invariant: it is durable before the client gets the refusal.

use std::collections::BTreeMap;

use crate::app::App;
use crate::idempotency;
use crate::model::ids::OrgId;
use crate::model::people::Actor;
use crate::model::ticket::TicketContext;
use crate::tickets::draft::Draft;
use crate::tickets::outcome::ChangeError;
use crate::tickets::store::{self, NewRefusal};

/// The code of a refusal because a plugin that is required failed.
const FAILED: &str = "PLUGIN_FAILED";

/// Records what plugins refused; other errors are none of theirs.
pub async fn record(
    app: &App,
    org: OrgId,
    (before, draft): (&TicketContext, &Draft),
    actor: &Actor,
    error: &ChangeError,
) -> Result<(), sqlx::Error> {
    let now = app.clock.now();
    let (ticket, to) = (&before.ticket, &draft.after.ticket.status);
    let base = NewRefusal {
        id: app.clock.new_id(),
        ticket_id: ticket.id,
        status: &ticket.status,
        to_status: draft.from.as_ref().map(|_| to),
        actor: &actor.name,
        now,
        plugin: "",
        code: FAILED,
        run_id: app.clock.new_id(),
        installation_id: None,
        hook: "",
        message: "",
        field: None,
    };
    // One statement cannot write a row twice: the last of a plugin and code stays.
    let mut refusals: BTreeMap<(&str, &str), NewRefusal<'_>> = BTreeMap::new();
    match error {
        ChangeError::Rejected { violations, .. } => {
            for found in violations {
                let refusal = NewRefusal {
                    id: app.clock.new_id(),
                    plugin: &found.plugin,
                    code: &found.violation.code,
                    run_id: found.run_id,
                    installation_id: Some(found.installation_id),
                    hook: found.hook.as_str(),
                    message: &found.violation.message,
                    field: found.violation.field.as_deref(),
                    ..base
                };
                refusals.insert((refusal.plugin, refusal.code), refusal);
            }
        }
        ChangeError::PluginFailed { failure, .. } => {
            let refusal = NewRefusal {
                plugin: &failure.plugin,
                run_id: failure.run_id,
                installation_id: Some(failure.installation_id),
                hook: failure.hook.as_str(),
                message: &failure.error.message,
                ..base
            };
            refusals.insert((refusal.plugin, refusal.code), refusal);
        }
        _ => return Ok(()),
    }
    let refusals: Vec<_> = refusals.into_values().collect();
    // The client may send the request again with its key, once the plugin is satisfied.
    idempotency::aside(async {
        let mut tx = app.db.begin().await?;
        store::record_refusals(&mut tx, org, ticket.id, &refusals).await?;
        tx.commit().await
    })
    .await
}
