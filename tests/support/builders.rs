//! Creates what a test needs, with defaults; each function returns an id.

use serde_json::{Value, json};

use super::client::{Asked, Client};
use super::components::component;

/// The transitions from the first status to each status.
const WAYS: [(&str, &[&str]); 13] = [
    ("INTAKE", &[]),
    ("TRIAGE", &["TRIAGE"]),
    ("DIAGNOSTICS", &["DIAGNOSTICS"]),
    ("WAITING_APPROVAL", &["DIAGNOSTICS", "WAITING_APPROVAL"]),
    ("APPROVED", &["DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"]),
    ("WAITING_ON_PARTS", &["DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED", "WAITING_ON_PARTS"]),
    ("IN_REPAIR", &["DIAGNOSTICS", "IN_REPAIR"]),
    ("QC_REVIEW", &["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW"]),
    ("QC_FAILED", &["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "QC_FAILED"]),
    ("READY_FOR_PICKUP", &["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP"]),
    ("PICKED_UP", &["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP"]),
    (
        "CLOSED",
        &["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP", "CLOSED"],
    ),
    ("VOIDED", &["VOIDED"]),
];

/// The body of a new ticket, with the fields of `more` set or replaced.
pub fn ticket_body(shop: &str, more: Value) -> Value {
    let body = json!({
        "shop_id": shop,
        "customer": { "name": "Jane Smith", "email": "jane@example.com" },
        "device_identifier": "MacBook Pro 16\"",
        "issue_description": "Hello there",
    });
    merged(body, more)
}

/// `base` with the fields of `more` set or replaced.
pub fn merged(mut base: Value, more: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (base.as_object_mut(), more) else {
        panic!("two objects")
    };
    fields.extend(more);
    base
}

impl Client {
    pub async fn create_shop(&self, name: &str) -> String {
        self.post("/v1/shops", json!({ "name": name })).await.id()
    }

    pub async fn create_technician(&self, name: &str) -> String {
        let email = format!("{}@shop.example", name.to_lowercase().replace(' ', "."));
        self.post("/v1/users", json!({ "name": name, "email": email, "role": "technician" }))
            .await
            .id()
    }

    /// Creates an item with this quantity; it costs 80 and sells for 160.
    pub async fn create_item(&self, shop: &str, sku: &str, quantity: i64) -> String {
        self.post("/v1/inventory", item_body(shop, sku, json!({ "quantity": quantity }))).await.id()
    }

    pub async fn create_ticket(&self, shop: &str) -> String {
        self.create_ticket_with(shop, json!({})).await
    }

    pub async fn create_ticket_with(&self, shop: &str, more: Value) -> String {
        self.post("/v1/tickets", ticket_body(shop, more)).await.id()
    }

    /// Creates a ticket and moves it to the status.
    pub async fn create_ticket_in(&self, shop: &str, status: &str) -> String {
        self.create_ticket_with_parts(shop, status, json!([])).await
    }

    /// Creates a ticket with these parts and moves it to the status.
    pub async fn create_ticket_with_parts(&self, shop: &str, status: &str, parts: Value) -> String {
        let ticket = self.create_ticket(shop).await;
        self.change(&ticket, json!({ "parts": parts })).await.ok();
        let way = WAYS.iter().find(|(name, _)| *name == status).expect("a status");
        for step in way.1 {
            self.transition(&ticket, step).await.ok();
        }
        ticket
    }

    pub fn transition(&self, ticket: &str, to: &str) -> impl Asked + use<> {
        self.post(&format!("/v1/tickets/{ticket}/transition"), json!({ "new_status": to }))
    }

    pub fn change(&self, ticket: &str, body: Value) -> impl Asked + use<> {
        self.patch(&format!("/v1/tickets/{ticket}"), body)
    }

    pub async fn ticket(&self, id: &str) -> Value {
        self.get(&format!("/v1/tickets/{id}")).await.ok()
    }

    /// On hand, reserved, available.
    pub async fn stock(&self, item: &str) -> (i64, i64, i64) {
        let item = self.get(&format!("/v1/inventory/{item}")).await.ok();
        let figure = |name: &str| item[name].as_i64().expect("a number");
        (figure("quantity_on_hand"), figure("quantity_reserved"), figure("quantity_available"))
    }

    /// Uploads and installs a plugin with these settings, with long deadlines: two cores run all tests.
    pub async fn install(&self, package: &str, settings: Value) -> String {
        self.install_with(package, json!({ "settings": settings })).await
    }

    /// Installs with other fields of the installation.
    pub async fn install_with(&self, package: &str, more: Value) -> String {
        for number in 0..10 {
            let plugin = self.upload_bytes(&numbered(component(package), number)).await.id();
            let body = json!({ "plugin_id": plugin, "limits": { "deadline_ms": 1000 } });
            let installed = self.post("/v1/installations", merged(body, more.clone())).await;
            if installed.status != 409 {
                return installed.id();
            }
        }
        panic!("{package} is installed too often")
    }

    pub fn reconfigure(&self, installation: &str, body: Value) -> impl Asked + use<> {
        self.patch(&format!("/v1/installations/{installation}"), body)
    }
}

/// The same component under another name, since one name is installed once; the first keeps its own.
fn numbered(component: &[u8], number: u8) -> Vec<u8> {
    match number {
        0 => component.to_vec(),
        number => with_text(component, "repairops:name", |name| {
            format!("{}{number}", &name[..name.len() - 1])
        }),
    }
}

/// Another build of a plugin, of this version (`0.2.0`).
pub fn build_of(package: &str, version: &str) -> Vec<u8> {
    with_text(component(package), "repairops:version", |_| version.to_owned())
}

/// With another text of the same length in a custom section.
pub fn with_text(component: &[u8], section: &str, text: impl Fn(&str) -> String) -> Vec<u8> {
    let name = section.as_bytes();
    let at = component.windows(name.len()).position(|part| part == name).expect("the section");
    // Before its name are the section's size and the name's length, a byte each.
    let length = usize::from(component[at - 2]) - 1 - name.len();
    let start = at + name.len();
    let before = std::str::from_utf8(&component[start..start + length]).expect("a text");
    let after = text(before);
    assert_eq!(after.len(), length, "{before} and {after}");
    let mut changed = component.to_vec();
    changed[start..start + length].copy_from_slice(after.as_bytes());
    changed
}

/// The body of a new stock item, with the fields of `more` set or replaced.
pub fn item_body(shop: &str, sku: &str, more: Value) -> Value {
    let body = json!({
        "shop_id": shop, "sku": sku, "name": format!("Part {sku}"), "category": "screens", "quantity": 5,
        "cost": 80, "selling_price": 160, "reorder_level": 2, "supplier": "Tech Parts Inc",
    });
    merged(body, more)
}
