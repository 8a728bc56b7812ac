//! A server for scripts, with its address and key in the environment variables of the SDK.

use std::path::Path;

use repairops::App;

use crate::support::app::{self, TestApp};
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
        let base = format!("{}/v1", app::serve(app).await);
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
