//! `/v1/openapi.json` describes what the routes do, and `/docs` shows it without another host.

use axum::body::Bytes;
use axum::http::Method;
use repairops::router;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::{TestApp, both_databases, json};

both_databases![
    every_route_is_in_the_document,
    the_scope_that_is_documented_is_the_one_that_is_needed,
    unknown_parameters_and_fields_are_refused_everywhere,
    the_page_needs_no_other_host,
];

async fn every_route_is_in_the_document(t: &TestApp) {
    let document = t.get("/v1/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document, repairops::router::document(), "it is the same without a server");
    // The router tells its routes to nobody but a debugger.
    let routes = format!("{:?}", router(t.app.clone()));
    let mut found = 0;
    for route in routes.split('"').filter(|text| text.starts_with("/v1/")) {
        found += 1;
        let is_documented = document["paths"][route].is_object() || route == "/v1/openapi.json";
        assert!(is_documented, "{route} is not in the document");
    }
    assert!(found > 10, "the routes are not to be found in {routes}");
}

/// For each operation: no key is 401, a key of the next lower scope 403, and one of the documented scope is neither.
async fn the_scope_that_is_documented_is_the_one_that_is_needed(t: &TestApp) {
    let document = t.get("/v1/openapi.json").await.ok();
    for (method, path, operation) in operations(&document) {
        let scope = operation["security"][0]["api_key"][0].as_str().expect("a scope");
        let ask = async |client: &Client| ask(client, &method, &path, operation).await;
        let (lower, enough) = match scope {
            "read" => (t.authorized(None), &t.reader),
            "write" => (t.reader.clone(), &t.writer),
            "admin" => (t.writer.clone(), &t.admin),
            other => panic!("{path} has the scope {other}"),
        };
        let refused = if scope == "read" { 401 } else { 403 };
        assert_eq!(ask(&lower).await, refused, "{method} {path} with less than {scope}");
        assert_eq!(ask(&t.authorized(None)).await, 401, "{method} {path} without a key");
        let status = ask(enough).await;
        assert!(![401, 403, 405, 415].contains(&status), "{method} {path} with {scope}: {status}");
    }
}

async fn unknown_parameters_and_fields_are_refused_everywhere(t: &TestApp) {
    let document = t.get("/v1/openapi.json").await.ok();
    for (method, path, operation) in operations(&document) {
        let path = with_ids(&path);
        let request = t.request(method.clone(), &format!("{path}?colour=blue"));
        let request = request.header("content-type", "application/json");
        t.send(request, Bytes::from_static(b"{}")).await.invalid("colour");
        let is_list = operation["parameters"].as_array().is_some_and(|parameters| {
            parameters.iter().any(|parameter| parameter["name"] == "limit")
        });
        if method == Method::GET && is_list {
            t.get(&format!("{path}?limit=0")).await.invalid("limit");
            t.get(&format!("{path}?limit=501")).await.invalid("limit");
            t.get(&format!("{path}?offset=-1")).await.invalid("offset");
        }
        if operation["requestBody"]["content"]["application/json"].is_object() {
            t.json(method.clone(), &path, r#"{"colour": "blue"}"#).await.invalid("colour");
            t.json(method, &path, r#"{"colour": "bl\u0000ue"}"#).await.invalid("colour");
        }
    }
}

async fn the_page_needs_no_other_host(t: &TestApp) {
    let nobody = t.authorized(None);
    let page = nobody.get("/docs").await.expect_status(200);
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    for directive in policy.split(';').map(str::trim) {
        let sources: Vec<&str> = directive.split(' ').skip(1).collect();
        let inside = ["'none'", "'self'", "'unsafe-inline'", "data:"];
        assert!(sources.iter().all(|source| inside.contains(source)), "{directive}");
    }
    assert!(!policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
    let html = page.body.as_str().expect("a page").to_owned();
    assert_eq!(urls_of_other_hosts(&html), Vec::<&str>::new());
    let mut linked: Vec<&str> = html.split('"').filter(|text| text.starts_with("docs/")).collect();
    linked.sort_unstable();
    linked.dedup();
    assert!(linked.len() >= 4, "{linked:?}");
    for file in linked {
        let reply = nobody.get(&format!("/{file}")).await.expect_status(200);
        assert_eq!(reply.header("content-security-policy"), Some(policy.as_str()), "{file}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{file}");
        let ours = ["docs/page.css", "docs/page.js", "docs/swagger-ui.css"];
        if ours.contains(&file) {
            // The viewer's program has URLs in its texts; that it asks none of them is what the policy says.
            let text = reply.body.as_str().expect("a text");
            assert_eq!(urls_of_other_hosts(text), Vec::<&str>::new(), "{file}");
        }
    }
    nobody.get("/docs/swagger-initializer.js").await.not_found();
    nobody.get("/docs/..%2fCargo.toml").await.not_found();
}

/// What a browser might load: names of XML namespaces and pictures inside of the text aside.
fn urls_of_other_hosts(text: &str) -> Vec<&str> {
    let is_loaded = |rest: &str| !rest.starts_with("www.w3.org/");
    let starts = text.match_indices("//").filter(|(at, _)| {
        let before = &text[..*at];
        (before.ends_with("http:")
            || before.ends_with("https:")
            || before.ends_with(['"', '\'', '(']))
            && is_loaded(&text[at + 2..])
    });
    starts.map(|(at, _)| &text[at..(at + 60).min(text.len())]).collect()
}

/// (method, path, operation)
fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let method = method.to_uppercase().parse().expect("a method");
            all.push((method, path.clone(), operation));
        }
    }
    all
}

/// The path with the id of nothing.
fn with_ids(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        parts.push(if part.starts_with('{') {
            "018f4e2a-6c1d-7b3e-9a52-1c7d0e5f8a01"
        } else {
            part
        });
    }
    parts.join("/")
}

/// The status of a request that can change nothing: there is no such id, and an empty body lacks what is needed.
async fn ask(client: &Client, method: &Method, path: &str, operation: &Value) -> u16 {
    let mut request = client.request(method.clone(), &with_ids(path));
    let content = operation["requestBody"]["content"].as_object();
    let kind = content.and_then(|content| content.keys().next());
    let mut body = Bytes::new();
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
        body = Bytes::from(json!({}).to_string());
    }
    client.send(request, body).await.status
}
