//! A client that uses its connection as no HTTP library does: sends half a request, reads nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long to wait for data: far longer than any timeout of a test.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Socket {
    pub stream: TcpStream,
    received: Vec<u8>,
}

/// A response as it was read from the socket.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Socket {
    /// `base` is like `http://127.0.0.1:1234`.
    pub async fn connect(base: &str) -> Socket {
        Socket::connect_from(base, "127.0.0.1").await
    }

    /// All of 127.0.0.0/8 is this machine.
    pub async fn connect_from(base: &str, address: &str) -> Socket {
        let socket = TcpSocket::new_v4().expect("a socket");
        Socket::connect_with(socket, base, address).await
    }

    /// With a small receive buffer.
    pub async fn connect_with_little_room(base: &str) -> Socket {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        Socket::connect_with(socket, base, "127.0.0.1").await
    }

    async fn connect_with(socket: TcpSocket, base: &str, address: &str) -> Socket {
        let address: IpAddr = address.parse().expect("an address");
        socket.bind(SocketAddr::new(address, 0)).expect("a port");
        let server = base.trim_start_matches("http://").parse().expect("an address");
        let stream = socket.connect(server).await.expect("a connection");
        Socket { stream, received: Vec::new() }
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the server reads");
    }

    /// Sends data that the server may not read completely, because it closes the connection.
    pub async fn try_send(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// The next response.
    pub async fn response(&mut self) -> Raw {
        self.try_response().await.expect("a response, before the server hangs up")
    }

    /// `None` if the server closed the connection.
    pub async fn try_response(&mut self) -> Option<Raw> {
        loop {
            if let Some((raw, length)) = parse(&self.received) {
                self.received.drain(..length);
                return Some(raw);
            }
            if !self.receive().await {
                return None;
            }
        }
    }

    /// Waits until the server has closed the connection.
    pub async fn closed(&mut self) {
        while self.receive().await {}
        assert_eq!(String::from_utf8_lossy(&self.received), "", "something came before the end");
    }

    /// False if the server closed the connection.
    async fn receive(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.received);
        let read = tokio::time::timeout(PATIENCE, read).await.expect("the server does something");
        read.is_ok_and(|count| count > 0)
    }
}

/// The first response in the received bytes, and its length.
fn parse(received: &[u8]) -> Option<(Raw, usize)> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    let body = received.get(end..end + length)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let raw = Raw {
        status: status.expect("a status"),
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
        head,
    };
    Some((raw, end + length))
}
