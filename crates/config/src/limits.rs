//! How many connections an address may have: `max.connections.per.ip` and its overrides.

use std::net::{IpAddr, Ipv4Addr};

use super::typed::BrokerConfig;

impl BrokerConfig {
    /// How many connections `address` may have.
    pub fn connections_from(&self, address: IpAddr) -> i32 {
        let own = self.max_connections_per_ip_overrides.split(',').find_map(|pair| {
            let (limited, count) = pair.trim().rsplit_once(':')?;
            if limited_address(limited)? == address {
                count.trim().parse().ok()
            } else {
                None
            }
        });
        own.unwrap_or(self.max_connections_per_ip)
    }
}

/// The address in a pair of `max.connections.per.ip.overrides`; `None` for the name of a host other than this
/// one.
pub(super) fn limited_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if text == "localhost" {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use crate::{BrokerConfig, Layers};

    #[test]
    fn addresses_may_have_limits_of_their_own() {
        let overrides = "127.0.0.2:5, [::1]:6,10.0.0.1: 0";
        let settings = [
            ("node.id", "1"),
            ("process.roles", "broker"),
            ("controller.listener.names", "CONTROLLER"),
            ("max.connections.per.ip", "9"),
            ("max.connections.per.ip.overrides", overrides),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let view = BrokerConfig::resolve(&Layers::of_static(settings.into())).unwrap();
        let allowed = ["127.0.0.2", "::1", "10.0.0.1", "127.0.0.1"]
            .map(|address| view.connections_from(address.parse().unwrap()));
        assert_eq!(allowed, [5, 6, 0, 9]);
    }
}
