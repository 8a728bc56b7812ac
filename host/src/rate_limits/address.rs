//! Finds the client's address: the peer of the connection, or the address that a trusted proxy forwards.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;

/// What counts as one client: an IPv4 address, or an IPv6 /64, which one host owns entirely.
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

/// `None` for requests that did not come over a socket.
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

/// The addresses of `X-Forwarded-For`, or without it of `Forwarded` (RFC 7239), the nearest first; each proxy appends the
/// one that it saw. Stops at the first entry that does not parse: everything to its left was not written by a trusted
/// proxy. Parsed lazily from the end, because a client may send any number of them.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = IpAddr> {
    let is_list = headers.contains_key("x-forwarded-for");
    headers
        .get_all(if is_list { "x-forwarded-for" } else { "forwarded" })
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','))
        .map_while(move |part| if is_list { node(part) } else { node(forwarded_for(part)?) })
        .map(|address| address.to_canonical())
}

/// The value of `for=` among the pairs of one entry.
fn forwarded_for(entry: &str) -> Option<&str> {
    let mut pairs = entry.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value)
}

/// An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`,
/// any of them in quotes.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let bracketed = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
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
    fn only_a_trusted_proxy_names_the_client() {
        let network = |text: &str| Some(Network::of(text.parse().expect("an address")));
        assert_eq!(client_of(None), network("10.0.0.1"));
        assert_eq!(client_of(Some("192.0.2.7")), network("192.0.2.7"));
        assert_eq!(client_of(Some("192.0.2.7, 10.0.0.9")), network("192.0.2.7"));
        assert_eq!(client_of(Some("192.0.2.7, 198.51.100.1")), network("198.51.100.1"));
        assert_eq!(client_of(Some("192.0.2.7, nonsense, 10.0.0.9")), network("10.0.0.9"));
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (text, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            (" 192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("\"192.0.2.7:4711\"", "192.0.2.7"),
        ] {
            assert_eq!(node(text), Some(address(expected)), "{text}");
        }
        for text in ["", "unknown", "_hidden", "192.0.2.7:", "[2001:db8::7", "2001:db8::7]:1", "\""]
        {
            assert_eq!(node(text), None, "{text}");
        }
    }

    #[test]
    fn two_clients_behind_one_proxy_are_two() {
        let network = |text: &str| Some(Network::of(text.parse().expect("an address")));
        assert_eq!(client_of(Some("192.0.2.7:4711")), network("192.0.2.7"));
        assert_eq!(client_of(Some("[2001:db8::7]:4711, 10.0.0.9:80")), network("2001:db8::7"));
        let of = |headers: &[(&'static str, &str)]| {
            let peer: SocketAddr = "10.0.0.1:1234".parse().expect("an address");
            let mut request = Request::builder().extension(ConnectInfo(peer));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let parts = request.body(()).expect("a request").into_parts().0;
            client(&parts, |address| address.to_string().starts_with("10."))
        };
        let said = "For=\"[2001:db8::7]:4711\";proto=https, by=10.0.0.2;for=10.0.0.9";
        assert_eq!(of(&[("forwarded", said)]), network("2001:db8::7"));
        assert_eq!(
            of(&[("forwarded", "for=192.0.2.7"), ("forwarded", "for=\"10.0.0.9:80\"")]),
            network("192.0.2.7")
        );
        assert_eq!(of(&[("forwarded", "for=unknown")]), network("10.0.0.1"));
        assert_eq!(
            of(&[("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "192.0.2.7")]),
            network("192.0.2.7")
        );
    }

    #[test]
    fn parsing_stops_at_the_first_untrusted_entry() {
        let list = format!("{}192.0.2.7, 10.0.0.9", "10.0.0.3, ".repeat(40_000));
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "10.0.0.4".parse().expect("a value"));
        headers.append("x-forwarded-for", list.parse().expect("a value"));
        let asked = std::cell::Cell::new(0);
        let trusts = |address: IpAddr| {
            asked.set(asked.get() + 1);
            address.to_string().starts_with("10.")
        };
        let peer: SocketAddr = "10.0.0.1:1234".parse().expect("an address");
        let mut request =
            Request::builder().extension(ConnectInfo(peer)).body(()).expect("a request");
        *request.headers_mut() = headers;
        let found = client(&request.into_parts().0, trusts);
        assert_eq!(found, Some(Network::of("192.0.2.7".parse().expect("an address"))));
        assert_eq!(asked.get(), 3, "the peer, its proxy, the client");
    }
}
