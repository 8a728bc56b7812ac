//! What a fault happens to: a PostgreSQL cluster, with a standby where it is needed, a proxy before it, and two nodes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Fault, Options, previous};
use crate::live::client::Client;
use crate::live::janitor::Janitor;
use crate::live::node::{Node, Program};
use crate::live::organization::Organization;
use crate::live::postgres::{Cluster, url_at};
use crate::live::proxy::Proxy;

pub struct Site {
    pub primary: Cluster,
    pub standby: Option<Cluster>,
    pub proxy: Proxy,
    pub nodes: [Node; 2],
    /// The build of this bench, and for `upgrade` the one before it.
    pub own: Program,
    pub previous: Option<Program>,
    pub organization: Organization,
}

impl Site {
    pub async fn start(
        janitor: &Arc<Janitor>,
        folder: &Path,
        fault: Fault,
        options: &Options,
    ) -> anyhow::Result<Site> {
        let previous = match fault {
            Fault::Upgrade => Some(previous::binary(options.old_binary.as_deref())?),
            _ => None,
        };
        std::fs::create_dir_all(folder)?;
        let primary = Cluster::create(janitor, &folder.join("primary")).await?;
        let standby = match fault {
            Fault::Failover => Some(primary.create_standby(&folder.join("standby")).await?),
            _ => None,
        };
        let proxy = Proxy::start(primary.address).await?;
        let database = url_at(proxy.address);
        let own = Program::own(&database);
        let previous = previous.map(|path: PathBuf| Program::of(&path, &database));
        let first = previous.as_ref().unwrap_or(&own);
        let nodes = [
            Node::start(janitor, first, &folder.join("node-1")).await?,
            Node::start(janitor, first, &folder.join("node-2")).await?,
        ];
        let client = Client::new(&nodes[0].address);
        let organization = Organization::create(first, &client, "Writers").await?;
        Ok(Site { primary, standby, proxy, nodes, own, previous, organization })
    }

    pub fn addresses(&self) -> [String; 2] {
        self.nodes.each_ref().map(|node| node.address.clone())
    }

    /// Of the server that is the primary now, without the proxy.
    pub fn database_url(&self) -> String {
        self.primary.url()
    }

    /// Kills the primary and puts the standby in its place.
    pub async fn fail_over(&mut self) -> anyhow::Result<()> {
        self.primary.kill()?;
        if let Some(standby) = self.standby.take() {
            standby.promote().await?;
            self.proxy.switch_to(standby.address);
            self.primary = standby;
        }
        Ok(())
    }

    pub fn ended_by_themselves(&mut self) -> usize {
        self.nodes.iter_mut().map(|node| usize::from(!node.runs())).sum()
    }
}
