//! One type for each kind of id, so that they cannot be confused. All are UUIDv7.

/// Shared by all ids.
pub trait Id {
    /// The field name in errors, for example `ticket_id`.
    const FIELD: &'static str;

    fn from_uuid(id: uuid::Uuid) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $field:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Id for $name {
            const FIELD: &'static str = $field;

            fn from_uuid(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

ids! {
    OrgId = "organization_id",
    KeyId = "key_id",
    /// One request's claim of an Idempotency-Key.
    ClaimId = "claim_id",
    ShopId = "shop_id",
    UserId = "user_id",
    CustomerId = "customer_id",
    TicketId = "ticket_id",
    /// A line of parts of a ticket.
    PartId = "part_id",
    /// An entry of a ticket's timeline.
    TimelineId = "timeline_id",
    ItemId = "inventory_id",
    /// A row of the append-only history of stock.
    MovementId = "movement_id",
    ReservationId = "reservation_id",
    PaymentId = "payment_id",
    PluginId = "plugin_id",
    /// What a hook was asked, in the journal.
    InputId = "input_id",
    /// One call of a plugin.
    RunId = "run_id",
    InstallationId = "installation_id",
    /// A row of the outbox.
    EventId = "event_id",
    WebhookId = "webhook_id",
    /// The delivery of one event to one webhook.
    DeliveryId = "delivery_id",
    /// A node's lease of a webhook.
    LeaseId = "lease_id",
    /// One start of a server.
    NodeId = "node_id",
}

impl EventId {
    /// The time in the id, to the millisecond.
    pub fn written_at(self) -> super::time::Time {
        let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |time| time.to_unix());
        let seconds = i64::try_from(seconds).unwrap_or_default();
        chrono::DateTime::from_timestamp(seconds, nanos).unwrap_or_default().into()
    }
}
