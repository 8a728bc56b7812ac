//! Connections that drip: a byte of a head or of a body each second, until the server hangs up; then again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

const EVERY: Duration = Duration::from_secs(1);

/// Connections from one address; the server takes 256.
const PER_ADDRESS: usize = 100;

/// The connection with this number: the even ones drip heads, the odd ones bodies, with a valid key.
pub async fn drip(address: &str, number: usize, key: &str) -> anyhow::Result<()> {
    let mut stream = connect(address, number).await?;
    if !number.is_multiple_of(2) {
        let head = format!(
            "POST /v1/tickets HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: 100000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
    }
    let bytes = if number.is_multiple_of(2) { "POST /v1/tickets HTTP/1.1\r\nx-" } else { "{" };
    for byte in bytes.bytes().chain(std::iter::repeat(b'a')) {
        stream.write_all(&[byte]).await?;
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

/// All of 127.0.0.0/8 is this machine; the others are at 127.0.0.1.
async fn connect(address: &str, number: usize) -> anyhow::Result<TcpStream> {
    let host = (number / PER_ADDRESS % 200) as u8;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + host)), 0))?;
    Ok(socket.connect(address.parse()?).await?)
}
