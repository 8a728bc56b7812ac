//! A TCP proxy between an app and PostgreSQL that delays responses, so that a test controls what happens during a
//! statement.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone)]
pub struct Proxy {
    /// Connections that send this text get no responses until it is `None` again.
    held_text: Arc<watch::Sender<Option<&'static str>>>,
    held_count: Arc<watch::Sender<usize>>,
    /// Connections that were opened before this number grew get no responses.
    silenced: Arc<watch::Sender<usize>>,
}

impl Proxy {
    /// Starts a proxy for the server of the URL; the second value is the URL through the proxy.
    pub async fn before(url: &str) -> (Proxy, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").to_string();
        let (head, rest) = url.split_once('@').expect("a URL with a user");
        let (address, path) = rest.split_once('/').expect("a URL with a database");
        let server: SocketAddr = address.parse().expect("the server's address");
        let proxy = Proxy {
            held_text: Arc::new(watch::channel(None).0),
            held_count: Arc::new(watch::channel(0).0),
            silenced: Arc::new(watch::channel(0).0),
        };
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.expect("the server accepts");
                accepting.clone().join(client, server);
            }
        });
        (proxy, format!("{head}@{own}/{path}"))
    }

    /// From now on, a connection that sends this text gets no response.
    pub fn hold(&self, text: &'static str) {
        self.held_count.send_replace(0);
        self.held_text.send_replace(Some(text));
    }

    /// Waits until this number of connections wait for a response.
    pub async fn holds(&self, count: usize) {
        let mut held = self.held_count.subscribe();
        let enough = held.wait_for(|held| *held >= count);
        tokio::time::timeout(Duration::from_secs(20), enough)
            .await
            .expect("so many are held in time")
            .expect("the proxy is there");
    }

    /// Delivers all responses.
    pub fn release(&self) {
        self.held_text.send_replace(None);
    }

    /// From now on, the connections that are open get no response; new ones do.
    pub fn silence_the_present_ones(&self) {
        self.silenced.send_modify(|count| *count += 1);
    }

    fn join(self, client: TcpStream, server: TcpStream) {
        let is_held = Arc::new(AtomicBool::new(false));
        let opened = *self.silenced.borrow();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let (proxy, held) = (self.clone(), is_held.clone());
        tokio::spawn(async move {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                // Before the server sees it, so that no response arrives first.
                if proxy.is_to_be_held(&bytes[..length]) && !held.swap(true, Ordering::SeqCst) {
                    proxy.held_count.send_modify(|count| *count += 1);
                }
                if to_server.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            let mut bytes = vec![0; 64 * 1024];
            let mut held_text = self.held_text.subscribe();
            while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
                if is_held.load(Ordering::SeqCst) {
                    let _ = held_text.wait_for(|text| text.is_none()).await;
                    is_held.store(false, Ordering::SeqCst);
                }
                if *self.silenced.borrow() > opened {
                    return std::future::pending().await;
                }
                if to_client.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
        });
    }

    fn is_to_be_held(&self, bytes: &[u8]) -> bool {
        let text = *self.held_text.borrow();
        text.is_some_and(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}
