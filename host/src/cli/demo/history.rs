//! The demo's data: an organization with two shops, people, stock, three plugins and some weeks of tickets, created
//! by the API's own operations with the clock set back.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::built::Built;
use crate::app::App;
use crate::auth::Caller;
use crate::installations::install::{self, InstallationChange};
use crate::inventory::create::NewItem;
use crate::model::ids::{InstallationId, OrgId, ShopId, TicketId, UserId};
use crate::model::key::Rights;
use crate::model::money::{Hours, Money};
use crate::model::people::{Actor, Scope};
use crate::model::workflow::Status;
use crate::plugins::upload;
use crate::shops::create::NewShop;
use crate::tickets::create::NewTicket;
use crate::tickets::draft::{Intent, TicketChange};
use crate::tickets::parts::NewPart;
use crate::users::create::NewUser;
use crate::{inventory, organizations, shops, tickets, users};

const DAYS: u32 = 45;
const TICKETS: u32 = 36;

/// What the demo refers to.
pub struct World {
    pub org: OrgId,
    pub downtown: ShopId,
    pub riverside: ShopId,
    pub technicians: Vec<(UserId, String)>,
    /// The installation of qc-gate.
    pub gate: InstallationId,
    /// A ticket in repair that qc-gate denies.
    pub unready: TicketId,
}

/// One kind of repair.
struct Repair {
    device: &'static str,
    category: &'static str,
    issue: &'static str,
    findings: &'static str,
    /// The sku of its part, or a special order and its price.
    part: Result<&'static str, (&'static str, i64)>,
    hours: i64,
}

const REPAIRS: [Repair; 8] = [
    Repair {
        device: "iPhone 14 Pro",
        category: "phone",
        issue: "Dropped it on the stairs, the screen is cracked and touch fails in one corner.",
        findings: "Screen and digitizer broken, frame straight.",
        part: Ok("SCREEN-IP14P"),
        hours: 150,
    },
    Repair {
        device: "iPhone 13",
        category: "phone",
        issue: "Battery is empty by noon and the phone gets hot.",
        findings: "Battery at 71 % of its capacity.",
        part: Ok("BATTERY-IP13"),
        hours: 75,
    },
    Repair {
        device: "MacBook Pro 16\"",
        category: "laptop",
        issue: "Spilled tea over the keyboard, some keys are dead. There is no backup of my thesis!",
        findings: "Liquid reached the keyboard only, board is dry.",
        part: Ok("KEYBOARD-MBP16"),
        hours: 300,
    },
    Repair {
        device: "ThinkPad X1 Carbon",
        category: "laptop",
        issue: "Fan is loud and the laptop shuts down when it is hot.",
        findings: "Fan bearing worn, heat sink full of dust.",
        part: Err(("Fan ThinkPad X1", 4_900)),
        hours: 100,
    },
    Repair {
        device: "iPad Air",
        category: "tablet",
        issue: "Does not charge any more. Bought here in March, still under warranty.",
        findings: "Charging port corroded.",
        part: Ok("PORT-IPADAIR"),
        hours: 125,
    },
    Repair {
        device: "Galaxy S23",
        category: "phone",
        issue: "Screen is black after a fall, it still rings.",
        findings: "Display panel broken.",
        part: Ok("SCREEN-S23"),
        hours: 125,
    },
    Repair {
        device: "Nintendo Switch",
        category: "console",
        issue: "The left stick drifts.",
        findings: "Stick worn.",
        part: Err(("Joy-Con stick", 1_500)),
        hours: 50,
    },
    Repair {
        device: "Dell XPS 13",
        category: "laptop",
        issue: "Does not start, clicking noise, all the photos of our wedding are on the disk.",
        findings: "SSD dead, data read out by the lab.",
        part: Ok("SSD-1TB"),
        hours: 200,
    },
];

const CUSTOMERS: [(&str, &str); 12] = [
    ("John Doe", "john@example.com"),
    ("Maria Lopez", "maria.lopez@example.com"),
    ("Wei Chen", "wei.chen@example.com"),
    ("Aisha Khan", "aisha@example.org"),
    ("Tom Becker", "tom.becker@example.net"),
    ("Sofia Rossi", "sofia@example.com"),
    ("Liam O'Brien", "liam@example.org"),
    ("Emma Novak", "emma.novak@example.net"),
    ("Noah Smith", "noah@example.com"),
    ("Yuki Tanaka", "yuki@example.com"),
    ("Olga Petrova", "olga@example.org"),
    ("Ben Adams", "ben@example.net"),
];

/// The statuses of a successful repair.
const WAY: [&str; 8] = [
    "DIAGNOSTICS",
    "WAITING_APPROVAL",
    "APPROVED",
    "IN_REPAIR",
    "QC_REVIEW",
    "READY_FOR_PICKUP",
    "PICKED_UP",
    "CLOSED",
];

