//! Decides which addresses may be connected to: public ones, and those that the operator allowed.
//!
//! Invariant: checks the address that is connected to, after the lookup, so that DNS rebinding cannot bypass it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address that must not be connected to, and its kind.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{address} is {kind}; webhooks are not delivered to such addresses")]
pub struct Refused {
    pub address: IpAddr,
    pub kind: &'static str,
}

/// Returns `Ok` if the address is public or allowed.
pub fn check(address: IpAddr, allowed: &[IpNet]) -> Result<(), Refused> {
    // An IPv4-mapped IPv6 address connects to the IPv4 address.
    let plain = address.to_canonical();
    if allowed.iter().any(|net| net.contains(&plain)) {
        return Ok(());
    }
    let kind = match plain {
        IpAddr::V4(plain) => kind_v4(plain),
        IpAddr::V6(plain) => kind_v6(plain),
    };
    kind.map_or(Ok(()), |kind| Err(Refused { address, kind }))
}

const V4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "an unspecified address"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "a carrier-grade NAT address"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    // Of Azure, on every virtual machine: the platform's own services, although its range is public.
    (v4(168, 63, 129, 16, 32), "a cloud platform's internal address"),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "a reserved address"),
    (v4(192, 0, 2, 0, 24), "a documentation address"),
    (v4(192, 88, 99, 0, 24), "a 6to4 relay's address"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(198, 18, 0, 0, 15), "a benchmarking address"),
    (v4(198, 51, 100, 0, 24), "a documentation address"),
    (v4(203, 0, 113, 0, 24), "a documentation address"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

const V6: [(Ipv6Net, &str); 13] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "an unspecified address"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "an IPv4-compatible address"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "a NAT64 address"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "a NAT64 address"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a unique local address"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "a site-local address"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
    // Teredo, ORCHID, benchmarking: addresses in 2001::/23 are assigned to protocols, not to hosts.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "a protocol's address"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "a documentation address"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "a 6to4 address"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "a documentation address"),
];

/// The whole public IPv6 internet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind)
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    let special = V6.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind);
    special.or_else(|| (!GLOBAL_V6.contains(&address)).then_some("a reserved address"))
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(parts: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = parts;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, allowed: &str) -> Option<&'static str> {
        let allowed: Vec<IpNet> = allowed
            .split(',')
            .filter(|net| !net.is_empty())
            .map(|net| net.parse().unwrap())
            .collect();
        check(address.parse().unwrap(), &allowed).err().map(|refused| refused.kind)
    }

    #[test]
    fn what_is_not_public_is_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(refused(address, "").is_some(), "{address} is connected to");
        }
    }

    #[test]
    fn what_is_public_is_not() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "168.63.129.15",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(refused(address, ""), None, "{address}");
        }
    }

    #[test]
    fn what_the_operator_names_is_allowed_and_no_more() {
        assert_eq!(refused("127.0.0.1", "127.0.0.0/8,::1/128"), None);
        assert_eq!(refused("::1", "127.0.0.0/8,::1/128"), None);
        assert_eq!(refused("::ffff:127.0.0.1", "127.0.0.0/8"), None);
        assert!(refused("10.0.0.1", "127.0.0.0/8,10.0.1.0/24").is_some());
        assert!(refused("fd00::1", "10.0.0.0/8").is_some());
    }
}
