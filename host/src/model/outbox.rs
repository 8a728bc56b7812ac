//! The events that webhooks deliver, with their names and bodies.
//!
//! Invariant: names and fields are defined only here. The OpenAPI document is generated from [`OutboxEvent`], and
//! receivers rely on every field: fields may be added, never renamed, retyped or removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::event::Hook;
use super::ids::{
    CustomerId, InstallationId, ItemId, PaymentId, PluginId, RunId, ShopId, TicketId, WebhookId,
};
use super::money::{Balance, Money};
use super::payment::{Kind, Method, Recorded};
use super::people::Customer;
use super::plugin::{FailureView, HookSetup, Installation, OnFailure, Plugin};
use super::stock::Item;
use super::ticket::Ticket;
use super::time::Time;
use super::workflow::Status;

/// An event before it is stored. The first line of a variant's comment is its summary in the OpenAPI document.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data")]
pub enum OutboxEvent {
    /// New ticket created
    #[serde(rename = "ticket.created")]
    TicketCreated(TicketCreated),
    /// Ticket status changed
    #[serde(rename = "ticket.transitioned")]
    TicketTransitioned(TicketTransitioned),
    /// Ticket details modified
    #[serde(rename = "ticket.updated")]
    TicketUpdated(TicketUpdated),
    /// Payment received
    #[serde(rename = "payment.processed")]
    PaymentProcessed(PaymentProcessed),
    /// New customer created
    #[serde(rename = "customer.created")]
    CustomerCreated(CustomerCreated),
    /// Customer details modified
    #[serde(rename = "customer.updated")]
    CustomerUpdated(CustomerUpdated),
    /// Two customers became one
    #[serde(rename = "customer.merged")]
    CustomerMerged(CustomerMerged),
    /// The personal data of a customer was erased
    #[serde(rename = "customer.erased")]
    CustomerErased(CustomerErased),
    /// Stock level changed
    #[serde(rename = "inventory.updated")]
    InventoryUpdated(InventoryUpdated),
    /// A plugin was installed
    #[serde(rename = "plugin.installed")]
    PluginInstalled(InstallationData),
    /// An installation was changed
    #[serde(rename = "plugin.updated")]
    PluginUpdated(InstallationData),
    /// Another build of its plugin was installed
    #[serde(rename = "plugin.upgraded")]
    PluginUpgraded(UpgradeData),
    /// An earlier version was installed again
    #[serde(rename = "plugin.rolled_back")]
    PluginRolledBack(UpgradeData),
    /// An installation was removed
    #[serde(rename = "plugin.uninstalled")]
    PluginUninstalled(InstallationData),
    /// A plugin failed in a request; sent at most once a minute for each installation
    #[serde(rename = "plugin.failed")]
    PluginFailed(PluginFailed),
    /// Another webhook was disabled because its receiver kept failing
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled(WebhookDisabled),
    /// A test of the webhook
    #[serde(rename = "webhook.test")]
    WebhookTest(WebhookTest),
}

impl OutboxEvent {
    /// The event's name and data, as the outbox stores them.
    pub fn to_parts(&self) -> Result<(String, Value), serde_json::Error> {
        let Parts { event, data } = serde_json::from_value(serde_json::to_value(self)?)?;
        Ok((event, data))
    }
}

