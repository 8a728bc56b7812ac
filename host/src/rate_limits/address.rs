//! Where a request comes from: the peer of the connection, or what a trusted proxy says.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;

/// What is counted as one client: an address of IPv4, a /64 of IPv6, which one host has all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpAddr);

impl Network {
    pub fn of(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address => address,
        })
    }
}

/// `None` for requests that came over no socket.
pub fn client(parts: &Parts, trusts: impl Fn(IpAddr) -> bool) -> Option<Network> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut address = peer.ip().to_canonical();
    for said in forwarded(&parts.headers) {
        if !trusts(address) {
            break;
        }
        address = said;
    }
    Some(Network::of(address))
}

/// The addresses of `X-Forwarded-For`, the nearest first; each proxy adds the one that it saw at the end.
fn forwarded(headers: &HeaderMap) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for value in
        headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok())
    {
        addresses.extend(value.split(',').map(|part| part.trim().parse::<IpAddr>()));
    }
    // What is left of nonsense is not believed either.
    addresses
        .into_iter()
        .rev()
        .map_while(Result::ok)
        .map(|address| address.to_canonical())
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn client_of(forwarded: Option<&str>) -> Option<Network> {
        let mut request = Request::builder();
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let peer: SocketAddr = "10.0.0.1:1234".parse().expect("an address");
        let request = request.extension(ConnectInfo(peer)).body(()).expect("a request");
        let trusted: ipnet::IpNet = "10.0.0.0/8".parse().expect("a network");
        client(&request.into_parts().0, |address| trusted.contains(&address))
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let network = |text: &str| Some(Network::of(text.parse().expect("an address")));
        assert_eq!(client_of(None), network("10.0.0.1"));
        assert_eq!(client_of(Some("192.0.2.7")), network("192.0.2.7"));
        assert_eq!(client_of(Some("192.0.2.7, 10.0.0.9")), network("192.0.2.7"));
        assert_eq!(client_of(Some("192.0.2.7, 198.51.100.1")), network("198.51.100.1"));
        assert_eq!(client_of(Some("192.0.2.7, nonsense, 10.0.0.9")), network("10.0.0.9"));
    }
}
