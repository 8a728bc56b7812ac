//! "Rate Limiting", "Error Handling", "Pagination", "Filtering & Sorting".

use repairops::rate_limits::rates::RatesOption;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::{TestApp, all_at_once, both_databases, json};

use super::{Server, World};

both_databases![
    rate_limit_headers,
    the_form_of_an_error,
    common_codes,
    pagination,
    filtering_and_sorting
];

/// `X-RateLimit-Limit: 1000`, `X-RateLimit-Remaining: 999`, `X-RateLimit-Reset: 1646899200`
async fn rate_limit_headers(t: &TestApp) {
    let node = t.node(|config| config.limits.rate_limits = RatesOption::DEFAULT).await;
    for (authorization, limit) in [
        (t.reader.authorization(), "1000"),
        (t.writer.authorization(), "1000"),
        (t.admin.authorization(), "1000"),
    ] {
        let server = Server::of(node.app.clone(), authorization).await;
        let answer = server.request("GET /tickets", &[]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("X-RateLimit-Limit"), Some(limit));
        assert_eq!(answer.header("X-RateLimit-Remaining"), Some("999"));
        let reset: i64 =
            answer.header("X-RateLimit-Reset").expect("a reset").parse().expect("a number");
        let wait = reset - node.app.clock.now().timestamp();
        assert!((0..=3600).contains(&wait) && reset % 3600 == 0, "{reset}");
    }
    // By what the route needs: 100 an hour to write, 10 to manage.
    let server = Server::of(node.app.clone(), t.admin.authorization()).await;
    for (request, limit) in [("POST /tickets", "100"), ("POST /shops", "10")] {
        let request = format!(r#"{request} -H "Content-Type: application/json" -d '{{}}'"#);
        assert_eq!(
            server.request(&request, &[]).await.header("X-RateLimit-Limit"),
            Some(limit),
            "{request}"
        );
    }
}

async fn the_form_of_an_error(t: &TestApp) {
    let server = Server::start(t).await;
    let documented = json!({ "error": {
        "code": "INVALID_REQUEST", "message": "Invalid ticket ID format",
        "details": { "field": "ticket_id", "value": "invalid-uuid" }
    }});
    let body = server.request("GET /tickets/invalid-uuid", &[]).await.documented(
        400,
        documented.clone(),
        &[],
    );
    let mut error = body["error"].clone();
    error.as_object_mut().and_then(|fields| fields.remove("request_id")).expect("a request id");
    assert_eq!(error, documented["error"], "nothing else stands beside it");
}

/// The table of common codes, each brought about.
async fn common_codes(t: &TestApp) {
    let world = World::make(t).await;
    let node = t.node(|config| config.limits.rate_limits = "read=1".parse().expect("rates")).await;
    let server = Server::of(node.app.clone(), t.reader.authorization()).await;
    let unknown = Server { base: server.base.clone(), key: "nonsense".to_owned() };
    let admin = Server::start(t).await;
    let json = r#"-H "Content-Type: application/json""#;
    let forbidden = format!("POST /tickets {json} -d '{{}}'");
    let too_few = format!("PATCH /inventory/{} {json} -d '{{ \"quantity\": 0 }}'", world.item);
    let nothing = "GET /tickets/550e8400-e29b-41d4-a716-446655440000";
    for (server, request, status, code) in [
        (&unknown, "GET /tickets", 401, "UNAUTHORIZED"),
        (&server, forbidden.as_str(), 403, "FORBIDDEN"),
        (&admin, nothing, 404, "NOT_FOUND"),
        (&admin, "GET /tickets?limit=0", 400, "INVALID_REQUEST"),
        (&admin, too_few.as_str(), 409, "CONFLICT"),
        (&server, "GET /tickets", 200, ""),
        (&server, "GET /tickets", 429, "RATE_LIMIT_EXCEEDED"),
    ] {
        let answer = server.request(request, &[]).await;
        let found = answer.body["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((answer.status, found), (status, code), "{request}: {:#}", answer.body);
        assert_eq!(answer.header("retry-after").is_some(), status == 429, "{request}");
    }
}

async fn pagination(t: &TestApp) {
    all_at_once((0..160).map(|_| t.post("/v1/tickets", ticket_body(&t.shop, json!({}))))).await;
    let server = Server::start(t).await;
    let documented = json!({
        "data": [{ "id": "550e8400-e29b-41d4-a716-446655440000" }],
        "pagination": { "offset": 100, "limit": 50, "total": 1250, "next_offset": 150, "has_more": true }
    });
    let answer = server.request("GET /tickets?limit=50&offset=100", &[]).await;
    let body = answer.documented(200, documented, &["data[]", "pagination.total"]);
    assert_eq!(
        (body["data"].as_array().map(Vec::len), &body["pagination"]["total"]),
        (Some(50), &json!(160))
    );

    // "Use next_offset to fetch the next page": all are seen once.
    let mut seen = Vec::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let page =
            server.request(&format!("GET /tickets?limit=50&offset={offset}"), &[]).await.body;
        seen.extend(
            page["data"].as_array().expect("data").iter().map(|ticket| ticket["id"].to_string()),
        );
        assert_eq!(page["pagination"]["has_more"], !page["pagination"]["next_offset"].is_null());
        offset = page["pagination"]["next_offset"].clone();
    }
    assert_eq!(seen.len(), 160);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 160);
}

async fn filtering_and_sorting(t: &TestApp) {
    let world = World::make(t).await;
    for _ in 0..3 {
        t.app.clock.advance(std::time::Duration::from_secs(60));
        t.create_ticket_in(&world.shop, "IN_REPAIR").await;
    }
    let server = Server::start(t).await;
    let times = |body: &Value| -> Vec<String> {
        let tickets = body["data"].as_array().expect("data");
        tickets
            .iter()
            .map(|ticket| ticket["created_at"].as_str().expect("a time").to_owned())
            .collect()
    };
    let request = "GET /tickets?status=IN_REPAIR&created_after=2026-01-01&sort=-created_at";
    let newest_first = times(&server.request(request, &[]).await.body);
    assert_eq!(newest_first.len(), 4);
    assert!(newest_first.is_sorted_by(|a, b| a > b), "{newest_first:?}");
    let request = "GET /tickets?status=IN_REPAIR&created_after=2026-01-01&sort=created_at";
    let oldest_first = times(&server.request(request, &[]).await.body);
    assert!(oldest_first.iter().eq(newest_first.iter().rev()), "{oldest_first:?}");
}
