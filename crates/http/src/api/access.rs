//! Whose requests are answered: those of pages of this node, and no state changes for anybody else's.

use std::net::IpAddr;

use barnabas_security::sasl::base64;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use hyper::{Method, StatusCode};

use super::door::Credentials;
use super::failure::Failure;

/// Who changes something sends this: a page of another site can't, without being asked for leave first.
pub const HEADER: &str = "x-barnabas-console";

/// Whether the request may be answered; `own` are the names by which clients know this node.
///
/// # Errors
/// It comes from another site, or under a name that is not ours.
pub fn check(method: &Method, headers: &HeaderMap, own: &[String]) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::new(StatusCode::FORBIDDEN, why));
    let Some(host) = text(headers, HOST.as_str()).filter(|host| is_ours(host, own)) else {
        return refused(
            "by this name the console is not served: take the node's address, or a host that its listeners advertise",
        );
    };
    // Whoever follows a link of another site opens a page here, which that site does not get to see.
    let is_visit = method == Method::GET && text(headers, "sec-fetch-mode") == Some("navigate");
    if !is_visit && matches!(text(headers, "sec-fetch-site"), Some("cross-site" | "same-site")) {
        return refused("the console answers its own pages, and no other site's");
    }
    if let Some(origin) = text(headers, ORIGIN.as_str()) {
        let site = origin.split_once("://").map_or("", |(_, site)| site);
        if !site.eq_ignore_ascii_case(host) {
            return refused("the console answers its own pages, and no other site's");
        }
    }
    if method == Method::POST && text(headers, HEADER).is_none() {
        return refused("a request that changes something has the header X-Barnabas-Console");
    }
    Ok(())
}

/// Who logs in, by Basic authentication (RFC 7617).
pub fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let (scheme, token) = text(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(base64::decode(token.trim())?).ok()?;
    let (user, password) = plain.split_once(':')?;
    Some(Credentials {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a Host names this node: by an address, as localhost, or by a name that is ours. A page whose own
/// name was made to point here (DNS rebinding) gives itself away by that name.
fn is_ours(host: &str, own: &[String]) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let name = match bracketed {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || own.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn other_sites_are_not_answered() {
        let own = ["node-1.example".to_owned()];
        let host = ("host", "127.0.0.1:9644");
        let header = (HEADER, "1");
        let elsewhere = ("sec-fetch-site", "cross-site");
        for (method, given, answered) in [
            (Method::GET, &[host][..], true),
            (Method::GET, &[("host", "[::1]:9644")], true),
            (Method::GET, &[("host", "localhost")], true),
            (Method::GET, &[("host", "Node-1.example:80")], true),
            (Method::GET, &[("host", "evil.example:9644")], false),
            (Method::GET, &[("host", "127.0.0.1.evil.example")], false),
            (Method::GET, &[("host", "")], false),
            (Method::GET, &[], false),
            (Method::GET, &[host, elsewhere], false),
            (Method::GET, &[host, ("sec-fetch-site", "same-origin")], true),
            (
                Method::GET,
                &[host, elsewhere, ("sec-fetch-mode", "navigate")],
                true,
            ),
            (
                Method::GET,
                &[host, elsewhere, ("sec-fetch-mode", "no-cors")],
                false,
            ),
            (
                Method::POST,
                &[host, header, elsewhere, ("sec-fetch-mode", "navigate")],
                false,
            ),
            (Method::GET, &[host, ("origin", "http://evil.example")], false),
            (Method::POST, &[host], false),
            (Method::POST, &[host, header], true),
            (
                Method::POST,
                &[host, header, ("origin", "http://127.0.0.1:9644")],
                true,
            ),
            (
                Method::POST,
                &[host, header, ("origin", "http://127.0.0.1:9645")],
                false,
            ),
            (Method::POST, &[host, header, ("origin", "null")], false),
        ] {
            assert_eq!(
                check(&method, &headers(given), &own).is_ok(),
                answered,
                "{method} {given:?}"
            );
        }
    }

    #[test]
    fn who_logs_in_is_read() {
        for (given, expected) in [
            ("Basic YWxpY2U6YTpi", Some(("alice", "a:b"))),
            ("basic YWxpY2U6", Some(("alice", ""))),
            ("Bearer YWxpY2U6", None),
            ("Basic !", None),
            ("Basic", None),
        ] {
            let found = credentials(&headers(&[("authorization", given)]));
            let found = found
                .as_ref()
                .map(|who| (who.user.as_str(), who.password.as_str()));
            assert_eq!(found, expected, "{given}");
        }
    }
}
