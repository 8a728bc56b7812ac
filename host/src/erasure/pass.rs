//! Goes once through all copies of a customer's data.
//!
//! Invariant: memory is bounded and transactions are short; a second pass over the same rows changes nothing, so that a
//! pass that was broken off is simply begun again.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::collect::{Subject, TICKETS, id_of};
use super::copies::{How, JOURNAL, MAIN, Rows, Table};
use super::pieces::Pieces;
use super::scrub::{Scrubber, erase_fields};
use super::store::journal::{self, BodyRow, Wanted};
use super::store::rows::{self, TextRow};
use super::store::{self, Erasure};
use crate::app::App;
use crate::db::{self, Conn};
use crate::journal::body;
use crate::model::ids::{OrgId, TicketId};
use crate::model::people::ERASED;
use crate::search::store::{self as search, TicketText};

/// Rows of one transaction.
const BATCH: i64 = 100;

/// Stored responses of one transaction, which are not read.
const ANSWERS: i64 = 500;

/// The number of changed rows by table.
pub type Counts = BTreeMap<String, u64>;

#[derive(Debug, thiserror::Error)]
pub enum PassError {
    #[error("what is to be erased cannot be searched for")]
    Search(#[from] aho_corasick::BuildError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

struct Pass<'a> {
    app: &'a App,
    subject: Subject,
    /// The customers and the tickets.
    ids: HashSet<Uuid>,
    scrubber: Scrubber,
    counts: Counts,
}

/// `erasure` has what to look for.
pub async fn run(app: &App, erasure: &Erasure) -> Result<Counts, PassError> {
    let mut conn = app.db.read().await?;
    let subject = Subject::read(&mut conn, erasure.org_id, erasure.customer_id).await?;
    drop(conn);
    let pieces = erasure.pieces.as_ref().map_or_else(Pieces::default, |pieces| pieces.0.clone());
    let ids = subject.customers.iter().copied().chain(subject.tickets.iter().map(|id| id.0));
    let mut pass = Pass {
        app,
        ids: ids.collect(),
        scrubber: Scrubber::new(pieces)?,
        subject,
        counts: Counts::new(),
    };
    for table in MAIN.iter().chain(JOURNAL) {
        pass.table(table, erasure).await?;
    }
    pass.counts.retain(|_, rows| *rows > 0);
    Ok(pass.counts)
}

impl Pass<'_> {
    async fn table(&mut self, table: &'static Table, erasure: &Erasure) -> Result<(), PassError> {
        match table.rows {
            // Changed when the erasure was decided.
            Rows::Own | Rows::NoRows(_) => {}
            Rows::OfTickets(_) => {
                let tickets = std::mem::take(&mut self.subject.tickets);
                for some in tickets.chunks(TICKETS) {
                    self.texts(table, some).await?;
                }
                self.subject.tickets = tickets;
            }
            Rows::Events | Rows::Receivers => self.texts(table, &[]).await?,
            Rows::Answers => self.answers(table, erasure).await?,
            Rows::Inputs => self.inputs().await?,
            // With the inputs.
            Rows::Runs => {}
        }
        Ok(())
    }

    fn count(&mut self, table: &str, rows: u64) {
        *self.counts.entry(table.to_owned()).or_default() += rows;
    }

