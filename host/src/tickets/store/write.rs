//! The writes of one ticket: its row together with the timeline, its lines, and the sources of its fields.

use sqlx::types::Json;

use crate::db::Conn;
use crate::model::ids::{OrgId, TicketId, TimelineId};
use crate::model::ticket::{Part, Ticket, Visibility};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::search::store::{self as search, TicketText};
use crate::{execute, fetch_all_postgres, insert_all};

/// A new timeline entry.
pub struct NewEvent<'a> {
    pub id: TimelineId,
    pub kind: &'static str,
    pub status: &'a Status,
    pub from_status: Option<&'a Status>,
    pub actor: &'a str,
    pub notes: Option<&'a str>,
    pub visibility: Visibility,
    pub created_at: Time,
}

/// New entries column by column, for `unnest`.
struct Columns<'a> {
    ids: Vec<TimelineId>,
    kinds: Vec<&'static str>,
    statuses: Vec<&'a str>,
    from_statuses: Vec<Option<&'a str>>,
    actors: Vec<&'a str>,
    notes: Vec<Option<&'a str>>,
    visibilities: Vec<&'static str>,
    created_at: Vec<Time>,
}

impl<'a> Columns<'a> {
    fn of(events: &'a [NewEvent<'a>]) -> Columns<'a> {
        Columns {
            ids: events.iter().map(|event| event.id).collect(),
            kinds: events.iter().map(|event| event.kind).collect(),
            statuses: events.iter().map(|event| event.status.as_str()).collect(),
            from_statuses: events.iter().map(|e| e.from_status.map(Status::as_str)).collect(),
            actors: events.iter().map(|event| event.actor).collect(),
            notes: events.iter().map(|event| event.notes).collect(),
            visibilities: events.iter().map(|event| event.visibility.as_str()).collect(),
            created_at: events.iter().map(|event| event.created_at).collect(),
        }
    }
}

/// Follows a `with written as (… returning org_id, id)`: inserts entries of the ticket that was written, or none if
/// none was. The arguments are the numbers of the binds.
macro_rules! insert_events_of_written {
    ($ids:literal, $kinds:literal, $statuses:literal, $from:literal, $actors:literal, $notes:literal, $seen:literal, $at:literal) => {
        concat!(
            " insert into ticket_events (org_id, id, ticket_id, kind, status, from_status, actor, notes, visibility, created_at)
              select written.org_id, e.id, written.id, e.kind, e.status, e.from_status, e.actor, e.notes, e.visibility, e.created_at
              from written, unnest($", $ids, "::uuid[], $", $kinds, "::text[], $", $statuses, "::text[], $", $from,
            "::text[], $", $actors, "::text[], $", $notes, "::text[], $", $seen, "::text[], $", $at, "::timestamptz[])
              as e (id, kind, status, from_status, actor, notes, visibility, created_at) returning id"
        )
    };
}

macro_rules! insert_ticket {
    () => {
        "insert into tickets (org_id, id, number, version, shop_id, customer_id, status, device_identifier,
             device_category, device_description, issue_description, labor_hours, labor_rate, recommended_parts,
             tags, custom_fields, created_at, updated_at, contact_name, has_terms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18, true)"
    };
}