/// Creates the data and leaves the clock at the present.
pub async fn make(app: &App, components: &[Built]) -> anyhow::Result<World> {
    app.clock.set_back(Duration::from_secs(u64::from(DAYS) * 86_400));
    let now = app.clock.now();
    let org: OrgId = app.clock.new_id();
    let mut tx = app.db.begin().await?;
    organizations::store::insert(&mut tx, org, "Fix-It Repairs", "enterprise", now).await?;
    tx.commit().await?;

    let mut desk = Desk { app, caller: caller(org, "Front Desk", None) };
    let downtown = desk.make_shop("Downtown", "12 Main St, Springfield").await?;
    let riverside = desk.make_shop("Riverside", "3 Mill Rd, Springfield").await?;
    let mut technicians = Vec::new();
    for (name, email, cost) in
        [("Alice Tech", "alice@fixit.example", 2_800), ("Bob Weber", "bob@fixit.example", 2_500)]
    {
        technicians.push((desk.make_user(name, email, cost).await?, name.to_owned()));
    }
    desk.stock_shelves(downtown, riverside).await?;
    let gate = desk.install_plugins(components, riverside).await?;
    desk.refresh().await?;
    for number in 0..TICKETS {
        // What happens to a ticket takes hours: each begins at a time of its own, the last more than a day ago.
        let hours = DAYS * 24 * (TICKETS + 1 - number) / (TICKETS + 1);
        app.clock.set_back(Duration::from_secs(u64::from(hours) * 3_600));
        let shop = if number % 3 == 2 { riverside } else { downtown };
        desk.play_ticket(number as usize, shop, &technicians)
            .await
            .with_context(|| format!("ticket {number}"))?;
    }
    app.clock.set_back(Duration::ZERO);
    let unready = desk.make_unready(downtown).await?;
    Ok(World { org, downtown, riverside, technicians, gate, unready })
}

fn caller(org: OrgId, name: &str, user_id: Option<UserId>) -> Caller {
    let actor = Actor { name: name.to_owned(), user_id };
    Caller { org, scope: Scope::Admin, rights: Rights::default(), actor, plugins_revision: 0 }
}

/// Runs operations as the demo's front desk.
struct Desk<'a> {
    app: &'a App,
    caller: Caller,
}

