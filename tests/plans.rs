//! Query plans: the databases find a page and its total through an index in the order of the rows, for every filter.

use repairops::db::Query;
use repairops::inventory::store::Movement;
use repairops::model::ids::{CustomerId, ShopId, TicketId, UserId};
use repairops::model::money::{Hours, Money};
use repairops::model::people::Customer;
use repairops::model::stock::Item;
use repairops::model::ticket::Ticket;
use repairops::model::time::{Time, parse};
use repairops::model::workflow::{self, Status};
use repairops::page::{Listing, Paging, Window};
use repairops::search::query::{Phone, Search};
use repairops::{customers, doctor, inventory, tickets};
use serde::Serialize;

use crate::support::{TestApp, both_databases};

const TICKETS: i64 = 3_000;
const CUSTOMERS: usize = 600;

both_databases![
    tickets_are_found_through_an_index_in_order,
    customers_and_items_are_found_through_an_index_in_order,
    totals_are_read_from_counters,
    the_doctor_finds_wrong_counters,
];

struct Filled {
    shop: ShopId,
    technician: UserId,
    customer: CustomerId,
    noon: Time,
}

/// Tickets of a year in two shops: most are closed, some are anywhere, each customer has a few.
async fn fill(t: &TestApp) -> Filled {
    let elm: ShopId = id(&t.create_shop("Elm Street").await);
    let shop: ShopId = id(&t.shop);
    let mut technicians: Vec<UserId> = Vec::new();
    for number in 0..20 {
        technicians.push(id(&t.create_technician(&format!("Tech {number}")).await));
    }
    let statuses = workflow::DEFAULT.names();
    let noon = parse("2026-06-01T12:00:00Z").expect("a time");
    let mut people = Vec::new();
    let mut tx = t.app.db.begin().await.expect("a transaction");
    for number in 0..CUSTOMERS {
        let customer = Customer {
            version: 1,
            id: t.app.clock.new_id(),
            name: format!("Customer {number}"),
            email: format!("c{number}@example.com").into(),
            phone: None,
            address: None,
            created_at: noon - chrono::Duration::hours(number as i64),
        };
        customers::store::insert(&mut tx, t.org, &customer).await.expect("a customer");
        people.push(customer.id);
    }
    tx.commit().await.expect("a commit");
    for batch in 0..TICKETS / 300 {
        let mut tx = t.app.db.begin().await.expect("a transaction");
        for number in batch * 300..(batch + 1) * 300 {
            let pick = number as usize;
            let status =
                if number % 5 == 0 { statuses[pick / 5 % statuses.len()] } else { "CLOSED" };
            let created_at = noon - chrono::Duration::minutes(number * 170);
            let mut ticket = new_ticket(t.app.clock.new_id(), number + 1, created_at);
            ticket.shop_id = if number % 2 == 0 { shop } else { elm };
            ticket.customer_id = people[pick % people.len()];
            ticket.status = Status(status.to_owned());
            tickets::store::insert(&mut tx, t.org, &ticket, &[]).await.expect("a ticket");
            ticket.assigned_to = Some(technicians[pick % technicians.len()]);
            assert!(
                tickets::store::update(&mut tx, t.org, &ticket, &[], &[]).await.expect("an update")
            );
        }
        tx.commit().await.expect("a commit");
    }
    let mut tx = t.app.db.begin().await.expect("a transaction");
    for number in 0..3_000 {
        let item = Item {
            version: 1,
            id: t.app.clock.new_id(),
            shop_id: shop,
            sku: format!("SKU-{number}"),
            name: format!("Part {number}"),
            category: format!("category {}", number % 300),
            on_hand: 5,
            reserved: 0,
            cost: Money(8_000),
            selling_price: Money(16_000),
            reorder_level: 0,
            supplier: None,
            created_at: noon,
            updated_at: noon,
        };
        inventory::store::insert(&mut tx, t.org, &item).await.expect("an item");
        let movement = Movement {
            id: t.app.clock.new_id(),
            item_id: item.id,
            delta: 5,
            reason: "initial",
            actor: "Office",
            ticket_id: None,
            quantity_after: 5,
            created_at: noon,
        };
        inventory::store::insert_movement(&mut tx, t.org, &movement).await.expect("a movement");
    }
    tx.commit().await.expect("a commit");
    analyze(t).await;
    Filled { shop, technician: technicians[3], customer: people[3], noon }
}

/// What PostgreSQL's autovacuum does; SQLite has its statistics from the migrations.
async fn analyze(t: &TestApp) {
    let mut conn = t.connection().await;
    if conn.is_postgres() {
        repairops::execute!(
            conn,
            "analyze tickets, customers, customer_shops, inventory_items, counters, ticket_terms, customer_terms"
        )
        .expect("statistics");
    }
}

