//! Opens the listening socket.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Connections that the operating system completes before they are accepted; beyond that, a client retries after a
/// second. The system lowers it to its own limit, usually 4,096.
const BACKLOG: u32 = 8_192;

/// Response bytes that the operating system buffers for a client (Linux doubles it). The default is up to 4 MiB for
/// each client that does not read.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;

/// Listens on the first address that this host has.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in lookup_host(address).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server need not wait for the last connections of the previous one.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
