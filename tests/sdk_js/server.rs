//! A server for scripts: where it is and with which key, as the SDK's environment says it.

use std::path::Path;

use repairops::{App, router};

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::node;
use crate::support::tools::Ran;

pub struct Server {
    /// With `/v1` at its end.
    pub base: String,
    /// Of scope admin.
    pub key: String,
}

impl Server {
    pub async fn start(t: &TestApp) -> Server {
        Server::of(&t.app, &t.admin).await
    }

    /// This client's server on a socket.
    pub async fn of(app: &App, client: &Client) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let service = router(app.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        Server { base, key: client.authorization().trim_start_matches("Bearer ").to_owned() }
    }

    /// The script, with the server in its environment.
    pub async fn run(&self, folder: &Path, script: &str) -> Ran {
        node::run_in(folder, script, &[], &self.environment()).await
    }

    pub fn environment(&self) -> [(&str, &str); 2] {
        [("REPAIROPS_BASE_URL", &self.base), ("REPAIROPS_API_KEY", &self.key)]
    }
}
