//! The list of every column that holds text, and what an erasure does with it.
//!
//! Invariant: the list is complete. A test compares it with the schemas of both databases and fails for a column that
//! is missing, so that no migration can add a place for personal data without a decision here.

/// What becomes of a column of the customer's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Becomes `erased` if it has a value.
    Erased,
    /// A free text: the customer's name, email, phone and address in it become `erased`.
    Scrubbed,
    /// The same for each string in a JSON value.
    ScrubbedJson,
    /// The same for compressed JSON.
    ScrubbedBody,
    /// Emptied, or deleted with its row.
    Removed,
    /// Made anew from what is left.
    Derived,
    /// Left as it is, for this reason.
    NotPersonal(&'static str),
}

/// Which rows of a table are the customer's, and how they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The customer's own, which the operation changes when it decides on the erasure.
    Own,
    /// Those of the customer's tickets, by the column that is the ticket's id.
    OfTickets(&'static str),
    /// The outbox: events about the customer or a ticket.
    Events,
    /// What receivers of webhooks answered, which may be anything: all of the organization.
    Receivers,
    /// Sealed responses, of which nobody can tell whom they are about: all of the organization.
    Answers,
    /// The journal: inputs about the customer or a ticket, and their runs.
    Inputs,
    Runs,
    /// No row is about a customer.
    NoRows(&'static str),
}

/// A column of a primary key without the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Id(&'static str),
    Text(&'static str),
    Number(&'static str),
}

impl Key {
    pub fn name(self) -> &'static str {
        match self {
            Key::Id(name) | Key::Text(name) | Key::Number(name) => name,
        }
    }
}

pub type Column = (&'static str, How);

#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub rows: Rows,
    /// The columns that name a row, those of an index by which the rows are found first.
    pub key: &'static [Key],
    pub columns: &'static [Column],
}

impl Table {
    /// The texts that are read and written back.
    pub fn texts(&self) -> impl Iterator<Item = &'static Column> {
        let is_text = |how| matches!(how, How::Erased | How::Scrubbed | How::ScrubbedJson);
        self.columns.iter().filter(move |(_, how)| is_text(*how))
    }
}

const fn table(
    name: &'static str,
    rows: Rows,
    key: &'static [Key],
    columns: &'static [Column],
) -> Table {
    Table { name, rows, key, columns }
}

/// A table without a customer in it.
const fn no_rows(name: &'static str, why: &'static str, columns: &'static [Column]) -> Table {
    Table { name, rows: Rows::NoRows(why), key: &[], columns }
}

const STAFF: How = How::NotPersonal("a person of the shop, or a key");
const WORD: How = How::NotPersonal("one of a few words of the program");
const PLUGIN: How =
    How::NotPersonal("the name, version or code of a plugin, which its author chose");
const OURS: How = How::NotPersonal("of the organization, not of a customer");
const HASH: How = How::NotPersonal("a hash, from which nothing can be read");

