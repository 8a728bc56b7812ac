//! Sends HTTP requests: to the router directly, or over a real socket. A request is a future that may be spawned.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::components::component;
use super::reply::Reply;

/// A caller with a key, or without one.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    authorization: Option<String>,
}

#[derive(Clone)]
enum Transport {
    Router(Router),
    Socket { http: reqwest::Client, base: String },
}

/// A pending reply.
pub trait Asked: Future<Output = Reply> + Send + 'static {}
impl<F: Future<Output = Reply> + Send + 'static> Asked for F {}

impl Client {
    pub fn of(router: Router, key: &str) -> Client {
        Client {
            transport: Transport::Router(router),
            authorization: Some(format!("Bearer {key}")),
        }
    }

    /// The same caller over a socket; `base` is like `http://127.0.0.1:1234`.
    pub fn over_socket(&self, base: String) -> Client {
        let transport = Transport::Socket { http: reqwest::Client::new(), base };
        Client { transport, ..self.clone() }
    }

    /// The same caller on another server.
    pub fn at(&self, router: Router) -> Client {
        Client { transport: Transport::Router(router), ..self.clone() }
    }

    /// The same server with another `Authorization` header, or with none.
    pub fn authorized(&self, authorization: Option<&str>) -> Client {
        Client { authorization: authorization.map(str::to_owned), ..self.clone() }
    }

    /// The value of its `Authorization` header.
    pub fn authorization(&self) -> &str {
        self.authorization.as_deref().unwrap_or_default()
    }

    pub fn with_key(&self, key: &str) -> Client {
        self.authorized(Some(&format!("Bearer {key}")))
    }

    pub fn get(&self, path: &str) -> impl Asked + use<> {
        self.send(self.request(Method::GET, path), Bytes::new())
    }

    pub fn delete(&self, path: &str) -> impl Asked + use<> {
        self.send(self.request(Method::DELETE, path), Bytes::new())
    }

    pub fn post(&self, path: &str, body: Value) -> impl Asked + use<> {
        self.json(Method::POST, path, &body.to_string())
    }

    pub fn patch(&self, path: &str, body: Value) -> impl Asked + use<> {
        self.json(Method::PATCH, path, &body.to_string())
    }

    /// Sends a text as JSON, valid or not.
    pub fn json(&self, method: Method, path: &str, text: &str) -> impl Asked + use<> {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request, text.to_owned().into())
    }

    /// Uploads a component by the name of its package.
    pub fn upload(&self, package: &str) -> impl Asked + use<> {
        self.upload_bytes(component(package))
    }

    pub fn upload_bytes(&self, bytes: &[u8]) -> impl Asked + use<> {
        let request =
            self.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm");
        self.send(request, Bytes::copy_from_slice(bytes))
    }

    pub fn request(&self, method: Method, path: &str) -> Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    pub fn send(&self, request: Builder, body: Bytes) -> impl Asked + use<> {
        let transport = self.transport.clone();
        let request = request.body(body).expect("a request");
        async move {
            let asked = format!("{} {}", request.method(), request.uri());
            let (status, headers, raw) = match transport {
                Transport::Router(router) => ask_router(router, request).await,
                Transport::Socket { http, base } => ask_socket(&http, &base, request).await,
            };
            let body = match serde_json::from_slice(&raw) {
                Ok(body) => body,
                Err(_) if raw.is_empty() => Value::Null,
                Err(_) => Value::String(String::from_utf8_lossy(&raw).into_owned()),
            };
            Reply { asked, status: status.as_u16(), headers, body, raw }
        }
    }
}

async fn ask_router(router: Router, request: Request<Bytes>) -> (StatusCode, HeaderMap, Bytes) {
    let response =
        router.oneshot(request.map(Body::from)).await.unwrap_or_else(|never| match never {});
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.expect("a body"))
}

async fn ask_socket(
    http: &reqwest::Client,
    base: &str,
    request: Request<Bytes>,
) -> (StatusCode, HeaderMap, Bytes) {
    let (parts, body) = request.into_parts();
    let request = http
        .request(parts.method, format!("{base}{}", parts.uri))
        .headers(parts.headers)
        .body(body);
    let response = request.send().await.expect("an answer");
    (response.status(), response.headers().clone(), response.bytes().await.expect("a body"))
}