    async fn texts(
        &mut self,
        table: &'static Table,
        tickets: &[TicketId],
    ) -> Result<(), sqlx::Error> {
        if table.texts().next().is_none() {
            return Ok(());
        }
        let org = self.subject.org;
        let mut after: Option<Vec<db::Value>> = None;
        loop {
            // Rows of tickets may change meanwhile, and are locked; of the others most are about somebody else.
            let is_locked = matches!(table.rows, Rows::OfTickets(_));
            let db = &self.app.db;
            let mut conn = if is_locked { db.begin().await? } else { db.read().await? };
            let read = rows::read(&mut conn, org, table, tickets, after.as_deref(), BATCH).await?;
            let count = read.len();
            after = read.last().map(|row| row.key.clone());
            let changed: Vec<TextRow> =
                read.into_iter().filter_map(|row| self.scrubbed(table, row)).collect();
            if !changed.is_empty() {
                let mut tx = if is_locked {
                    conn
                } else {
                    drop(conn);
                    db.begin().await?
                };
                let written = rows::write(&mut tx, org, table, &changed).await?;
                if table.name == "tickets" {
                    derive_terms(&mut tx, org, table, &changed).await?;
                }
                tx.commit().await?;
                self.count(table.name, written);
            }
            if count < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// `None` if nothing in the row is to be changed.
    fn scrubbed(&self, table: &'static Table, mut row: TextRow) -> Option<TextRow> {
        if !self.is_related(table, &row) {
            return None;
        }
        let mut is_changed = false;
        for ((_, how), text) in table.texts().zip(&mut row.texts) {
            let Some(before) = text else { continue };
            let after = match how {
                How::Erased => (before != ERASED).then(|| ERASED.to_owned()),
                How::ScrubbedJson => self.json(table, before),
                _ => self.scrubber.text(before),
            };
            is_changed |= after.is_some();
            *text = after.or_else(|| text.take());
        }
        is_changed.then_some(row)
    }

    fn json(&self, table: &Table, text: &str) -> Option<String> {
        // A value that cannot be read would be one that nobody can examine.
        let Ok(mut value) = serde_json::from_str::<Value>(text) else {
            return Some(Value::from(ERASED).to_string());
        };
        let is_changed = if table.rows == Rows::Events {
            let is_own =
                id_of(&value, "customer_id").is_some_and(|id| self.subject.customers.contains(&id));
            let fields = value.as_object_mut().filter(|_| is_own);
            fields.is_some_and(erase_fields) | self.scrubber.event(&mut value)
        } else {
            self.scrubber.custom(&mut value)
        };
        is_changed.then(|| value.to_string())
    }

    /// Whether an event is about the customer or a ticket. One about a ticket that never was has no id to tell.
    fn is_related(&self, table: &Table, row: &TextRow) -> bool {
        if table.rows != Rows::Events {
            return true;
        }
        let data = row.texts.first().and_then(Option::as_deref).unwrap_or_default();
        let Ok(data) = serde_json::from_str::<Value>(data) else { return true };
        let names = ["customer_id", "merged_customer_id", "ticket_id"];
        let mut ids = names.iter().filter_map(|name| id_of(&data, name));
        ids.any(|id| self.ids.contains(&id)) || data.get("ticket_id").is_some_and(Value::is_null)
    }

    async fn answers(
        &mut self,
        table: &'static Table,
        erasure: &Erasure,
    ) -> Result<(), sqlx::Error> {
        loop {
            let now = self.app.clock.now();
            let mut tx = self.app.db.begin().await?;
            let org = self.subject.org;
            let emptied =
                store::empty_answers(&mut tx, org, erasure.requested_at, now, ANSWERS).await?;
            tx.commit().await?;
            self.count(table.name, emptied);
            if emptied < ANSWERS as u64 {
                return Ok(());
            }
        }
    }

    async fn inputs(&mut self) -> Result<(), sqlx::Error> {
        let customers = self.subject.customers.clone();
        self.inputs_of(Wanted::OfCustomers(&customers)).await?;
        let tickets: Vec<Uuid> = self.subject.tickets.iter().map(|id| id.0).collect();
        for some in tickets.chunks(TICKETS) {
            self.inputs_of(Wanted::OfTickets(some)).await?;
        }
        self.inputs_of(Wanted::OfNobody).await
    }

    async fn inputs_of(&mut self, wanted: Wanted<'_>) -> Result<(), sqlx::Error> {
        let org = self.subject.org;
        let mut after = None;
        loop {
            let mut conn = self.app.journal.db.read().await?;
            let mut read = journal::inputs(&mut conn, org, wanted, after, BATCH).await?;
            drop(conn);
            let count = read.len();
            after = read.last().map(|row| row.id);
            if matches!(wanted, Wanted::OfNobody) {
                read.retain(|row| self.is_contact(row));
            }
            let ids: Vec<Uuid> = read.iter().map(|row| row.id).collect();
            let changed = self.bodies(read)?;
            if !changed.is_empty() {
                let mut tx = self.app.journal.db.begin().await?;
                let written = journal::write_inputs(&mut tx, org, &changed).await?;
                tx.commit().await?;
                self.count("plugin_inputs", written);
            }
            self.runs_of(&ids).await?;
            if count < BATCH as usize {
                return Ok(());
            }
        }
    }

    async fn runs_of(&mut self, inputs: &[Uuid]) -> Result<(), sqlx::Error> {
        let org = self.subject.org;
        let mut after = None;
        loop {
            let mut conn = self.app.journal.db.read().await?;
            let read = journal::runs(&mut conn, org, inputs, after, BATCH).await?;
            drop(conn);
            let count = read.len();
            after = read.last().map(|row| row.id);
            let changed = self.bodies(read)?;
            if !changed.is_empty() {
                let mut tx = self.app.journal.db.begin().await?;
                let written = journal::write_runs(&mut tx, org, &changed).await?;
                tx.commit().await?;
                self.count("plugin_runs", written);
            }
            if count < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Whether a request without a known customer came from this one.
    fn is_contact(&self, row: &BodyRow) -> bool {
        let Ok(event) = body::decompress(&row.body) else { return false };
        let text = |name: &str| event["customer"].get(name).and_then(Value::as_str);
        self.scrubber.pieces().is_contact(text("email"), text("phone"))
    }

    /// Those that change.
    fn bodies(&self, rows: Vec<BodyRow>) -> Result<Vec<BodyRow>, sqlx::Error> {
        let mut changed = Vec::new();
        for row in rows {
            let (value, is_changed) = match body::decompress(&row.body) {
                Ok(mut value) => {
                    let is_changed = self.scrubber.event(&mut value);
                    (value, is_changed)
                }
                // A body that cannot be read would be one that nobody can examine.
                Err(_) => (Value::from(ERASED), true),
            };
            if is_changed {
                changed.push(BodyRow { id: row.id, body: body::compress(&value)? });
            }
        }
        Ok(changed)
    }
}

/// What changed tickets are found by.
async fn derive_terms(
    conn: &mut Conn,
    org: OrgId,
    table: &'static Table,
    rows: &[TextRow],
) -> Result<(), sqlx::Error> {
    let place = |name: &str| table.texts().position(|(column, _)| *column == name);
    let text = |row: &'_ TextRow, name: &str| row.texts.get(place(name)?).cloned().flatten();
    let tags = rows.iter().map(|row| {
        let tags = text(row, "tags").unwrap_or_default();
        serde_json::from_str::<Vec<String>>(&tags).unwrap_or_default()
    });
    let tags: Vec<Vec<String>> = tags.collect();
    let texts: Vec<[Option<String>; 3]> = rows
        .iter()
        .map(|row| {
            ["device_identifier", "device_category", "contact_name"].map(|name| text(row, name))
        })
        .collect();
    let tickets = rows.iter().zip(&tags).zip(&texts).filter_map(|((row, tags), texts)| {
        let [identifier, category, contact] = texts;
        let Some(db::Value::Uuid(id)) = row.key.first() else { return None };
        let text = TicketText {
            device_identifier: identifier.as_deref().unwrap_or_default(),
            device_category: category.as_deref(),
            contact_name: contact.as_deref(),
            tags,
        };
        Some((TicketId(*id), text))
    });
    let tickets: Vec<_> = tickets.collect();
    search::replace_tickets(conn, org, &tickets).await
}
