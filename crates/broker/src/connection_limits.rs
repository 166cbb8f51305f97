//! How many connections this broker takes from an address, and how fast they may come (KIP-612), by
//! settings and quotas as they are now.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use barnabas_config::{BrokerConfig, DynamicBrokerConfig, ListenerSettings, connection_overrides};
use barnabas_environment::Clock;
use barnabas_metadata::MetadataImage;
use barnabas_metadata::image::IP;
use barnabas_security::quotas::{AddressLimits, CREATION_RATE, ConnectionRates, Windows};

/// `max.connection.creation.rate` where it limits nothing.
const UNLIMITED: i32 = i32::MAX;

/// See the module.
pub struct ConnectionLimits {
    settings: Arc<DynamicBrokerConfig>,
    rates: ConnectionRates,
    clock: Clock,
    overrides: ArcSwap<Overrides>,
}

/// `max.connections.per.ip.overrides`, with the addresses of the hosts that it names.
#[derive(Default)]
struct Overrides {
    setting: String,
    by_address: HashMap<IpAddr, i32>,
}

impl ConnectionLimits {
    /// By these settings.
    pub fn new(settings: Arc<DynamicBrokerConfig>, clock: Clock) -> Self {
        let config = settings.config();
        let windows = Windows {
            count: usize::try_from(config.quota_window_num).unwrap_or(1),
            size_ms: i64::from(config.quota_window_size_seconds) * 1000,
        };
        drop(config);
        ConnectionLimits {
            settings,
            rates: ConnectionRates::new(windows),
            clock,
            overrides: ArcSwap::default(),
        }
    }

    /// Lets the quotas of an image take effect.
    pub fn apply(&self, image: &MetadataImage) {
        let mut limits = AddressLimits::default();
        for (entity, quotas) in image.quotas.iter() {
            let Some(limit) = quotas.get(CREATION_RATE) else {
                continue;
            };
            match entity.get(IP) {
                Some(None) => limits.default = Some(*limit),
                Some(Some(address)) => {
                    if let Ok(address) = address.parse::<IpAddr>() {
                        limits.own.insert(address.to_canonical(), *limit);
                    }
                }
                None => {}
            }
        }
        self.rates.set(limits);
    }

    /// How many connections an address may have.
    pub fn connections_from(&self, config: &BrokerConfig, address: IpAddr) -> i32 {
        let setting = &config.max_connections_per_ip_overrides;
        if setting.is_empty() {
            return config.max_connections_per_ip;
        }
        if self.overrides.load().setting != *setting {
            self.overrides.store(Arc::new(Overrides::of(setting)));
        }
        let own = self.overrides.load().by_address.get(&address).copied();
        own.unwrap_or(config.max_connections_per_ip)
    }

    /// Counts a connection to a listener; so long it and those that follow wait. The node's own limit doesn't
    /// hold for the listener of the brokers, where there are others.
    pub fn pause_accepting(&self, listener: &str) -> Duration {
        let layers = self.settings.layers();
        let own = ListenerSettings::new(&layers, listener);
        let own = own.given_own("max.connection.creation.rate");
        let own = own.and_then(|rate| rate.trim().parse().ok());
        let config = self.settings.config();
        let is_brokers = config
            .inter_broker_listener_name
            .as_ref()
            .is_some_and(|name| name.eq_ignore_ascii_case(listener) && config.listeners.len() > 1);
        let of_node = (!is_brokers).then_some(config.max_connection_creation_rate);
        let limit = |rate: i32| (rate < UNLIMITED).then(|| f64::from(rate));
        let (of_node, own) = (of_node.and_then(limit), own.and_then(limit));
        millis(
            self.rates
                .arrived(of_node, (listener, own), self.clock.monotonic_ms()),
        )
    }

    /// Counts a connection from an address; in so long it is turned away, if it is one too many.
    pub fn turned_away(&self, address: IpAddr) -> Option<Duration> {
        match self.rates.came_from(address, self.clock.monotonic_ms()) {
            0 => None,
            pause_ms => Some(millis(pause_ms)),
        }
    }
}

impl Overrides {
    /// Names of hosts are looked up, which the check of the setting has done before with success.
    fn of(setting: &str) -> Self {
        let mut by_address = HashMap::new();
        for (host, count) in connection_overrides(setting) {
            let found = (host.as_str(), 0).to_socket_addrs();
            let address = found.ok().and_then(|mut found| found.next());
            match address {
                Some(address) => drop(by_address.insert(address.ip().to_canonical(), count)),
                None => tracing::warn!(host, "max.connections.per.ip.overrides: the host has no address"),
            }
        }
        Overrides {
            setting: setting.to_owned(),
            by_address,
        }
    }
}

fn millis(pause_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0))
}
