//! The origins whose pages may call the API, as `--cors-origins` gives them. Invariant: an origin that no browser
//! would send does not start a server.

use std::str::FromStr;

use axum::http::{HeaderValue, Uri};

/// Schemes whose pages have no origin, or that have no pages.
const NO_ORIGIN: [&str; 6] = ["data", "file", "ftp", "mailto", "ws", "wss"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    #[default]
    None,
    /// `*`
    Any,
    List(Vec<HeaderValue>),
}

impl FromStr for CorsOrigins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Ok(CorsOrigins::None),
            "*" => Ok(CorsOrigins::Any),
            list => {
                list.split(',').map(parse_origin).collect::<Result<_, _>>().map(CorsOrigins::List)
            }
        }
    }
}

/// An origin as browsers send it: scheme, host, and the port unless it is the scheme's own; nothing after.
fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let wrong = |why: &str| {
        format!(
            "{text:?} is not an origin: {why}. Expected for example https://app.example.com, or * alone for all"
        )
    };
    let origin = text.to_ascii_lowercase();
    let uri: Uri = origin.parse().map_err(|_| wrong("it is not a URL"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("it needs a scheme and a host"));
    };
    if NO_ORIGIN.contains(&scheme) {
        return Err(wrong("no browser sends an origin of this scheme; pages have http or https"));
    }
    let (host, port) = (authority.host(), authority.port_u16());
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    if host.contains('*') {
        return Err(wrong("* cannot be a part of it"));
    }
    if origin != format!("{scheme}://{host}{port}") {
        return Err(wrong("it must end after the host or the port, without a slash"));
    }
    if [("http", ":80"), ("https", ":443")].contains(&(scheme, port.as_str())) {
        return Err(wrong("leave out the default port of the scheme, as browsers do"));
    }
    HeaderValue::try_from(origin)
        .map_err(|_| wrong("it has characters that are not allowed in a header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let list = |origins: &[&str]| {
            let values = origins.iter().map(|origin| HeaderValue::from_str(origin).unwrap());
            Ok(CorsOrigins::List(values.collect()))
        };
        assert_eq!("".parse(), Ok(CorsOrigins::None));
        assert_eq!(" * ".parse(), Ok(CorsOrigins::Any));
        assert_eq!("https://a.example".parse(), list(&["https://a.example"]));
        assert_eq!(
            "https://A.example, http://localhost:5173,capacitor://localhost".parse(),
            list(&["https://a.example", "http://localhost:5173", "capacitor://localhost"])
        );
        for text in [
            "null",
            "ftp://a.example",
            "wss://a.example",
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example/app",
            "https://a.example?x=1",
            "https://user@a.example",
            "https://a.example:443",
            "https://a.example:",
            "https://a.example:99999",
            "http://a.example:80",
            "https://*.example",
            "https://ä.example",
            "https://a.example,",
            "https://a.example,*",
            "*,https://a.example",
        ] {
            let error = text.parse::<CorsOrigins>().unwrap_err();
            assert!(error.contains("https://app.example.com"), "{text}: {error}");
        }
    }
}