fn id<T: repairops::model::ids::Id>(text: &str) -> T {
    T::from_uuid(text.parse().expect("an id"))
}

fn new_ticket(id: TicketId, number: i64, created_at: Time) -> Ticket {
    Ticket {
        id,
        number,
        version: 1,
        shop_id: ShopId(uuid::Uuid::nil()),
        customer_id: CustomerId(uuid::Uuid::nil()),
        status: workflow::DEFAULT.initial(),
        device_identifier: "iPhone 14 Pro".to_owned(),
        device_category: None,
        device_description: None,
        issue_description: "Cracked screen".to_owned(),
        issue_category: None,
        issue_severity: None,
        assigned_to: None,
        labor_hours: Hours(0),
        labor_rate: Money(0),
        findings: None,
        estimated_cost: None,
        recommended_parts: Vec::new(),
        tags: Vec::new(),
        custom_fields: Default::default(),
        picked_up_at: None,
        amount_paid: None,
        contact_name: None,
        created_at,
        updated_at: created_at,
    }
}

fn window(listing: &'static Listing, sort: &str, filter: &impl Serialize) -> Window {
    let sort = (!sort.is_empty()).then(|| sort.to_owned());
    Window::new(listing, Paging { sort, ..Paging::default() }, filter).expect("a window")
}

/// The lines of the plan.
async fn plan(t: &TestApp, query: Query) -> (Vec<String>, String) {
    let mut conn = t.connection().await;
    let sql = query.sql.clone();
    let lines = if conn.is_postgres() {
        let query = Query { sql: format!("explain (costs off) {sql}"), ..query };
        let rows: Vec<(String,)> = query.fetch_all(&mut conn).await.expect("a plan");
        rows.into_iter().map(|row| row.0).collect()
    } else {
        let query = Query { sql: format!("explain query plan {sql}"), ..query };
        let rows: Vec<(i64, i64, i64, String)> = query.fetch_all(&mut conn).await.expect("a plan");
        rows.into_iter().map(|row| row.3).collect()
    };
    (lines, sql)
}

/// Reads through one of these indexes, and sorts and scans nothing.
async fn assert_ordered(t: &TestApp, query: Query, indexes: &[&str], what: &str) {
    let (lines, sql) = plan(t, query).await;
    let text = lines.join("\n");
    let sorts = lines.iter().any(|line| line.contains("Sort") || line.contains("TEMP B-TREE"));
    assert!(!sorts, "{what} sorts:\n{text}\n{sql}");
    assert_indexed(&lines, indexes, what, &sql);
}

fn assert_indexed(lines: &[String], indexes: &[&str], what: &str, sql: &str) {
    let text = lines.join("\n");
    assert!(
        indexes.iter().any(|index| text.contains(index)),
        "{what} uses another index:\n{text}\n{sql}"
    );
    let scanned = [
        "Seq Scan on tickets",
        "Seq Scan on inventory",
        "Seq Scan on customers c",
        "SCAN t",
        "SCAN c",
        "SCAN i",
    ];
    // Reading an index from its end in order is what a page does; SQLite calls that a search with conditions.
    assert!(
        !lines.iter().any(|line| scanned.iter().any(|scan| line.contains(scan))),
        "{what} scans:\n{text}\n{sql}"
    );
}

