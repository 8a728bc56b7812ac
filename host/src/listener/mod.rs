//! Accepts connections and serves requests on them. Unlike `axum::serve`, it limits how long it waits for clients.
//!
//! Invariants: a client that stalls in a head, a body, a response or between requests loses its connection after a
//! timeout; stalled connections lock no other client out, however many there are; no failure of accept ends the loop.

mod bind;
mod bodies;
mod closed;
mod connection;
mod connections;
mod io;
pub mod open_files;
mod progress;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::App;
pub use bind::bind;
use closed::ClosedLog;
use connections::Connections;
use progress::{Progress, Timeouts};

/// Its timeouts and limits are those of `app.config.connections`.
pub struct Server {
    app: App,
    listener: TcpListener,
    router: TowerToHyperService<Router>,
    connections: Arc<Connections>,
    timeouts: Timeouts,
}

/// The pause after a failure of accept that would repeat at once, such as a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Evicted connections that may still hold their file descriptor while more are accepted.
const CLOSING_MAX: usize = 64;

impl Server {
    pub fn new(app: &App, listener: TcpListener, router: Router) -> Server {
        let config = &app.config.connections;
        Server {
            app: app.clone(),
            listener,
            router: TowerToHyperService::new(router),
            connections: Arc::new(Connections::new(
                open_files::connections_max(config.connections_max),
                config.connections_per_address,
                ClosedLog::new(app.metrics.clone()),
            )),
            timeouts: Timeouts::new(config),
        }
    }

    /// For a second listener with a connection limit of its own.
    pub fn with_connections_max(self, max: usize) -> Server {
        let per_address = self.app.config.connections.connections_per_address;
        let closed = ClosedLog::new(self.app.metrics.clone());
        Server { connections: Arc::new(Connections::new(max, per_address, closed)), ..self }
    }

    /// Serves until `stop` is ready, then finishes the requests in progress.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (stopping, stopping_now) = watch::channel(false);
        let accepting = async {
            loop {
                let (stream, peer) = self.accept().await;
                self.serve(stream, peer, &stopping_now);
                while self.connections.closing() > CLOSING_MAX {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::select! {
            () = stop => {}
            () = accepting => {}
        }
        let _ = stopping.send(true);
        drop((self.listener, stopping_now));
        // Each connection holds a receiver.
        stopping.closed().await;
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            let error = match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            let is_of_client = matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
            );
            if !is_of_client {
                self.connections.note_accept_error(&error);
                self.connections.evict();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Spawns a task for the connection if there is room; otherwise closes it.
    fn serve(&self, stream: TcpStream, peer: SocketAddr, stopping: &watch::Receiver<bool>) {
        let place = match self.connections.admit(peer.ip(), self.trusts(peer.ip())) {
            Ok(place) => place,
            Err(reason) => return self.connections.note_closed(reason),
        };
        let progress = Arc::new(Progress::new(place, self.timeouts.clone()));
        let connection = connection::serve(
            stream,
            peer,
            self.router.clone(),
            progress.clone(),
            stopping.clone(),
        );
        let task = tokio::spawn(connection);
        progress.place().set_task(task.abort_handle());
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        self.app.rate_limits.failures.trusts(peer.to_canonical())
    }
}
