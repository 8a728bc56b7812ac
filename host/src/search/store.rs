//! All SQL of ticket_terms and customer_terms, and the conditions that lists get from them.
//!
//! Invariant: a caller holds the lock of the ticket or the customer whose terms it writes.

use std::collections::BTreeSet;

use sqlx::FromRow;
use sqlx::types::Json;

use super::fold;
use super::query::{Phone, Search, Word};
use crate::db::{Conn, Filter, Value};
use crate::model::ids::{CustomerId, OrgId, TicketId};
use crate::{execute, fetch_all, fetch_all_postgres, insert_all};

/// What a ticket is found by.
#[derive(Debug)]
pub struct TicketText<'a> {
    pub device_identifier: &'a str,
    pub device_category: Option<&'a str>,
    pub contact_name: Option<&'a str>,
    pub tags: &'a [String],
}

type Term = (&'static str, String);

fn tag_terms(tags: &[String]) -> BTreeSet<Term> {
    tags.iter().map(|tag| ("tag", fold::fold(tag))).collect()
}

impl TicketText<'_> {
    fn terms(&self) -> BTreeSet<Term> {
        let texts = [Some(self.device_identifier), self.device_category, self.contact_name];
        let words = texts.into_iter().flatten().flat_map(fold::words);
        words.map(|word| ("word", word)).chain(tag_terms(self.tags)).collect()
    }
}

async fn insert_of_ticket(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
    terms: BTreeSet<Term>,
) -> Result<(), sqlx::Error> {
    let terms: Vec<Term> = terms.into_iter().collect();
    insert_all!(
        conn,
        "insert into ticket_terms (org_id, kind, term, ticket_id) ",
        &terms,
        |term| org,
        term.0,
        term.1.as_str(),
        id
    )?;
    Ok(())
}

/// Of a new ticket.
pub async fn insert_ticket(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
    text: &TicketText<'_>,
) -> Result<(), sqlx::Error> {
    insert_of_ticket(conn, org, id, text.terms()).await
}

/// Of tickets whose texts were changed.
pub async fn replace_tickets(
    conn: &mut Conn,
    org: OrgId,
    tickets: &[(TicketId, TicketText<'_>)],
) -> Result<(), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(list) = filter.list(tickets.iter().map(|(id, _)| Value::Uuid(id.0))) else {
        return Ok(());
    };
    filter.and_plain(&format!("ticket_id in {list}"));
    let delete = filter.figure("delete from ticket_terms").returning("ticket_id");
    let _: Vec<(TicketId,)> = delete.fetch_all(conn).await?;
    let terms =
        tickets.iter().flat_map(|(id, text)| text.terms().into_iter().map(|term| (*id, term)));
    let terms: Vec<(TicketId, Term)> = terms.collect();
    insert_all!(
        conn,
        "insert into ticket_terms (org_id, kind, term, ticket_id) ",
        &terms,
        |row| org,
        row.1.0,
        row.1.1.as_str(),
        row.0
    )?;
    Ok(())
}

pub async fn change_tags(
    conn: &mut Conn,
    org: OrgId,
    id: TicketId,
    before: &[String],
    after: &[String],
) -> Result<(), sqlx::Error> {
    if before == after {
        return Ok(());
    }
    let (before, mut after) = (tag_terms(before), tag_terms(after));
    if before.is_subset(&after) {
        after.retain(|term| !before.contains(term));
    } else {
        execute!(
            conn,
            "delete from ticket_terms where org_id = $1 and ticket_id = $2 and kind = 'tag'",
            org,
            id
        )?;
    }
    insert_of_ticket(conn, org, id, after).await
}

pub async fn replace_customer(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
    name: &str,
    phone: Option<&str>,
) -> Result<(), sqlx::Error> {
    delete_customer(conn, org, id).await?;
    insert_customer(conn, org, id, name, phone).await
}

/// Of a new customer.
pub async fn insert_customer(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
    name: &str,
    phone: Option<&str>,
) -> Result<(), sqlx::Error> {
    let words = fold::words(name).into_iter().map(|word| ("word", word));
    let phone = phone.and_then(fold::phone).map(|digits| ("phone", digits));
    let terms: Vec<Term> = words.chain(phone).collect();
    insert_all!(
        conn,
        "insert into customer_terms (org_id, kind, term, customer_id) ",
        &terms,
        |term| org,
        term.0,
        term.1.as_str(),
        id
    )?;
    Ok(())
}

pub async fn delete_customer(
    conn: &mut Conn,
    org: OrgId,
    id: CustomerId,
) -> Result<(), sqlx::Error> {
    execute!(conn, "delete from customer_terms where org_id = $1 and customer_id = $2", org, id)?;
    Ok(())
}

/// Builds conditions on a column that has the id of a ticket or a customer.
pub struct Conditions<'a> {
    pub filter: &'a mut Filter,
    pub org: OrgId,
}

