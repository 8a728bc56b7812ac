//! A TCP proxy before a database that can be pointed at another server, or forget its connections without a word.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    target: Arc<watch::Sender<SocketAddr>>,
    /// Connections with a smaller number forward nothing.
    silent_below: Arc<watch::Sender<usize>>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(target: SocketAddr) -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let proxy = Proxy {
            address: listener.local_addr()?,
            target: Arc::new(watch::channel(target).0),
            silent_below: Arc::new(watch::channel(0).0),
            accepted: Arc::default(),
        };
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = accepting.accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(accepting.clone().join(client, number));
            }
        });
        Ok(proxy)
    }

    /// New connections go there; those to a dead server end by themselves.
    pub fn switch_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// From now on the existing connections forward nothing, not even their end; new ones work.
    pub fn silence(&self) {
        self.silent_below.send_replace(self.accepted.load(Ordering::SeqCst));
    }

    /// The bytes that were held go on.
    pub fn resume(&self) {
        self.silent_below.send_replace(0);
    }

    async fn join(self, client: TcpStream, number: usize) {
        let target = *self.target.borrow();
        // A server that is not there: the client sees its connection end.
        let Ok(server) = TcpStream::connect(target).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let silent_below = self.silent_below.subscribe();
        // The end of either direction ends the connection.
        tokio::select! {
            () = forward(from_client, to_server, number, silent_below.clone()) => {}
            () = forward(from_server, to_client, number, silent_below) => {}
        }
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    number: usize,
    mut silent_below: watch::Receiver<usize>,
) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut bytes).await.unwrap_or(0);
        if silent_below.wait_for(|below| number >= *below).await.is_err() || count == 0 {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