async fn tickets_are_found_through_an_index_in_order(t: &TestApp) {
    use tickets::store::{Assignee, ListFilter};
    let filled = fill(t).await;
    let shop_id = Some(filled.shop);
    let status = vec![Status("IN_REPAIR".to_owned())];
    let all = ListFilter::default;
    let created_after = Some(filled.noon - chrono::Duration::days(30));
    let created_before = Some(filled.noon - chrono::Duration::days(20));
    let cases = [
        ("", all(), "tickets_by_created"),
        ("created_at", all(), "tickets_by_created"),
        ("-updated_at", all(), "tickets_by_updated"),
        ("-number", all(), "tickets_number_unique"),
        ("status", all(), "tickets_by_status"),
        ("", ListFilter { shop_id, ..all() }, "tickets_by_shop"),
        ("", ListFilter { statuses: status.clone(), ..all() }, "tickets_by_status"),
        ("", ListFilter { shop_id, statuses: status.clone(), ..all() }, "tickets_by_shop_status"),
        ("", ListFilter { customer_id: Some(filled.customer), ..all() }, "tickets_by_customer"),
        (
            "",
            ListFilter { assigned_to: Some(Assignee::User(filled.technician)), ..all() },
            "tickets_by_assigned",
        ),
        ("", ListFilter { created_after, created_before, ..all() }, "tickets_by_created"),
        ("", ListFilter { assigned_to: Some(Assignee::Nobody), ..all() }, "tickets_unassigned"),
        ("-updated_at", ListFilter { updated_after: created_after, ..all() }, "tickets_by_updated"),
        (
            "",
            ListFilter { shop_id, statuses: status, created_after, created_before, ..all() },
            "tickets_by_shop_status",
        ),
    ];
    for (sort, filter, index) in cases {
        let what = format!("{sort} {filter:?}");
        // What PostgreSQL calls by its constraint's name has a number on SQLite.
        let indexes = [index, if sort == "-number" { "sqlite_autoindex_tickets_2" } else { index }];
        let mut window = window(&tickets::store::LISTING, sort, &filter);
        let query = tickets::store::page_query(t.org, &filter, &window);
        assert_ordered(t, query, &indexes, &what).await;
        // The same behind a cursor.
        let (rows, _) = tickets::store::list(&mut t.connection().await, t.org, &filter, &window)
            .await
            .expect("a page");
        let Some(row) = rows.last() else { continue };
        let mut after = repairops::page::Listed::keys(row, sort.trim_start_matches('-'));
        if window.slice.order.len() > after.len() {
            after.push(repairops::db::Value::Uuid(row.id.0));
        }
        window.slice.after = Some(after);
        let query = tickets::store::page_query(t.org, &filter, &window);
        assert_ordered(t, query, &indexes, &format!("a cursor in {what}")).await;
    }
    let rare = ListFilter {
        customer_id: Some(filled.customer),
        statuses: vec![Status("CLOSED".to_owned())],
        ..all()
    };
    let window = window(&tickets::store::LISTING, "", &rare);
    let (lines, sql) = plan(t, tickets::store::page_query(t.org, &rare, &window)).await;
    assert_indexed(&lines, &["tickets_by_customer"], "a customer's closed tickets", &sql);
    // What a desk looks for: the terms by their index, then the tickets by theirs, for the page and for the total.
    let search = |text| Some(Search::parse("q", text).expect("a search"));
    let phone = Some(Phone::parse("phone", "+1 555-0123").expect("a number"));
    for narrow in [
        ListFilter { search: search("77"), ..all() },
        ListFilter { search: search("555-0123"), shop_id, ..all() },
        ListFilter { tag: Some("vip".to_owned()), ..all() },
        ListFilter { phone, ..all() },
    ] {
        let window = self::window(&tickets::store::LISTING, "", &narrow);
        let mut queries = tickets::store::total_queries(t.org, &narrow);
        assert_eq!(queries.len(), 1);
        queries.push(tickets::store::page_query(t.org, &narrow, &window));
        for query in queries {
            let (lines, sql) = plan(t, query).await;
            let indexes = ["_terms_pk", "w USING PRIMARY KEY"];
            assert_indexed(&lines, &indexes, &format!("{narrow:?}"), &sql);
            let reads_all =
                ["Seq Scan on ticket_terms", "Seq Scan on customer_terms", "SCAN w", "SCAN o"];
            let text = lines.join("\n");
            assert!(
                !reads_all.iter().any(|scan| text.contains(scan)),
                "{narrow:?}:\n{text}\n{sql}"
            );
        }
    }
}

async fn customers_and_items_are_found_through_an_index_in_order(t: &TestApp) {
    let filled = fill(t).await;
    let cases = [
        ("", None, "customers_by_created"),
        ("name", None, "customers_by_name"),
        ("", Some(filled.shop), "customer_shops_by_created"),
    ];
    for (sort, shop_id, index) in cases {
        let filter = customers::store::ListFilter { shop_id, ..Default::default() };
        let window = window(customers::store::listing(&filter), sort, &filter);
        let query = customers::store::page_query(t.org, &filter, &window);
        assert_ordered(t, query, &[index], &format!("customers {sort} {shop_id:?}")).await;
    }
    let category = Some("category 7".to_owned());
    for (sort, category, index) in [
        ("", None, "inventory_items_by_sku"),
        ("", category, "inventory_items_by_category"),
        ("name", None, "inventory_items_by_name"),
        ("category", None, "inventory_items_by_category"),
    ] {
        let filter = inventory::store::ListFilter { category, ..Default::default() };
        let window = window(&inventory::store::LISTING, sort, &filter);
        let query = inventory::store::page_query(t.org, &filter, &window);
        assert_ordered(t, query, &[index], &format!("items {sort} {filter:?}")).await;
    }
}

