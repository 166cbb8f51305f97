//! How many connections an address may have: `max.connections.per.ip` and its overrides.

use std::net::ToSocketAddrs;

/// The pairs of `max.connections.per.ip.overrides`: a host's name or address, and how many connections.
/// What is no pair is left out.
pub fn connection_overrides(setting: &str) -> impl Iterator<Item = (String, i32)> {
    setting.split(',').filter_map(|pair| {
        let (host, count) = pair.trim().rsplit_once(':')?;
        let host = host.trim();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Some((bare.unwrap_or(host).to_owned(), count.trim().parse().ok()?))
    })
}

/// Whether a host has an address: it is one, or its name is found. Kafka looks for it, too, when it reads the
/// setting.
pub(super) fn has_address(host: &str) -> bool {
    let bare = host
        .trim()
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let found = (bare.unwrap_or(host.trim()), 0).to_socket_addrs();
    found.is_ok_and(|mut found| found.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_taken_apart() {
        let pairs: Vec<_> = connection_overrides("127.0.0.2:5, [::1]:6,host.example: 0,x,:y").collect();
        let expected = [("127.0.0.2", 5), ("::1", 6), ("host.example", 0)];
        assert_eq!(pairs, expected.map(|(host, count)| (host.to_owned(), count)));
        for host in ["127.0.0.1", "[::1]", "localhost", " 10.0.0.1"] {
            assert!(has_address(host), "{host}");
        }
        assert!(!has_address("no.such.host.invalid"));
    }
}
