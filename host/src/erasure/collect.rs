//! Finds out what the copies of a customer's data may say: the present fields, and earlier ones as far as the server
//! still knows them.

use serde_json::Value;
use uuid::Uuid;

use super::pieces::Pieces;
use super::store;
use super::store::journal::{self, BodyRow, Wanted};
use crate::app::App;
use crate::customers;
use crate::db::Conn;
use crate::journal::body;
use crate::model::ids::{CustomerId, EventId, OrgId, TicketId};

/// Names of contacts; more are those of a shop that sends its own customers.
const CONTACTS_MAX: i64 = 200;

/// Rows that are read at a time.
const BATCH: i64 = 200;

/// Tickets of one statement.
pub const TICKETS: usize = 64;

/// Whom the copies are about.
pub struct Subject {
    pub org: OrgId,
    pub customer: CustomerId,
    /// The customer and those who were merged into it.
    pub customers: Vec<Uuid>,
    pub tickets: Vec<TicketId>,
}

impl Subject {
    pub async fn read(
        conn: &mut Conn,
        org: OrgId,
        customer: CustomerId,
    ) -> Result<Subject, sqlx::Error> {
        let merged = store::merged_ids(conn, org, customer).await?;
        let customers = std::iter::once(customer).chain(merged).map(|id| id.0).collect();
        let tickets = store::ticket_ids(conn, org, customer).await?;
        Ok(Subject { org, customer, customers, tickets })
    }
}

/// What the database says of the customer, except the fields of its row, and the names of its tickets' contacts.
pub async fn related(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
    pieces: &mut Pieces,
) -> Result<(), sqlx::Error> {
    for email in customers::store::aliases(conn, org, customer).await? {
        pieces.add_email(Some(&email));
    }
    for name in store::contact_names(conn, org, customer, CONTACTS_MAX).await? {
        pieces.add_name(&name);
    }
    Ok(())
}

/// What events and the journal say of earlier names, addresses and phone numbers.
pub async fn earlier(app: &App, subject: &Subject) -> Result<Pieces, sqlx::Error> {
    let mut pieces = Pieces::default();
    from_events(app, subject, &mut pieces).await?;
    from_inputs(app, subject.org, Wanted::OfCustomers(&subject.customers), &mut pieces).await?;
    for tickets in subject.tickets.chunks(TICKETS) {
        let ids: Vec<Uuid> = tickets.iter().map(|id| id.0).collect();
        from_inputs(app, subject.org, Wanted::OfTickets(&ids), &mut pieces).await?;
    }
    Ok(pieces)
}

async fn from_events(app: &App, subject: &Subject, pieces: &mut Pieces) -> Result<(), sqlx::Error> {
    let mut after = EventId(Uuid::nil());
    loop {
        let mut conn = app.db.read().await?;
        let rows = store::created_events(&mut conn, subject.org, after, BATCH).await?;
        drop(conn);
        for (id, data) in &rows {
            after = *id;
            if id_of(data, "customer_id").is_some_and(|id| subject.customers.contains(&id)) {
                add_customer(pieces, data);
            }
        }
        if rows.len() < BATCH as usize {
            return Ok(());
        }
    }
}

async fn from_inputs(
    app: &App,
    org: OrgId,
    wanted: Wanted<'_>,
    pieces: &mut Pieces,
) -> Result<(), sqlx::Error> {
    let mut after = None;
    loop {
        let mut conn = app.journal.db.read().await?;
        let rows = journal::inputs(&mut conn, org, wanted, after, BATCH).await?;
        drop(conn);
        for BodyRow { id, body } in &rows {
            after = Some(*id);
            if let Ok(event) = body::decompress(body) {
                add_customer(pieces, &event["customer"]);
            }
        }
        if rows.len() < BATCH as usize {
            return Ok(());
        }
    }
}

fn add_customer(pieces: &mut Pieces, customer: &Value) {
    let text = |name: &str| customer.get(name).and_then(Value::as_str);
    pieces.add_name(text("name").unwrap_or_default());
    pieces.add_email(text("email"));
    pieces.add_phone(text("phone"));
    pieces.add_address(text("address"));
}

pub fn id_of(data: &Value, name: &str) -> Option<Uuid> {
    data.get(name)?.as_str()?.parse().ok()
}
