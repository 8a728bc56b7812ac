//! SQL of the timeline of a ticket.
//!
//! Invariant: what is read with a ticket is bounded, however many notes it has.

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Conn, Filter, Query, Value};
use crate::fetch_all;
use crate::model::ids::{OrgId, TicketId};
use crate::model::ticket::{Timeline, TimelineEntry};
use crate::page::{Column, Listed, Listing, Sort, Window};

pub static TIMELINE_LISTING: Listing = Listing {
    name: "ticket_events",
    id: "id",
    default: "created_at",
    sorts: &[Sort::fixed("created_at", &[Column::Time("created_at")])],
};

const SELECT_ENTRY: &str =
    "select id, kind, visibility, status, actor, notes, created_at from ticket_events";

impl Listed for TimelineEntry {
    fn listing() -> &'static Listing {
        &TIMELINE_LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.created_at)]
    }
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    entry: TimelineEntry,
    total: i64,
}

/// All changes of the status and the latest 200 of the other entries, oldest first, with the number of all. Few tickets
/// have more than 200 entries, so those are read in one pass.
pub async fn timeline(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Timeline, sqlx::Error> {
    let entries = fetch_all!(
        conn,
        TimelineEntry,
        "select id, kind, visibility, status, actor, notes, created_at from ticket_events
         where org_id = $1 and ticket_id = $2 order by created_at, id limit 201",
        org,
        ticket
    )?;
    if entries.len() > 200 {
        return long_timeline(conn, org, ticket).await;
    }
    let total = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    Ok(Timeline { entries, total })
}

async fn long_timeline(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Timeline, sqlx::Error> {
    let rows = fetch_all!(
        conn,
        Row,
        "select id, kind, visibility, status, actor, notes, created_at,
             (select count(*) from ticket_events where org_id = $1 and ticket_id = $2) as total
         from (
             select id, kind, visibility, status, actor, notes, created_at from ticket_events
             where org_id = $1 and ticket_id = $2 and kind in ('created', 'transitioned')
             union all
             select * from (
                 select id, kind, visibility, status, actor, notes, created_at from ticket_events
                 where org_id = $1 and ticket_id = $2 and kind not in ('created', 'transitioned')
                 order by created_at desc, id desc limit 200
             ) as latest
         ) as shown
         order by created_at, id",
        org,
        ticket
    )?;
    let total = rows.first().map_or(0, |row| row.total);
    Ok(Timeline { entries: rows.into_iter().map(|row| row.entry).collect(), total })
}

pub fn timeline_query(org: OrgId, ticket: TicketId, window: &Window) -> Query {
    of_ticket(org, ticket).select(SELECT_ENTRY, &window.slice)
}

pub async fn list_timeline(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    window: &Window,
) -> Result<(Vec<TimelineEntry>, i64), sqlx::Error> {
    let rows = timeline_query(org, ticket, window).fetch_all(conn).await?;
    Ok((rows, of_ticket(org, ticket).count("ticket_events").fetch_figure(conn).await?))
}

fn of_ticket(org: OrgId, ticket: TicketId) -> Filter {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("ticket_id = ?", Value::Uuid(ticket.0));
    filter
}