pub static MAIN: &[Table] = &[
    table(
        "customers",
        Rows::Own,
        &[Key::Id("id")],
        &[
            ("name", How::Erased),
            ("name_key", How::Derived),
            ("email", How::Erased),
            ("email_key", How::Derived),
            ("phone", How::Erased),
            ("address", How::Erased),
        ],
    ),
    table(
        "customer_aliases",
        Rows::Own,
        &[Key::Text("email_key")],
        &[("email", How::Removed), ("email_key", How::Removed)],
    ),
    table(
        "customer_terms",
        Rows::Own,
        &[Key::Text("term")],
        &[("kind", WORD), ("term", How::Removed)],
    ),
    table("merged_customers", Rows::Own, &[Key::Id("id")], &[("actor", STAFF)]),
    table(
        "erasures",
        Rows::Own,
        &[Key::Id("customer_id")],
        &[("actor", STAFF), ("pieces", How::Removed)],
    ),
    table(
        "tickets",
        Rows::OfTickets("id"),
        &[Key::Id("id")],
        &[
            ("status", WORD),
            ("device_identifier", How::Scrubbed),
            ("device_category", How::Scrubbed),
            ("device_description", How::Scrubbed),
            ("issue_description", How::Scrubbed),
            ("issue_category", How::Scrubbed),
            ("issue_severity", WORD),
            ("findings", How::Scrubbed),
            ("recommended_parts", How::ScrubbedJson),
            ("tags", How::ScrubbedJson),
            ("custom_fields", How::ScrubbedJson),
            ("contact_name", How::Erased),
        ],
    ),
    table(
        "ticket_terms",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id")],
        &[("kind", WORD), ("term", How::Derived)],
    ),
    table(
        "ticket_parts",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id"), Key::Id("id")],
        &[("sku", How::Scrubbed), ("name", How::Scrubbed)],
    ),
    table(
        "ticket_events",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id"), Key::Id("id")],
        &[
            ("kind", WORD),
            ("status", WORD),
            ("from_status", WORD),
            ("actor", STAFF),
            ("notes", How::Scrubbed),
            ("visibility", WORD),
        ],
    ),
    table(
        "ticket_field_sources",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id"), Key::Text("field")],
        &[("field", WORD), ("plugin", PLUGIN), ("plugin_version", PLUGIN)],
    ),
    table(
        "ticket_refusals",
        Rows::OfTickets("ticket_id"),
        REFUSAL,
        &[
            ("plugin", PLUGIN),
            ("code", PLUGIN),
            ("hook", WORD),
            ("message", How::Scrubbed),
            ("field", How::Scrubbed),
            ("status", WORD),
            ("to_status", WORD),
            ("actor", STAFF),
        ],
    ),
    table(
        "enrichments",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id"), Key::Id("installation_id")],
        &[("state", WORD), ("last_error", How::Scrubbed)],
    ),
    table(
        "payments",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id"), Key::Id("id")],
        &[("kind", WORD), ("method", WORD), ("reference", How::Scrubbed), ("actor", STAFF)],
    ),
    table(
        "feedback",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id")],
        &[("comment", How::Scrubbed)],
    ),
    table(
        "reservations",
        Rows::OfTickets("ticket_id"),
        &[Key::Id("ticket_id"), Key::Id("id")],
        &[("state", WORD), ("plugin", PLUGIN)],
    ),
    table(
        "events",
        Rows::Events,
        &[Key::Id("id")],
        &[("event", WORD), ("data", How::ScrubbedJson)],
    ),
    table(
        "webhook_deliveries",
        Rows::Receivers,
        &[Key::Id("id")],
        &[("event", WORD), ("origin", WORD), ("state", WORD), ("last_error", How::Scrubbed)],
    ),
    table(
        "webhook_attempts",
        Rows::Receivers,
        &[Key::Id("delivery_id"), Key::Number("number")],
        &[("body_excerpt", How::Scrubbed), ("error", How::Scrubbed)],
    ),
    table(
        "idempotency_keys",
        Rows::Answers,
        &[Key::Id("key_id")],
        &[
            ("address", HASH),
            ("fingerprint", HASH),
            ("headers", How::Removed),
            ("body", How::Removed),
        ],
    ),
    no_rows("organizations", "a shop chain", &[("name", OURS), ("tier", WORD)]),
    no_rows(
        "api_keys",
        "a key of the shop",
        &[("name", STAFF), ("hash", HASH), ("scope", WORD), ("hint", OURS)],
    ),
    no_rows("shops", "a place", &[("name", OURS), ("time_zone", OURS), ("address", OURS)]),
    no_rows(
        "users",
        "who works there",
        &[("name", STAFF), ("email", STAFF), ("email_key", STAFF), ("role", STAFF)],
    ),
    no_rows(
        "inventory_items",
        "stock",
        &[("sku", OURS), ("name", OURS), ("category", OURS), ("supplier", OURS)],
    ),
    no_rows(
        "stock_movements",
        "stock; a ticket is named by its id",
        &[("reason", OURS), ("actor", STAFF)],
    ),
    no_rows(
        "components",
        "programs",
        &[("digest", HASH), ("bytes", PLUGIN), ("state", WORD), ("error", PLUGIN)],
    ),
    no_rows(
        "plugins",
        "programs",
        &[
            ("digest", HASH),
            ("name", PLUGIN),
            ("version", PLUGIN),
            ("description", PLUGIN),
            ("hooks", PLUGIN),
            ("permissions", PLUGIN),
            ("settings_schema", PLUGIN),
            ("wit", PLUGIN),
        ],
    ),
    no_rows(
        "installations",
        "what the owner set",
        &[
            ("settings", OURS),
            ("grants", OURS),
            ("limits", OURS),
            ("shop_ids", OURS),
            ("hooks", OURS),
        ],
    ),
    no_rows(
        "installation_versions",
        "what the owner set",
        &[
            ("plugin_version", PLUGIN),
            ("digest", HASH),
            ("settings", OURS),
            ("grants", OURS),
            ("hooks", OURS),
            ("state", WORD),
            ("reason", WORD),
            ("actor", STAFF),
        ],
    ),
    no_rows(
        "webhook_endpoints",
        "what the owner set",
        &[
            ("url", OURS),
            ("description", OURS),
            ("events", OURS),
            ("secret", OURS),
            ("previous_secrets", OURS),
            ("disabled_reason", OURS),
            ("disable_on", WORD),
        ],
    ),
    no_rows("counters", "figures", &[("list", WORD), ("status", WORD)]),
    no_rows("key_usage", "figures", &[("class", WORD)]),
    no_rows("organization_usage", "figures", &[("class", WORD)]),
    no_rows("storage_tries", "filler", &[("filler", OURS)]),
    no_rows("schema_requirements", "migrations", &[("reason", OURS)]),
];

/// Events whose data are ids, figures, names of fields and statuses, and what belongs to the shop. The data of all others
/// is examined.
pub const EVENTS_WITHOUT_TEXT: &[&str] = &[
    "ticket.created",
    "ticket.transitioned",
    "ticket.updated",
    "payment.processed",
    "customer.updated",
    "customer.merged",
    "customer.erased",
    "inventory.updated",
    "plugin.installed",
    "plugin.updated",
    "plugin.upgraded",
    "plugin.rolled_back",
    "plugin.uninstalled",
    "webhook.disabled",
    "webhook.test",
];

const REFUSAL: &[Key] = &[Key::Id("ticket_id"), Key::Text("plugin"), Key::Text("code")];

/// On SQLite a file of its own.
pub static JOURNAL: &[Table] = &[
    table(
        "plugin_inputs",
        Rows::Inputs,
        &[Key::Id("id")],
        &[("hook", WORD), ("body", How::ScrubbedBody)],
    ),
    table(
        "plugin_runs",
        Rows::Runs,
        &[Key::Id("id")],
        &[
            ("plugin", PLUGIN),
            ("plugin_version", PLUGIN),
            ("digest", HASH),
            ("hook", WORD),
            ("mode", WORD),
            ("outcome", WORD),
            ("codes", PLUGIN),
            ("body", How::ScrubbedBody),
        ],
    ),
];

/// The columns of ids and times, which a schema keeps as blobs and texts on SQLite, beside those whose names end with
/// `_id` and `_at`.
pub const IDS_AND_TIMES: &[&str] = &[
    "id",
    "assigned_to",
    "merged_into",
    "scope",
    "lease_node",
    "lease_until",
    "leased_until",
    "failing_since",
    "window_start",
    "day",
];