#[derive(Deserialize)]
struct Parts {
    event: String,
    data: Value,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TicketCreated {
    pub ticket_id: TicketId,
    pub ticket_number: String,
    pub status: Status,
    pub shop_id: ShopId,
    pub customer_id: CustomerId,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TicketTransitioned {
    pub ticket_id: TicketId,
    pub ticket_number: String,
    pub from_status: Status,
    pub to_status: Status,
    pub shop_id: ShopId,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TicketUpdated {
    pub ticket_id: TicketId,
    pub ticket_number: String,
    pub shop_id: ShopId,
    /// The ticket's new customer, if a merge of two customers moved the ticket; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CustomerId, required = false)]
    pub customer_id: Option<CustomerId>,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// The ticket's version after the change.
    pub version: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PaymentProcessed {
    pub payment_id: PaymentId,
    pub ticket_id: TicketId,
    pub ticket_number: String,
    pub shop_id: ShopId,
    pub customer_id: CustomerId,
    pub kind: Kind,
    pub amount: Money,
    pub method: Method,
    pub amount_paid: Money,
    pub balance_due: Balance,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerCreated {
    pub customer_id: CustomerId,
    pub name: String,
    /// `null` only if the organization allows customers without one.
    #[schema(required = true)]
    pub email: Option<String>,
    pub shop_id: ShopId,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerUpdated {
    pub customer_id: CustomerId,
    /// Always `null`: a customer belongs to no shop.
    pub shop_id: Option<ShopId>,
    /// The names of the fields that changed: `name`, `email`, `phone`, `address`.
    pub changed: Vec<String>,
    /// The customer's version after the change.
    pub version: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerMerged {
    /// The customer that stays.
    pub customer_id: CustomerId,
    /// The customer that no longer exists.
    pub merged_customer_id: CustomerId,
    /// Always `null`: a customer belongs to no shop.
    pub shop_id: Option<ShopId>,
    /// The version of the customer that stays, after the merge.
    pub version: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerErased {
    pub customer_id: CustomerId,
    /// Always `null`: a customer belongs to no shop.
    pub shop_id: Option<ShopId>,
}

impl CustomerUpdated {
    /// `after` as it was written, before its version grew. `None` if nothing is other than before.
    pub fn of(before: &Customer, after: &Customer) -> Option<OutboxEvent> {
        let fields = [
            ("name", before.name != after.name),
            ("email", before.email != after.email),
            ("phone", before.phone != after.phone),
            ("address", before.address != after.address),
        ];
        let changed: Vec<String> = fields
            .into_iter()
            .filter(|(_, is_changed)| *is_changed)
            .map(|(name, _)| name.to_owned())
            .collect();
        (!changed.is_empty()).then(|| {
            OutboxEvent::CustomerUpdated(CustomerUpdated {
                customer_id: before.id,
                shop_id: None,
                changed,
                version: before.version + 1,
            })
        })
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InventoryUpdated {
    pub inventory_id: ItemId,
    pub shop_id: ShopId,
    pub sku: String,
    pub quantity_on_hand: i64,
    pub quantity_reserved: i64,
    pub quantity_available: i64,
    /// `initial`, `edited`, `reserved`, `released`, `consumed`, or the reason that a client gave.
    pub reason: String,
    /// The ticket for which the stock moved; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TicketId, required = false)]
    pub ticket_id: Option<TicketId>,
}

/// The data of `plugin.installed`, `plugin.updated` and `plugin.uninstalled`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstallationData {
    pub installation_id: InstallationId,
    pub plugin_id: PluginId,
    pub plugin: String,
    pub version: String,
    /// The shop, if the installation is limited to one shop.
    #[schema(required = true)]
    pub shop_id: Option<ShopId>,
    /// The shops that the installation is limited to; `null` means all.
    #[schema(required = true)]
    pub shop_ids: Option<Vec<ShopId>>,
    pub hooks: BTreeMap<Hook, HookSetup>,
    /// The names of the changed fields; only in `plugin.updated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    pub changed: Option<Vec<&'static str>>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UpgradeData {
    pub installation_id: InstallationId,
    pub plugin_id: PluginId,
    pub plugin: String,
    pub version: String,
    /// The version that was installed before.
    pub from_version: String,
    pub from_plugin_id: PluginId,
    /// The shop, if the installation is limited to one shop.
    #[schema(required = true)]
    pub shop_id: Option<ShopId>,
    /// The number of the new version in the installation's history.
    pub n: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginFailed {
    pub installation_id: InstallationId,
    pub plugin: String,
    pub version: String,
    #[schema(value_type = ShopId)]
    pub shop_id: String,
    /// `null` with `pre-create`: there is no ticket yet.
    #[schema(value_type = Option<TicketId>, required = true)]
    pub ticket_id: Option<String>,
    #[schema(required = true)]
    pub ticket_number: Option<String>,
    pub hook: Hook,
    /// For `GET /v1/plugin-runs/{run_id}`.
    pub run_id: RunId,
    pub outcome: &'static str,
    pub error: FailureView,
    #[schema(required = true)]
    pub on_failure: Option<OnFailure>,
    /// The id of the request in which the plugin failed; empty if there was no request.
    pub request_id: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookDisabled {
    pub webhook_id: WebhookId,
    pub url: String,
    /// Always `null`: a webhook belongs to the organization.
    #[schema(required = true)]
    pub shop_id: Option<ShopId>,
    pub reason: String,
    #[schema(required = true)]
    pub failing_since: Option<Time>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookTest {
    pub webhook_id: WebhookId,
    /// Always `null`: a webhook belongs to the organization.
    #[schema(required = true)]
    pub shop_id: Option<ShopId>,
    /// The name of the user or key that requested the test.
    pub sent_by: String,
}

impl TicketCreated {
    pub fn of(ticket: &Ticket) -> OutboxEvent {
        OutboxEvent::TicketCreated(TicketCreated {
            ticket_id: ticket.id,
            ticket_number: ticket.number_text(),
            status: ticket.status.clone(),
            shop_id: ticket.shop_id,
            customer_id: ticket.customer_id,
        })
    }
}

impl TicketTransitioned {
    /// `ticket` has its new status already.
    pub fn of(ticket: &Ticket, from: &Status) -> OutboxEvent {
        OutboxEvent::TicketTransitioned(TicketTransitioned {
            ticket_id: ticket.id,
            ticket_number: ticket.number_text(),
            from_status: from.clone(),
            to_status: ticket.status.clone(),
            shop_id: ticket.shop_id,
        })
    }
}

impl TicketUpdated {
    /// `version` is the one after the change.
    pub fn of(ticket: &Ticket, changed: Vec<String>, version: i64) -> OutboxEvent {
        OutboxEvent::TicketUpdated(TicketUpdated {
            ticket_id: ticket.id,
            ticket_number: ticket.number_text(),
            shop_id: ticket.shop_id,
            customer_id: None,
            changed,
            version,
        })
    }
}

impl PaymentProcessed {
    pub fn of(ticket: &Ticket, recorded: &Recorded) -> OutboxEvent {
        let payment = &recorded.payment;
        OutboxEvent::PaymentProcessed(PaymentProcessed {
            payment_id: payment.id,
            ticket_id: ticket.id,
            ticket_number: ticket.number_text(),
            shop_id: ticket.shop_id,
            customer_id: ticket.customer_id,
            kind: payment.kind,
            amount: payment.amount,
            method: payment.method,
            amount_paid: recorded.amount_paid,
            balance_due: recorded.balance_due,
        })
    }
}

impl InventoryUpdated {
    /// `item` is the state after the change.
    pub fn of(item: &Item, reason: &str, ticket_id: Option<TicketId>) -> OutboxEvent {
        OutboxEvent::InventoryUpdated(InventoryUpdated {
            inventory_id: item.id,
            shop_id: item.shop_id,
            sku: item.sku.clone(),
            quantity_on_hand: item.on_hand,
            quantity_reserved: item.reserved,
            quantity_available: item.available(),
            reason: reason.to_owned(),
            ticket_id,
        })
    }
}

impl InstallationData {
    pub fn of(installation: &Installation, plugin: &Plugin) -> InstallationData {
        let only = installation.shop_ids.as_deref();
        InstallationData {
            installation_id: installation.id,
            plugin_id: plugin.id,
            plugin: plugin.name.clone(),
            version: plugin.version.clone(),
            shop_id: only.filter(|ids| ids.len() == 1).and_then(<[ShopId]>::first).copied(),
            shop_ids: installation.shop_ids.clone(),
            hooks: installation.hooks.clone().into_known(),
            changed: None,
        }
    }
}
