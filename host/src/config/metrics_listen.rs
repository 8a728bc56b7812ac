//! Where `/metrics` is served.

use std::convert::Infallible;
use std::str::FromStr;

/// The default address of `/metrics`, which only this machine reaches.
pub const METRICS_LISTEN: &str = "127.0.0.1:9464";

/// Where `/metrics` is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// Beside the API.
    Public,
    Address(String),
    Off,
}

impl FromStr for MetricsListen {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "public" => MetricsListen::Public,
            "off" => MetricsListen::Off,
            address => MetricsListen::Address(address.to_owned()),
        })
    }
}
