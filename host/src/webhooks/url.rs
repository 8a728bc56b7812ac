//! Validates the URL of an endpoint. The address behind the name is checked at each connection, because it can
//! change.

use reqwest::Url;

use crate::model::invalid::Invalid;

pub const URL_MAX: usize = 2048;

/// Returns the URL as it was given, if it can be delivered to.
pub fn check_url(text: &str) -> Result<String, Invalid> {
    match problem(text) {
        None => Ok(text.to_owned()),
        Some(message) => Err(Invalid::new("url", text, message)),
    }
}

fn problem(text: &str) -> Option<String> {
    if text.chars().count() > URL_MAX {
        return Some(format!("url is longer than {URL_MAX} characters"));
    }
    // The URL parser would remove or replace these characters.
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return Some("url must not contain spaces, control characters or backslashes".to_owned());
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Some("url must begin with https:// or http://".to_owned());
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return Some(format!("url is not a valid URL: {error}")),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Some(
            "url must have a host; expected something like https://shop.example/hooks".to_owned(),
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(
            "url must not contain a user name or password; requests are signed instead".to_owned(),
        );
    }
    if url.fragment().is_some() {
        return Some("url must not have a fragment (#…): it would never be sent".to_owned());
    }
    if url.port() == Some(0) {
        return Some("url must not have the port 0".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_urls_are_taken_as_they_are() {
        for url in [
            "https://shop.example/hooks?shop=1",
            "http://127.0.0.1:8080",
            "HTTPS://Shop.Example/A",
            "http://[::1]:9/x",
            "https://müller.example/",
        ] {
            assert_eq!(check_url(url).as_deref(), Ok(url));
        }
    }

    #[test]
    fn others_are_refused_and_it_is_said_why() {
        for (url, word) in [
            ("", "begin with"),
            ("shop.example/hooks", "begin with"),
            ("ftp://shop.example/", "begin with"),
            ("http:shop.example", "begin with"),
            ("https://", "not a valid URL"),
            ("https://user:secret@shop.example/", "password"),
            ("https://user@shop.example/", "user name"),
            ("https://shop.example/#top", "fragment"),
            ("https://shop.example:0/", "port 0"),
            ("https://shop.example:99999/", "not a valid URL"),
            ("https://shop.example/a b", "spaces"),
            ("https://shop.example/\u{0}", "control"),
            ("https://shop.example\\@other.example/", "backslashes"),
            (&format!("https://shop.example/{}", "x".repeat(2048)), "longer"),
        ] {
            let message = check_url(url).expect_err(url).message;
            assert!(message.contains(word), "{url}: {message}");
        }
    }
}
