//! Tries to connect to its machine, the local network, the cloud's metadata service and the internet.

use repairops_plugin::prelude::*;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

const ADDRESSES: [&str; 7] = [
    "127.0.0.1:5432",
    "127.0.0.1:8080",
    "[::1]:5432",
    "10.0.0.1:80",
    "169.254.169.254:80",
    "1.1.1.1:53",
    "0.0.0.0:0",
];
const NAMES: [&str; 3] = ["localhost:80", "metadata.google.internal:80", "example.com:443"];

struct SocketOpener;

impl PreTransition for SocketOpener {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let seen = |addresses: &[&'static str], open: fn(&str) -> bool| {
            let open: Vec<&str> =
                addresses.iter().copied().filter(|address| open(address)).collect();
            format!("{open:?}")
        };
        Ok(Verdict::Deny(vec![
            Violation::new("CONNECTED", seen(&ADDRESSES, |to| TcpStream::connect(to).is_ok())),
            Violation::new("LISTENED", seen(&ADDRESSES, |at| TcpListener::bind(at).is_ok())),
            Violation::new("SENT", seen(&ADDRESSES, send)),
            Violation::new("RESOLVED", seen(&NAMES, |name| name.to_socket_addrs().is_ok())),
        ]))
    }
}

fn send(to: &str) -> bool {
    ["0.0.0.0:0", "[::]:0"]
        .into_iter()
        .any(|from| UdpSocket::bind(from).and_then(|socket| socket.send_to(b"hello", to)).is_ok())
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(SocketOpener);