impl Conditions<'_> {
    pub fn tag(&mut self, ticket: &str, tag: &str) {
        let org = self.org();
        let tag = self.filter.bind(Value::Text(fold::fold(tag)));
        self.filter.and_plain(&format!(
            "{ticket} in (select w.ticket_id from ticket_terms w
                 where w.org_id = {org} and w.kind = 'tag' and w.term = {tag})"
        ));
    }

    pub fn customer_phone(&mut self, customer: &str, phone: &Phone) {
        let arms = self.phone("select w.customer_id from customer_terms w", phone);
        self.filter.and_plain(&format!("{customer} in ({})", arms.join(" union all ")));
    }

    pub fn ticket_phone(&mut self, ticket: &str, phone: &Phone) {
        let arms = self.phone(TICKETS_OF_CUSTOMERS, phone);
        self.filter.and_plain(&format!("{ticket} in ({})", arms.join(" union all ")));
    }

    pub fn search(&mut self, ticket: &str, search: &Search) {
        for word in &search.words {
            let arms = self.word(word);
            self.filter.and_plain(&format!("{ticket} in ({})", arms.join(" union all ")));
        }
    }

    fn org(&mut self) -> String {
        self.filter.bind(Value::Uuid(self.org.0))
    }

    fn word(&mut self, word: &Word) -> Vec<String> {
        let org = self.org();
        let range = self.starts_with(&word.text);
        let mut arms = vec![
            format!(
                "select w.ticket_id from ticket_terms w where w.org_id = {org} and w.kind = 'word' and {range}"
            ),
            format!(
                "{TICKETS_OF_CUSTOMERS} where w.org_id = {org} and w.kind = 'word' and {range}"
            ),
        ];
        if let Some(number) = word.number {
            let number = self.filter.bind(Value::Int(number));
            arms.push(format!(
                "select n.id from tickets n where n.org_id = {org} and n.number = {number}"
            ));
        }
        if let Some(phone) = &word.phone {
            arms.extend(self.phone(TICKETS_OF_CUSTOMERS, phone));
        }
        arms
    }

    fn phone(&mut self, select: &str, phone: &Phone) -> Vec<String> {
        let org = self.org();
        let of = format!("{select} where w.org_id = {org} and w.kind = 'phone'");
        let range = self.starts_with(&phone.0);
        let shorter = phone.shorter().map(|digits| Value::Text(digits.to_owned()));
        let shorter = self.filter.list(shorter).map(|list| format!("{of} and w.term in {list}"));
        [format!("{of} and {range}")].into_iter().chain(shorter).collect()
    }

    /// As a range, which an index answers; `like` with a bind is not one.
    fn starts_with(&mut self, text: &str) -> String {
        let from = self.filter.bind(Value::Text(text.to_owned()));
        let to = self.filter.bind(Value::Text(format!("{text}{}", char::MAX)));
        format!("w.term >= {from} and w.term < {to}")
    }
}

const TICKETS_OF_CUSTOMERS: &str = "select o.id from customer_terms w
     join tickets o on o.org_id = w.org_id and o.customer_id = w.customer_id";

/// Across organizations by design: whether there is work for the job.
pub async fn lacks_terms(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    let rows = fetch_all!(
        conn,
        (i64,),
        "select count(*) from
             (select org_id from (select org_id from tickets where has_terms = false limit 1) as t
              union all
              select org_id from (select org_id from customers where has_terms = false limit 1) as c) as rows"
    )?;
    Ok(rows.first().is_some_and(|row| row.0 > 0))
}

#[derive(Debug, FromRow)]
struct TicketRow {
    org_id: OrgId,
    id: TicketId,
    device_identifier: String,
    device_category: Option<String>,
    contact_name: Option<String>,
    tags: Json<Vec<String>>,
}

#[derive(Debug, FromRow)]
struct CustomerRow {
    org_id: OrgId,
    id: CustomerId,
    name: String,
    phone: Option<String>,
}

/// Across organizations by design: it repeats for each what its own requests would have written. Writes the terms of
/// some tickets without any; returns how many they were.
pub async fn fill_tickets(conn: &mut Conn, limit: i64) -> Result<usize, sqlx::Error> {
    macro_rules! update {
        ($locked:literal) => {
            concat!(
                "update tickets set has_terms = true where (org_id, id) in
                     (select org_id, id from tickets where has_terms = false order by org_id, id limit $1",
                $locked,
                ") returning org_id, id, device_identifier, device_category, contact_name, tags"
            )
        };
    }
    let rows = if conn.is_postgres() {
        fetch_all_postgres!(conn, TicketRow, update!(" for update skip locked"), limit)?
    } else {
        fetch_all!(conn, TicketRow, update!(""), limit)?
    };
    for row in &rows {
        execute!(
            conn,
            "delete from ticket_terms where org_id = $1 and ticket_id = $2",
            row.org_id,
            row.id
        )?;
        let text = TicketText {
            device_identifier: &row.device_identifier,
            device_category: row.device_category.as_deref(),
            contact_name: row.contact_name.as_deref(),
            tags: &row.tags,
        };
        insert_ticket(conn, row.org_id, row.id, &text).await?;
    }
    Ok(rows.len())
}

/// Across organizations by design, as [`fill_tickets`]. The key of the name is folded as well.
pub async fn fill_customers(conn: &mut Conn, limit: i64) -> Result<usize, sqlx::Error> {
    macro_rules! update {
        ($locked:literal) => {
            concat!(
                "update customers set has_terms = true where (org_id, id) in
                     (select org_id, id from customers where has_terms = false order by org_id, id limit $1",
                $locked,
                ") returning org_id, id, name, phone"
            )
        };
    }
    let rows = if conn.is_postgres() {
        fetch_all_postgres!(conn, CustomerRow, update!(" for update skip locked"), limit)?
    } else {
        fetch_all!(conn, CustomerRow, update!(""), limit)?
    };
    for row in &rows {
        execute!(
            conn,
            "update customers set name_key = $3 where org_id = $1 and id = $2",
            row.org_id,
            row.id,
            fold::fold(&row.name)
        )?;
        replace_customer(conn, row.org_id, row.id, &row.name, row.phone.as_deref()).await?;
    }
    Ok(rows.len())
}
