//! An app for one test: an organization with keys and a shop, on a database of its own.

use std::ops::Deref;

use repairops::config::MetricsListen;
use repairops::db::Conn;
use repairops::keys::create::NewKey;
use repairops::listener::{Server, bind};
use repairops::model::ids::{KeyId, OrgId};
use repairops::model::people::Scope;
use repairops::rate_limits::rates::RatesOption;
use repairops::{App, Config, doctor, keys, organizations, router};
use serde_json::Value;
use sqlx::types::Json;

use super::client::Client;
use super::components::{node_folder, program};
use super::databases::{Backend, Database};

/// Dereferences to a client with an admin key.
pub struct TestApp {
    pub app: App,
    pub org: OrgId,
    pub admin: Client,
    pub writer: Client,
    pub reader: Client,
    /// The id of a shop.
    pub shop: String,
    database: Database,
}

/// Another server on the same database.
pub struct Node {
    pub app: App,
    /// A client with the admin key.
    pub admin: Client,
}

impl Node {
    /// Serves on a real socket; returns the address.
    pub async fn serve(&self) -> String {
        serve(&self.app).await
    }
}

impl Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.admin
    }
}

impl TestApp {
    pub async fn start(backend: Backend) -> TestApp {
        TestApp::on(Database::create(backend).await).await
    }

    /// An app of its own on a database of the test.
    pub async fn start_at(url: &str) -> TestApp {
        TestApp::on(Database::of_test(url)).await
    }

    async fn on(database: Database) -> TestApp {
        let app = start_app(&database, |_| {}).await;
        let router = router(app.clone());
        let org = create_organization(&app, "Main Street Repairs", "enterprise").await;
        let client = async |scope, name| {
            Client::of(router.clone(), &create_key(&app, org, scope, name).await.1)
        };
        let admin = client(Scope::Admin, "Office").await;
        let (writer, reader) =
            (client(Scope::Write, "Front desk").await, client(Scope::Read, "Report").await);
        let shop = admin.create_shop("Main Street").await;
        TestApp { org, admin, writer, reader, shop, database, app }
    }

    /// Checks the invariants that hold after every test, and gives the database back.
    pub async fn finish(self) {
        let problems =
            doctor::examine(&self.app.db, &self.app.secrets).await.expect("an examination");
        assert!(problems.is_empty(), "the doctor found {problems:#?}");
        self.app.rate_limits.close().await;
        self.app.db.close().await;
        self.database.give_back().await;
    }

    /// Creates another node, configured by `change`.
    pub async fn node(&self, change: impl FnOnce(&mut Config)) -> Node {
        let app = start_app(&self.database, change).await;
        let (_, key) = create_key(&app, self.org, Scope::Admin, "Office").await;
        Node { admin: Client::of(router(app.clone()), &key), app }
    }

    /// A client with the admin key over a real socket.
    pub async fn serve(&self) -> Client {
        self.admin.over_socket(serve(&self.app).await)
    }

    pub async fn create_key(&self, scope: Scope, name: &str) -> (KeyId, String) {
        create_key(&self.app, self.org, scope, name).await
    }

    /// A client with the admin key of another organization.
    pub async fn stranger(&self) -> Client {
        self.organization("Other Avenue Repairs", "enterprise").await
    }

    pub async fn organization(&self, name: &str, tier: &str) -> Client {
        let org = create_organization(&self.app, name, tier).await;
        self.admin.with_key(&create_key(&self.app, org, Scope::Admin, "Stranger").await.1)
    }

    /// Call it before a change of the schema: then no other test uses the database.
    pub fn spoil_schema(&self) {
        self.database.is_spoiled.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    pub async fn connection(&self) -> Conn {
        self.app.db.read().await.expect("a connection")
    }

    /// The outbox of the organization, oldest first.
    pub async fn events(&self) -> Vec<(String, Value)> {
        let mut conn = self.connection().await;
        let rows: Vec<(String, Json<Value>)> = repairops::fetch_all!(
            conn,
            (String, Json<Value>),
            "select event, data from events where org_id = $1 order by id",
            self.org
        )
        .expect("the events");
        rows.into_iter().map(|(name, data)| (name, data.0)).collect()
    }

    /// The names of the events after the first `known`.
    pub async fn event_names_after(&self, known: usize) -> Vec<String> {
        self.events().await.into_iter().skip(known).map(|(name, _)| name).collect()
    }

    /// The movements of an item as (delta, reason), oldest first.
    pub async fn movements(&self, item: &str) -> Vec<(i64, String)> {
        let item: uuid::Uuid = item.parse().expect("an id");
        let mut conn = self.connection().await;
        repairops::fetch_all!(
            conn,
            (i64, String),
            "select delta, reason from stock_movements where org_id = $1 and item_id = $2 order by id",
            self.org,
            item
        )
        .expect("the movements")
    }
}

/// Serves like `repairops serve`, on a port of its own; returns the URL.
pub async fn serve(app: &App) -> String {
    let listener = bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = Server::new(app, listener, router(app.clone()));
    tokio::spawn(server.run(std::future::pending()));
    base
}

async fn start_app(database: &Database, change: impl FnOnce(&mut Config)) -> App {
    let mut config = Config::new(node_folder());
    config.database.url = database.url.clone();
    // All tests share two cores; tests of timeouts set this themselves.
    config.request_budget_ms = 10_000;
    config.request_wall_ms = 60_000;
    config.metrics_listen = MetricsListen::Public;
    config.compile.compiler = Some(program());
    // Most tests send more than ten admin requests.
    config.limits.rate_limits = RatesOption::OFF;
    // The receivers of tests are on this machine.
    config.webhooks.webhook_allow = vec!["127.0.0.0/8".parse().expect("a network")];
    change(&mut config);
    App::start(config).await.expect("an app")
}

async fn create_organization(app: &App, name: &str, tier: &str) -> OrgId {
    let id = app.clock.new_id();
    let mut tx = app.db.begin().await.expect("a transaction");
    organizations::store::insert(&mut tx, id, name, tier, app.clock.now())
        .await
        .expect("an organization");
    tx.commit().await.expect("a commit");
    id
}

async fn create_key(app: &App, org: OrgId, scope: Scope, name: &str) -> (KeyId, String) {
    let new = NewKey::new(name, scope);
    let made = keys::create::create(&app.db, &app.clock, org, new).await.expect("a key");
    (made.key.id, made.text)
}
