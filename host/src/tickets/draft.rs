//! The ticket as it would be after a change: the plugins check it, and then it is written.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::db::Conn;
use crate::model::event::CustomValue;
use crate::model::ids::{OrgId, UserId};
use crate::model::invalid::{Invalid, check_length, check_optional, check_text};
use crate::model::money::{Hours, Money};
use crate::model::place::Place;
use crate::model::stock::Item;
use crate::model::ticket::{SEVERITIES, TicketContext, Visibility};
use crate::model::version::Expected;
use crate::model::workflow::{self, Status, StockRule};
use crate::tickets::labels;
use crate::tickets::outcome::ChangeError;
use crate::tickets::parts::{self, NewPart};
use crate::users;

/// The maximum number of recommended parts.
const NAMES_MAX: usize = 100;

/// The request that a change comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// `PATCH`: the current status may be sent and changes nothing.
    #[default]
    Patch,
    /// `POST …/transition`: the status must be a different one.
    Transition,
}

impl Intent {
    /// The field of the status in the request's body.
    fn status_field(self) -> &'static str {
        match self {
            Intent::Patch => "status",
            Intent::Transition => "new_status",
        }
    }
}

/// The changes of a client; `None` keeps a field, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct TicketChange {
    pub intent: Intent,
    pub status: Option<Status>,
    pub notes: Option<String>,
    pub notes_visibility: Visibility,
    /// The versions that may be changed; `None` means any.
    pub expected: Option<Expected>,
    /// The user who acts; defaults to the caller.
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
    pub tags: Option<Vec<String>>,
    /// Merged; `None` removes.
    pub custom_fields: BTreeMap<String, Option<CustomValue>>,
}

/// A draft and its differences to the stored ticket.
pub struct Draft {
    pub after: TicketContext,
    /// The stock items that the lines of `after` name, in the order of their ids.
    pub items: Vec<Item>,
    /// The API names of the fields that are other than before.
    pub changed: Vec<String>,
    pub parts_changed: bool,
    /// The earlier status, if the status changes.
    pub from: Option<Status>,
}

/// `items` are those that the lines of `before` name.
pub async fn draft(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    (before, items): (&TicketContext, &[Item]),
    change: &TicketChange,
) -> Result<Draft, ChangeError> {
    let mut draft = Draft::unchanged(before, items);
    set_plain_fields(&mut draft.after, change, &mut draft.changed)?;
    if let Some(assigned_to) = change.assigned_to
        && assigned_to != before.ticket.assigned_to
    {
        draft.after.ticket.assigned_to = assigned_to;
        draft.after.technician = match assigned_to {
            Some(id) => Some(find_user(conn, org, "assigned_to", id).await?),
            None => None,
        };
        draft.changed.push("assigned_to".to_owned());
    }
    if let Some(wanted) = &change.parts {
        (draft.after.parts, draft.items) = parts::resolve(conn, clock, org, before, wanted).await?;
        draft.parts_changed = draft.after.parts != before.parts;
        if draft.parts_changed {
            draft.changed.push("parts".to_owned());
        }
    }
    if draft.parts_changed && parts_are_frozen(&before.ticket.status) {
        return Err(ChangeError::PartsFrozen { status: before.ticket.status.clone() });
    }
    if let Some(to) = &change.status {
        draft.set_status(clock, change.intent, to)?;
    }
    Ok(draft)
}

impl Draft {
    fn unchanged(before: &TicketContext, items: &[Item]) -> Draft {
        Draft {
            after: before.clone(),
            items: items.to_vec(),
            changed: Vec::new(),
            parts_changed: false,
            from: None,
        }
    }

    /// Changes only the status.
    pub fn transition(
        clock: &Clock,
        (before, items): (&TicketContext, &[Item]),
        to: &Status,
    ) -> Result<Draft, ChangeError> {
        let mut draft = Draft::unchanged(before, items);
        draft.set_status(clock, Intent::Transition, to)?;
        Ok(draft)
    }

    /// Sets the status if the workflow has the edge.
    fn set_status(
        &mut self,
        clock: &Clock,
        intent: Intent,
        to: &Status,
    ) -> Result<(), ChangeError> {
        let workflow = &workflow::DEFAULT;
        if workflow.find(to.as_str()).is_none() {
            let message =
                format!("{to} is not a status; expected one of {}", workflow.names().join(", "));
            return Err(Invalid::new(intent.status_field(), to, message).into());
        }
        let ticket = &mut self.after.ticket;
        if *to == ticket.status && intent == Intent::Patch {
            return Ok(());
        }
        workflow.check(&ticket.status, to)?;
        self.from = Some(std::mem::replace(&mut ticket.status, to.clone()));
        if to.as_str() == workflow::PICKED_UP {
            ticket.picked_up_at = Some(clock.now());
        }
        self.changed.push("status".to_owned());
        Ok(())
    }
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
        Invalid::new(field, id, format!("{field} is not a user of this organization")).into()
    })
}

fn set_plain_fields(
    after: &mut TicketContext,
    change: &TicketChange,
    changed: &mut Vec<String>,
) -> Result<(), Invalid> {
    let ticket = &mut after.ticket;
    if let Some(hours) = change.labor_hours {
        if hours.0 > 10_000_000 {
            return Err(Invalid::new("labor_hours", hours, "labor_hours must be at most 100000"));
        }
        set(&mut ticket.labor_hours, hours, "labor_hours", changed);
    }
    if let Some(rate) = change.labor_rate {
        let rate = rate.at_most(Money::LABOR_RATE_MAX, "labor_rate")?;
        set(&mut ticket.labor_rate, rate, "labor_rate", changed);
    }
    let texts = [
        (&change.findings, &mut ticket.findings, "diagnostics.findings", 10_000),
        (&change.issue_category, &mut ticket.issue_category, "issue.category", 64),
        (&change.issue_severity, &mut ticket.issue_severity, "issue.severity", 64),
        (&change.device_description, &mut ticket.device_description, "device.description", 1_000),
    ];
    for (wanted, field, name, max) in texts {
        if let Some(text) = wanted {
            set(field, check_optional(name, text.as_deref(), max)?, name, changed);
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
        set(&mut ticket.estimated_cost, cost, "diagnostics.estimated_cost", changed);
    }
    if let Some(names) = &change.recommended_parts {
        let names = check_names(names)?;
        set(&mut ticket.recommended_parts, names, "diagnostics.recommended_parts", changed);
    }
    if let Some(tags) = &change.tags {
        set(&mut ticket.tags, labels::check_tags(tags)?, "tags", changed);
    }
    let fields = labels::merge_fields(&ticket.custom_fields, &change.custom_fields)?;
    let names = change.custom_fields.keys();
    let differ = |name: &&String| ticket.custom_fields.get(*name) != fields.get(*name);
    changed.extend(names.filter(differ).map(|name| format!("custom_fields.{name}")));
    ticket.custom_fields = fields;
    Ok(())
}

/// Sets a field, and notes its name if that changes it.
fn set<T: PartialEq>(field: &mut T, value: T, name: &str, changed: &mut Vec<String>) {
    if *field != value {
        *field = value;
        changed.push(name.to_owned());
    }
}

fn check_names(names: &[String]) -> Result<Vec<String>, Invalid> {
    let diagnostics = Place::of("diagnostics");
    let field = diagnostics.field("recommended_parts");
    check_length(field, names.len(), "names", NAMES_MAX)?;
    names.iter().enumerate().map(|(index, name)| check_text(field.at(index), name, 200)).collect()
}