async fn totals_are_read_from_counters(t: &TestApp) {
    use tickets::store::{Assignee, ListFilter};
    let filled = fill(t).await;
    let all = ListFilter::default;
    let (shop_id, assigned_to) = (Some(filled.shop), Some(Assignee::User(filled.technician)));
    let status = vec![Status("CLOSED".to_owned())];
    let created_after = Some(filled.noon - chrono::Duration::days(200));
    let created_before = Some(filled.noon - chrono::Duration::days(100));
    let midnight = Some(filled.noon - chrono::Duration::hours(100 * 24 + 12));
    let short = Some(filled.noon - chrono::Duration::days(199));
    let cases = [
        (all(), 1),
        (ListFilter { statuses: status.clone(), ..all() }, 1),
        (ListFilter { shop_id, ..all() }, 1),
        (ListFilter { shop_id, statuses: status.clone(), ..all() }, 1),
        (ListFilter { assigned_to, ..all() }, 1),
        (ListFilter { assigned_to, statuses: status.clone(), ..all() }, 1),
        (ListFilter { created_after, ..all() }, 2),
        (ListFilter { created_before, ..all() }, 2),
        (ListFilter { created_before: midnight, ..all() }, 1),
        (ListFilter { created_after: midnight, statuses: status.clone(), ..all() }, 1),
        (
            ListFilter {
                created_after,
                created_before,
                shop_id,
                statuses: status.clone(),
                ..all()
            },
            3,
        ),
        // No whole day, or an empty range: through the index of moments.
        (ListFilter { created_after, created_before: short, ..all() }, 1),
        (ListFilter { created_after: created_before, created_before: created_after, ..all() }, 1),
        // Few rows: through their index.
        (ListFilter { customer_id: Some(filled.customer), ..all() }, 1),
        (ListFilter { assigned_to, shop_id, ..all() }, 1),
        (ListFilter { assigned_to, created_after, statuses: status, ..all() }, 1),
    ];
    for (filter, expected) in cases {
        let queries = tickets::store::total_queries(t.org, &filter);
        assert_eq!(queries.len(), expected, "{filter:?}");
        for query in queries {
            let (lines, sql) = plan(t, query).await;
            let indexes = [
                "counters",
                "tickets_by_created",
                // Or `tickets_by_shop_status`: within a part of a day both have a few rows to look at.
                "tickets_by_shop",
                "tickets_by_customer",
                "tickets_by_assigned",
            ];
            assert_indexed(&lines, &indexes, &format!("{filter:?}"), &sql);
        }
        let counted = {
            let mut conn = t.connection().await;
            let (_, total) = tickets::store::list(
                &mut conn,
                t.org,
                &filter,
                &window(&tickets::store::LISTING, "", &filter),
            )
            .await
            .expect("a page");
            total
        };
        assert_eq!(counted, count_by_walking(t, &filter).await, "{filter:?}");
    }
}

/// The total, by reading every page.
async fn count_by_walking(t: &TestApp, filter: &tickets::store::ListFilter) -> i64 {
    let mut window = window(&tickets::store::LISTING, "", filter);
    window.slice.limit = TICKETS + 1;
    let mut conn = t.connection().await;
    let (rows, _) =
        tickets::store::list(&mut conn, t.org, filter, &window).await.expect("all rows");
    rows.len() as i64
}

async fn the_doctor_finds_wrong_counters(t: &TestApp) {
    t.create_ticket(&t.shop).await;
    let found = async || {
        let problems = doctor::examine(&t.app.db, &t.app.secrets).await.expect("an examination");
        problems.into_iter().map(|problem| problem.problem).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [""; 0]);
    let execute = async |sql: &'static str| {
        let mut tx = t.app.db.begin().await.expect("a transaction");
        let rows = repairops::execute!(tx, sql).expect("a statement");
        assert!(rows > 0, "{sql}");
        tx.commit().await.expect("a commit");
    };
    execute("update counters set n = n + 2 where list = 'tickets' and status = 'INTAKE' and day < 0 and scope = org_id")
        .await;
    let problems = found().await;
    assert!(problems.len() == 1 && problems[0].contains("off by 2"), "{problems:?}");
    execute("update counters set n = n - 2 where list = 'tickets' and status = 'INTAKE' and day < 0 and scope = org_id")
        .await;
    execute("update customer_shops set shop_id = org_id").await;
    assert_eq!(
        found().await.len(),
        6,
        "two misplaced, and two days each of the counters of two shops"
    );
    let shop: ShopId = id(&t.shop);
    let mut tx = t.app.db.begin().await.expect("a transaction");
    repairops::execute!(tx, "update customer_shops set shop_id = $1", shop).expect("an update");
    tx.commit().await.expect("a commit");
}