impl Desk<'_> {
    async fn make_shop(&self, name: &str, address: &str) -> anyhow::Result<ShopId> {
        let new = NewShop {
            name: name.to_owned(),
            time_zone: Some("America/Chicago".to_owned()),
            address: Some(address.to_owned()),
        };
        let maximum = self.app.config.bounds.shops_max;
        let App { db, clock, .. } = self.app;
        Ok(shops::create::create(db, clock, self.caller.org, new, maximum).await?.id)
    }

    async fn make_user(&self, name: &str, email: &str, hourly_cost: i64) -> anyhow::Result<UserId> {
        let new = NewUser {
            name: name.to_owned(),
            email: email.to_owned(),
            role: "technician".to_owned(),
            hourly_cost: Some(Money(hourly_cost)),
        };
        let maximum = self.app.config.bounds.users_max;
        let App { db, clock, .. } = self.app;
        Ok(users::create::create(db, clock, self.caller.org, new, maximum).await?.id)
    }

    async fn stock_shelves(&self, downtown: ShopId, riverside: ShopId) -> anyhow::Result<()> {
        // sku, name, category, price, how many downtown and riverside
        let shelf = [
            ("SCREEN-IP14P", "iPhone 14 Pro Screen", "screens", 16_000, 12, 6),
            ("SCREEN-S23", "Galaxy S23 Screen", "screens", 14_500, 9, 4),
            ("BATTERY-IP13", "iPhone 13 Battery", "batteries", 5_900, 14, 8),
            ("BATTERY-MBP16", "MacBook Pro 16 Battery", "batteries", 12_900, 0, 5),
            ("KEYBOARD-MBP16", "MacBook Pro 16 Keyboard", "keyboards", 18_900, 7, 3),
            ("PORT-IPADAIR", "iPad Air Charging Port", "ports", 3_900, 10, 4),
            ("SSD-1TB", "SSD 1 TB NVMe", "storage", 9_900, 11, 6),
        ];
        for (sku, name, category, price, here, there) in shelf {
            for (shop_id, quantity) in [(downtown, here), (riverside, there)] {
                let new = NewItem {
                    shop_id,
                    sku: sku.to_owned(),
                    name: name.to_owned(),
                    category: category.to_owned(),
                    quantity,
                    cost: Money(price / 2),
                    selling_price: Money(price),
                    reorder_level: 2,
                    supplier: Some("Tech Parts Inc".to_owned()),
                };
                inventory::create::create(self.app, &self.caller, new).await?;
            }
        }
        Ok(())
    }

    async fn install_plugins(
        &self,
        components: &[Built],
        riverside: ShopId,
    ) -> anyhow::Result<InstallationId> {
        let prices = json!([
            { "device": "iPhone", "category": "physical_damage", "price": 259.99, "parts": ["Screen"] },
            { "device": "laptop", "category": "liquid_damage", "price": 389.00, "parts": ["Keyboard", "Battery"] },
            { "category": "liquid_damage", "price": 199.00 },
            { "device": "laptop", "price": 149.00 },
            { "price": 89.00 },
        ]);
        let settings = [
            ("intake-triage", json!({ "prices": prices })),
            ("nearest-stock", json!({ "shop_order": [riverside], "safety_stock": 1 })),
            ("qc-gate", json!({ "approval_threshold": 200.00 })),
        ];
        let mut last = None;
        for (name, settings) in settings {
            last = Some(self.install(components, name, settings).await?);
        }
        last.context("qc-gate is the last")
    }

    async fn install(
        &self,
        components: &[Built],
        name: &str,
        settings: Value,
    ) -> anyhow::Result<InstallationId> {
        let built = components
            .iter()
            .find(|built| built.name == name)
            .context("a sample plugin was not built")?;
        let uploaded = upload::upload(self.app, &self.caller, built.bytes.clone().into()).await?;
        let change =
            InstallationChange { settings: Some(settings), ..InstallationChange::default() };
        Ok(install::install(self.app, &self.caller, uploaded.plugin.id, change).await?.0.id)
    }

    /// Loads the plugins that were installed meanwhile.
    async fn refresh(&mut self) -> anyhow::Result<()> {
        let mut conn = self.app.db.read().await?;
        self.caller.plugins_revision =
            organizations::store::plugins_revision(&mut conn, self.caller.org).await?;
        Ok(())
    }

    async fn make_ticket(
        &self,
        number: usize,
        shop_id: ShopId,
        repair: &Repair,
    ) -> anyhow::Result<TicketId> {
        let (name, email) = CUSTOMERS[number * 5 % CUSTOMERS.len()];
        let new = NewTicket {
            shop_id,
            customer_name: name.to_owned(),
            customer_email: Some(email.to_owned()),
            customer_phone: Some(format!("555-01{:02}", number * 5 % CUSTOMERS.len())),
            device_identifier: repair.device.to_owned(),
            device_category: Some(repair.category.to_owned()),
            issue_description: repair.issue.to_owned(),
            tags: Vec::new(),
            custom_fields: Default::default(),
            actor_id: None,
        };
        Ok(tickets::create::create(self.app, &self.caller, new).await?.ticket.id)
    }

    /// Older tickets are finished, newer ones are in progress; one in nine is voided.
    async fn play_ticket(
        &self,
        number: usize,
        shop: ShopId,
        technicians: &[(UserId, String)],
    ) -> anyhow::Result<()> {
        let repair = &REPAIRS[number * 3 % REPAIRS.len()];
        let id = self.make_ticket(number, shop, repair).await?;
        let (technician, _) = technicians[number % technicians.len()];
        let steps = if number < 24 { WAY.len() } else { (number * 5 + 1) % WAY.len() };
        for (step, status) in WAY.into_iter().take(steps).enumerate() {
            self.app.clock.advance(Duration::from_secs(1_200 + 600 * step as u64));
            if number % 9 == 7 && step == 2 {
                self.move_to(id, "VOIDED", None).await?;
                return Ok(());
            }
            if status == "WAITING_APPROVAL" {
                self.quote(id, repair, technician).await?;
            }
            self.move_to(id, status, Some(technician)).await?;
        }
        Ok(())
    }

    async fn move_to(
        &self,
        id: TicketId,
        status: &str,
        actor_id: Option<UserId>,
    ) -> anyhow::Result<()> {
        let change = TicketChange {
            status: Some(Status(status.to_owned())),
            intent: Intent::Transition,
            actor_id,
            ..TicketChange::default()
        };
        tickets::change::change(self.app, &self.caller, id, &change).await?;
        Ok(())
    }

    /// The technician's findings, before the quote is approved.
    async fn quote(&self, id: TicketId, repair: &Repair, technician: UserId) -> anyhow::Result<()> {
        let part = NewPart {
            inventory_id: None,
            sku: repair.part.ok().map(str::to_owned),
            name: repair.part.err().map(|(name, _)| name.to_owned()),
            quantity: 1,
            unit_cost: repair.part.err().map(|(_, price)| Money(price)),
        };
        let change = TicketChange {
            actor_id: Some(technician),
            assigned_to: Some(Some(technician)),
            findings: Some(Some(repair.findings.to_owned())),
            labor_hours: Some(Hours(repair.hours)),
            labor_rate: Some(Money(6_500)),
            parts: Some(vec![part]),
            ..TicketChange::default()
        };
        tickets::change::change(self.app, &self.caller, id, &change).await?;
        Ok(())
    }

    /// A ticket in repair without a technician, a diagnosis and a resolution.
    async fn make_unready(&self, shop: ShopId) -> anyhow::Result<TicketId> {
        let id = self.make_ticket(3, shop, &REPAIRS[6]).await?;
        for status in ["DIAGNOSTICS", "IN_REPAIR"] {
            self.move_to(id, status, None).await?;
        }
        Ok(id)
    }
}
