//! The ticket as it would be after a change: what the plugins judge and what is then written.

use crate::clock::Clock;
use crate::db::Conn;
use crate::model::ids::{OrgId, UserId};
use crate::model::invalid::{Invalid, check_length, check_optional, check_text};
use crate::model::money::{Hours, Money};
use crate::model::place::Place;
use crate::model::ticket::{Detail, SEVERITIES};
use crate::model::version::Expected;
use crate::model::workflow::{self, Status, StockRule};
use crate::tickets::outcome::ChangeError;
use crate::tickets::parts::{self, NewPart};
use crate::users;

/// Recommended parts of a ticket.
const NAMES_MAX: usize = 100;

/// What a client wants to be different; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub status: Option<Status>,
    /// What the client calls it: `status` or `new_status`.
    pub status_field: &'static str,
    /// May `status` be the present one (then it is no transition)?
    pub same_status_is_fine: bool,
    pub notes: Option<String>,
    /// The versions that may be written upon; none: whichever it is.
    pub expected: Option<Expected>,
    /// On whose behalf; else the caller.
    pub actor_id: Option<UserId>,
    pub assigned_to: Option<Option<UserId>>,
    pub labor_hours: Option<Hours>,
    pub labor_rate: Option<Money>,
    pub parts: Option<Vec<NewPart>>,
    pub findings: Option<Option<String>>,
    pub estimated_cost: Option<Option<Money>>,
    pub recommended_parts: Option<Vec<String>>,
    pub issue_category: Option<Option<String>>,
    pub issue_severity: Option<Option<String>>,
    pub device_description: Option<Option<String>>,
}

/// A draft and how it differs.
pub struct Draft {
    pub after: Detail,
    /// The fields that the client set, by their names in the API.
    pub changed: Vec<&'static str>,
    pub parts_changed: bool,
    /// Set when the status changes.
    pub from: Option<Status>,
}

pub async fn draft(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    before: &Detail,
    change: &Change,
) -> Result<Draft, ChangeError> {
    let mut after = before.clone();
    let mut changed = Vec::new();
    set_plain_fields(&mut after, change, &mut changed)?;
    if let Some(assigned_to) = change.assigned_to {
        after.ticket.assigned_to = assigned_to;
        after.technician = match assigned_to {
            Some(id) => Some(find_user(conn, org, "assigned_to", id).await?),
            None => None,
        };
        changed.push("assigned_to");
    }
    let mut parts_changed = false;
    if let Some(wanted) = &change.parts {
        after.parts = parts::resolve(conn, clock, org, before, wanted).await?;
        parts_changed = after.parts != before.parts;
        changed.push("parts");
    }
    if parts_changed && parts_are_frozen(&before.ticket.status) {
        return Err(ChangeError::PartsFrozen { status: before.ticket.status.clone() });
    }
    let from = set_status(&mut after, change, clock)?;
    if from.is_some() {
        changed.push("status");
    }
    Ok(Draft { after, changed, parts_changed, from })
}

fn parts_are_frozen(status: &Status) -> bool {
    matches!(
        workflow::DEFAULT.stock(status),
        StockRule::Consume | StockRule::Frozen | StockRule::Release
    )
}

async fn find_user(
    conn: &mut Conn,
    org: OrgId,
    field: &str,
    id: UserId,
) -> Result<crate::model::people::User, ChangeError> {
    let user = users::store::get(conn, org, id).await?;
    user.ok_or_else(|| {
        Invalid::new(field, id, format!("{field} is no user of this organization")).into()
    })
}

/// Sets the status if the workflow has the edge; answers the one before when it changed.
fn set_status(
    after: &mut Detail,
    change: &Change,
    clock: &Clock,
) -> Result<Option<Status>, ChangeError> {
    let Some(to) = &change.status else { return Ok(None) };
    let workflow = &workflow::DEFAULT;
    if workflow.find(to.as_str()).is_none() {
        let message = format!("{to} is no status; there are {}", workflow.names().join(", "));
        return Err(Invalid::new(change.status_field, to, message).into());
    }
    let from = after.ticket.status.clone();
    if *to == from && change.same_status_is_fine {
        return Ok(None);
    }
    workflow.check(&from, to)?;
    after.ticket.status = to.clone();
    if to.as_str() == workflow::PICKED_UP {
        after.ticket.picked_up_at = Some(clock.now());
    }
    Ok(Some(from))
}

fn set_plain_fields(
    after: &mut Detail,
    change: &Change,
    changed: &mut Vec<&'static str>,
) -> Result<(), Invalid> {
    let ticket = &mut after.ticket;
    if let Some(hours) = change.labor_hours {
        if hours.0 > 10_000_000 {
            return Err(Invalid::new("labor_hours", hours, "labor_hours must be at most 100000"));
        }
        ticket.labor_hours = hours;
        changed.push("labor_hours");
    }
    if let Some(rate) = change.labor_rate {
        ticket.labor_rate = rate.at_most(Money::LABOR_RATE_MAX, "labor_rate")?;
        changed.push("labor_rate");
    }
    let texts = [
        (&change.findings, &mut ticket.findings, "diagnostics.findings", 10_000),
        (&change.issue_category, &mut ticket.issue_category, "issue.category", 64),
        (&change.issue_severity, &mut ticket.issue_severity, "issue.severity", 64),
        (&change.device_description, &mut ticket.device_description, "device.description", 1_000),
    ];
    for (wanted, field, name, max) in texts {
        if let Some(text) = wanted {
            *field = check_optional(name, text.as_deref(), max)?;
            changed.push(name);
        }
    }
    if let Some(severity) = &ticket.issue_severity
        && change.issue_severity.is_some()
        && !SEVERITIES.contains(&severity.as_str())
    {
        let message = format!("issue.severity must be one of {}", SEVERITIES.join(", "));
        return Err(Invalid::new("issue.severity", severity, message));
    }
    if let Some(cost) = change.estimated_cost {
        ticket.estimated_cost = cost;
        changed.push("diagnostics.estimated_cost");
    }
    if let Some(names) = &change.recommended_parts {
        ticket.recommended_parts = check_names(names)?;
        changed.push("diagnostics.recommended_parts");
    }
    Ok(())
}

fn check_names(names: &[String]) -> Result<Vec<String>, Invalid> {
    let diagnostics = Place::of("diagnostics");
    let field = diagnostics.field("recommended_parts");
    check_length(field, names.len(), "names", NAMES_MAX)?;
    names.iter().enumerate().map(|(index, name)| check_text(field.at(index), name, 200)).collect()
}