/// Writes a new ticket with its first timeline entries, and what it is found by.
pub async fn insert(
    conn: &mut Conn,
    org: OrgId,
    ticket: &Ticket,
    events: &[NewEvent<'_>],
) -> Result<(), sqlx::Error> {
    macro_rules! run {
        ($macro:ident!($($start:tt)*) $($more:expr),*) => {
            $macro!(
                $($start)*,
                org,
                ticket.id,
                ticket.number,
                ticket.version,
                ticket.shop_id,
                ticket.customer_id,
                ticket.status.as_str(),
                ticket.device_identifier.as_str(),
                ticket.device_category.as_deref(),
                ticket.device_description.as_deref(),
                ticket.issue_description.as_str(),
                ticket.labor_hours,
                ticket.labor_rate,
                Json(&ticket.recommended_parts),
                Json(&ticket.tags),
                Json(&ticket.custom_fields),
                ticket.created_at,
                ticket.contact_name.as_deref()
                $(, $more)*
            )
        };
    }
    if conn.is_postgres() && !events.is_empty() {
        let new = Columns::of(events);
        let sql = concat!(
            "with written as (",
            insert_ticket!(),
            " returning org_id, id)",
            insert_events_of_written!(19, 20, 21, 22, 23, 24, 25, 26)
        );
        let written: Vec<(TimelineId,)> = run!(
            fetch_all_postgres!(conn, (TimelineId,), sql)
            new.ids, new.kinds, new.statuses, new.from_statuses, new.actors, new.notes, new.visibilities, new.created_at
        )?;
        debug_assert_eq!(written.len(), events.len());
    } else {
        run!(execute!(conn, insert_ticket!()))?;
        add_events(conn, org, ticket.id, events).await?;
    }
    let text = TicketText {
        device_identifier: &ticket.device_identifier,
        device_category: ticket.device_category.as_deref(),
        contact_name: ticket.contact_name.as_deref(),
        tags: &ticket.tags,
    };
    search::insert_ticket(conn, org, ticket.id, &text).await
}

macro_rules! update_ticket {
    () => {
        "update tickets
         set version = version + 1, status = $4, device_description = $5, issue_category = $6, issue_severity = $7,
             assigned_to = $8, labor_hours = $9, labor_rate = $10, findings = $11, estimated_cost = $12,
             recommended_parts = $13, tags = $14, custom_fields = $15, picked_up_at = $16, updated_at = $17
         where org_id = $1 and id = $2 and version = $3"
    };
}

/// Writes all columns that can change, with new timeline entries, and increments the version. Returns false, having
/// written nothing, if the ticket's version is not `ticket.version` any more. One statement on PostgreSQL, two on
/// SQLite, and those for what the ticket is found by if the tags changed.
pub async fn update(
    conn: &mut Conn,
    org: OrgId,
    ticket: &Ticket,
    tags_before: &[String],
    events: &[NewEvent<'_>],
) -> Result<bool, sqlx::Error> {
    if !update_row(conn, org, ticket, events).await? {
        return Ok(false);
    }
    search::change_tags(conn, org, ticket.id, tags_before, &ticket.tags).await?;
    Ok(true)
}

async fn update_row(
    conn: &mut Conn,
    org: OrgId,
    ticket: &Ticket,
    events: &[NewEvent<'_>],
) -> Result<bool, sqlx::Error> {
    macro_rules! run {
        ($macro:ident!($($start:tt)*) $($more:expr),*) => {
            $macro!(
                $($start)*,
                org,
                ticket.id,
                ticket.version,
                ticket.status.as_str(),
                ticket.device_description.as_deref(),
                ticket.issue_category.as_deref(),
                ticket.issue_severity.as_deref(),
                ticket.assigned_to,
                ticket.labor_hours,
                ticket.labor_rate,
                ticket.findings.as_deref(),
                ticket.estimated_cost,
                Json(&ticket.recommended_parts),
                Json(&ticket.tags),
                Json(&ticket.custom_fields),
                ticket.picked_up_at,
                ticket.updated_at
                $(, $more)*
            )
        };
    }
    if conn.is_postgres() && !events.is_empty() {
        let new = Columns::of(events);
        let sql = concat!(
            "with written as (",
            update_ticket!(),
            " returning org_id, id)",
            insert_events_of_written!(18, 19, 20, 21, 22, 23, 24, 25)
        );
        let written: Vec<(TimelineId,)> = run!(
            fetch_all_postgres!(conn, (TimelineId,), sql)
            new.ids, new.kinds, new.statuses, new.from_statuses, new.actors, new.notes, new.visibilities, new.created_at
        )?;
        return Ok(written.len() == events.len());
    }
    if run!(execute!(conn, update_ticket!()))? == 0 {
        return Ok(false);
    }
    add_events(conn, org, ticket.id, events).await?;
    Ok(true)
}

pub async fn add_event(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    event: &NewEvent<'_>,
) -> Result<(), sqlx::Error> {
    add_events(conn, org, ticket, std::slice::from_ref(event)).await
}

pub async fn add_events(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    events: &[NewEvent<'_>],
) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into ticket_events (org_id, id, ticket_id, kind, status, from_status, actor, notes, visibility, created_at) ",
        events,
        |event| org,
        event.id,
        ticket,
        event.kind,
        event.status.as_str(),
        event.from_status.map(Status::as_str),
        event.actor,
        event.notes,
        event.visibility.as_str(),
        event.created_at
    )?;
    Ok(())
}

/// [`add_events`] for many tickets.
pub async fn add_events_of_many(
    conn: &mut Conn,
    org: OrgId,
    events: &[(TicketId, NewEvent<'_>)],
) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into ticket_events (org_id, id, ticket_id, kind, status, from_status, actor, notes, visibility, created_at) ",
        events,
        |row| org,
        row.1.id,
        row.0,
        row.1.kind,
        row.1.status.as_str(),
        row.1.from_status.map(Status::as_str),
        row.1.actor,
        row.1.notes,
        row.1.visibility.as_str(),
        row.1.created_at
    )?;
    Ok(())
}

/// Replaces the stored lines by `parts`; lines that stay keep their ids.
pub async fn replace_parts(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    parts: &[Part],
) -> Result<(), sqlx::Error> {
    execute!(conn, "delete from ticket_parts where org_id = $1 and ticket_id = $2", org, ticket)?;
    let lines: Vec<(i64, &Part)> = (0..).zip(parts).collect();
    insert_all!(
        conn,
        "insert into ticket_parts (org_id, id, ticket_id, position, inventory_id, sku, name, quantity, unit_cost,
             cost_basis) ",
        &lines,
        |line| org,
        line.1.id,
        ticket,
        line.0,
        line.1.inventory_id,
        line.1.sku.as_deref(),
        line.1.name.as_str(),
        line.1.quantity,
        line.1.unit_cost,
        line.1.cost_basis
    )?;
    Ok(())
}
