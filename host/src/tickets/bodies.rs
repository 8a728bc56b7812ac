//! The request bodies that create, change and transition tickets, and their conversion into operations.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{not_null, nullable};
use crate::model::event::CustomValue;
use crate::model::ids::{ItemId, ShopId, UserId};
use crate::model::money::{Hours, Money};
use crate::model::ticket::Visibility;
use crate::model::version::Expected;
use crate::model::workflow::Status;
use crate::tickets::create::NewTicket;
use crate::tickets::draft::{Intent, TicketChange};
use crate::tickets::parts::NewPart;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTicket)]
pub struct CreateBody {
    shop_id: ShopId,
    customer: CustomerBody,
    #[schema(min_length = 1, max_length = 200, example = "MacBook Pro 16\"")]
    device_identifier: String,
    #[schema(min_length = 1, max_length = 10000, example = "Won't turn on")]
    issue_description: String,
    #[schema(max_length = 64, example = "laptop")]
    device_category: Option<String>,
    /// Each has 1 to 64 characters.
    #[serde(default)]
    #[schema(max_items = 100)]
    tags: Vec<String>,
    /// Texts, numbers or booleans. Names have 1 to 64 characters of `a-z 0-9 _ -`.
    #[serde(default)]
    #[schema(value_type = Object)]
    custom_fields: BTreeMap<String, CustomValue>,
    /// The user who acts. Defaults to the API key's user, or else the key itself.
    actor_id: Option<UserId>,
}

/// The customer, found by email address or created. Empty fields of an existing customer are filled; nothing is
/// overwritten, and `warnings` of the response say what was not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTicketCustomer)]
struct CustomerBody {
    #[schema(min_length = 1, max_length = 200, example = "Jane Smith")]
    name: String,
    /// May be left out only if the organization allows customers without one. Such a ticket gets a customer of its own.
    #[schema(
        value_type = String,
        required = true,
        max_length = 254,
        pattern = r"^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$",
        example = "jane@example.com"
    )]
    email: Option<String>,
    #[schema(max_length = 64, example = "555-0456")]
    phone: Option<String>,
}

/// Omitted fields keep their values. `null` clears fields that may be empty, and is rejected for other fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketChange)]
pub struct UpdateBody {
    /// The new status. A different status is a transition with all its checks; the current one changes nothing.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    status: Option<Status>,
    /// A note for the timeline, in the entry of the transition or in an entry of its own.
    #[schema(max_length = 2000)]
    notes: Option<String>,
    /// Who may read `notes`: the people of the shop (the default), or the customer too.
    #[serde(default)]
    #[schema(default = "internal")]
    notes_visibility: Visibility,
    /// The user who acts. Defaults to the API key's user, or else the key itself.
    actor_id: Option<UserId>,
    /// `null` removes the assignment.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<UserId>)]
    assigned_to: Option<Option<UserId>>,
    /// At most 100000. 0 for none; `null` is rejected.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<f64>, nullable = false, minimum = 0, maximum = 100000, example = 2)]
    labor_hours: Option<Hours>,
    /// 0 for none; `null` is rejected.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<f64>, nullable = false, minimum = 0, maximum = 1000000, example = 65)]
    labor_rate: Option<Money>,
    /// Replaces the list. A line that already exists keeps its id and its reserved stock.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, max_items = 500)]
    parts: Option<Vec<PartBody>>,
    #[serde(default)]
    diagnostics: DiagnosticsBody,
    #[serde(default)]
    issue: IssueBody,
    #[serde(default)]
    device: DeviceBody,
    /// Replaces the list; each has 1 to 64 characters.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, max_items = 100)]
    tags: Option<Vec<String>>,
    /// Merged into what is there: a text, a number or a boolean sets a field, `null` removes it. Names have 1 to 64
    /// characters of `a-z 0-9 _ -`.
    #[serde(default)]
    #[schema(value_type = Object)]
    custom_fields: BTreeMap<String, Option<CustomValue>>,
}

/// A part line: a stock item by `inventory_id` or `sku`, or a special order by `name` and `unit_cost`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PartChange)]
struct PartBody {
    inventory_id: Option<ItemId>,
    #[schema(max_length = 64)]
    sku: Option<String>,
    #[schema(max_length = 200)]
    name: Option<String>,
    #[schema(minimum = 1, maximum = 1000000)]
    quantity: i64,
    /// The customer's price per unit. Defaults to the item's selling price.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 10000000)]
    unit_cost: Option<Money>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiagnosticsChange)]
struct DiagnosticsBody {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    findings: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Money>)]
    estimated_cost: Option<Option<Money>>,
    /// Replaces the list.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false, max_items = 100)]
    recommended_parts: Option<Vec<String>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IssueChange)]
struct IssueBody {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 64)]
    category: Option<Option<String>>,
    /// `low`, `medium`, `high` or `critical`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^(low|medium|high|critical)$")]
    severity: Option<Option<String>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceChange)]
struct DeviceBody {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    description: Option<Option<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransitionRequest)]
pub struct TransitionBody {
    new_status: Status,
    /// A note for the timeline.
    #[schema(max_length = 2000, example = "Ready for quality check")]
    notes: Option<String>,
    /// Who may read `notes`: the people of the shop (the default), or the customer too.
    #[serde(default)]
    #[schema(default = "internal")]
    notes_visibility: Visibility,
    /// The user who acts. Defaults to the API key's user, or else the key itself.
    actor_id: Option<UserId>,
}

impl From<CreateBody> for NewTicket {
    fn from(body: CreateBody) -> Self {
        NewTicket {
            shop_id: body.shop_id,
            customer_name: body.customer.name,
            customer_email: body.customer.email,
            customer_phone: body.customer.phone,
            device_identifier: body.device_identifier,
            device_category: body.device_category,
            tags: body.tags,
            custom_fields: body.custom_fields,
            issue_description: body.issue_description,
            actor_id: body.actor_id,
        }
    }
}

impl UpdateBody {
    pub fn change(self, expected: Option<Expected>) -> TicketChange {
        let parts = self.parts.map(|parts| parts.into_iter().map(NewPart::from).collect());
        TicketChange {
            intent: Intent::Patch,
            status: self.status,
            expected,
            notes: self.notes,
            notes_visibility: self.notes_visibility,
            actor_id: self.actor_id,
            assigned_to: self.assigned_to,
            labor_hours: self.labor_hours,
            labor_rate: self.labor_rate,
            parts,
            findings: self.diagnostics.findings,
            estimated_cost: self.diagnostics.estimated_cost,
            recommended_parts: self.diagnostics.recommended_parts,
            issue_category: self.issue.category,
            issue_severity: self.issue.severity,
            device_description: self.device.description,
            tags: self.tags,
            custom_fields: self.custom_fields,
        }
    }
}

impl TransitionBody {
    pub fn change(self, expected: Option<Expected>) -> TicketChange {
        TicketChange {
            intent: Intent::Transition,
            status: Some(self.new_status),
            expected,
            notes: self.notes,
            notes_visibility: self.notes_visibility,
            actor_id: self.actor_id,
            ..TicketChange::default()
        }
    }
}

impl From<PartBody> for NewPart {
    fn from(part: PartBody) -> Self {
        NewPart {
            inventory_id: part.inventory_id,
            sku: part.sku,
            name: part.name,
            quantity: part.quantity,
            unit_cost: part.unit_cost,
        }
    }
}
