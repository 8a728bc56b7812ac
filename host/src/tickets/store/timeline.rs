//! SQL of the timeline of a ticket.
//!
//! Invariant: what is read with a ticket is bounded, however many notes it has.

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Conn, Filter, Query, Value};
use crate::fetch_all;
use crate::model::ids::{InstallationId, OrgId, RunId, TicketId};
use crate::model::ticket::{Timeline, TimelineEntry};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::page::{Column, Listed, Listing, Sort, Window};

/// An entry of the timeline, or a refused request.
#[derive(Debug, FromRow)]
pub struct TimelineItem {
    #[sqlx(flatten)]
    pub entry: TimelineEntry,
    #[sqlx(flatten)]
    pub refusal: RefusalFields,
}

/// All `None` for an entry.
#[derive(Debug, FromRow)]
pub struct RefusalFields {
    pub plugin: Option<String>,
    pub code: Option<String>,
    pub field: Option<String>,
    pub hook: Option<String>,
    pub installation_id: Option<InstallationId>,
    pub run_id: Option<RunId>,
    pub to_status: Option<Status>,
    pub refusals: Option<i64>,
    pub first_at: Option<Time>,
}

pub static TIMELINE_LISTING: Listing = Listing {
    name: "ticket_timeline",
    id: "id",
    default: "created_at",
    sorts: &[Sort::by("created_at", &[Column::Time("created_at")])],
};

/// The entries and the refusals. PostgreSQL wants the types of the columns that entries have not.
macro_rules! entries_and_refusals {
    ($uuid:literal, $time:literal) => {
        concat!(
            "(select org_id, ticket_id, id, kind, visibility, status, actor, notes, created_at,
                  cast(null as text) as plugin, cast(null as text) as code, cast(null as text) as field,
                  cast(null as text) as hook, cast(null as ", $uuid, ") as installation_id,
                  cast(null as ", $uuid, ") as run_id, cast(null as text) as to_status,
                  cast(null as bigint) as refusals, cast(null as ", $time, ") as first_at
              from ticket_events
              union all
              select org_id, ticket_id, id, 'refused', 'internal', status, actor, message, last_at, plugin, code,
                  field, hook, installation_id, run_id, to_status, refusals, first_at
              from ticket_refusals) as timeline"
        )
    };
}

const ON_SQLITE: &str = entries_and_refusals!("blob", "text");
const ON_POSTGRES: &str = entries_and_refusals!("uuid", "timestamptz");

impl Listed for TimelineItem {
    fn listing() -> &'static Listing {
        &TIMELINE_LISTING
    }

    fn id(&self) -> Uuid {
        self.entry.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.entry.created_at)]
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

pub fn timeline_query(is_postgres: bool, org: OrgId, ticket: TicketId, window: &Window) -> Query {
    let columns =
        "select id, kind, visibility, status, actor, notes, created_at, plugin, code, field, hook,
        installation_id, run_id, to_status, refusals, first_at from ";
    let select = format!("{columns}{}", rows_of(is_postgres));
    of_ticket(org, ticket).select(&select, &window.slice)
}

pub async fn list_timeline(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    window: &Window,
) -> Result<(Vec<TimelineItem>, i64), sqlx::Error> {
    let is_postgres = conn.is_postgres();
    let rows = timeline_query(is_postgres, org, ticket, window).fetch_all(conn).await?;
    let total = of_ticket(org, ticket).count(rows_of(is_postgres)).fetch_figure(conn).await?;
    Ok((rows, total))
}

fn rows_of(is_postgres: bool) -> &'static str {
    if is_postgres { ON_POSTGRES } else { ON_SQLITE }
}

fn of_ticket(org: OrgId, ticket: TicketId) -> Filter {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("ticket_id = ?", Value::Uuid(ticket.0));
    filter
}
