//! How fast connections come (KIP-612): to a node, to one of its listeners, and from an address.
//!
//! Who comes too fast to the node or a listener waits to be accepted; who comes too fast from an address is
//! turned away. Without a limit nothing is counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::RATES_BEFORE_SWEEP;
use super::rate::{Rate, Windows};

/// The key of the quota of an address.
pub const CREATION_RATE: &str = "connection_creation_rate";

/// The limits of addresses, connections per second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddressLimits {
    /// Of those that have none of their own.
    pub default: Option<f64>,
    /// By address.
    pub own: HashMap<IpAddr, f64>,
}

/// See the module.
pub struct ConnectionRates {
    windows: Windows,
    limits_addresses: AtomicBool,
    limits: ArcSwap<AddressLimits>,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    node: Rate,
    listeners: HashMap<String, Rate>,
    addresses: HashMap<IpAddr, Rate>,
}

impl ConnectionRates {
    /// No limit of addresses yet. The windows are those of `quota.window.*`.
    pub fn new(windows: Windows) -> Self {
        ConnectionRates {
            windows,
            limits_addresses: AtomicBool::new(false),
            limits: ArcSwap::default(),
            counted: Mutex::default(),
        }
    }

    /// Lets limits of addresses take effect in the place of those before.
    pub fn set(&self, limits: AddressLimits) {
        let is_any = limits.default.is_some() || !limits.own.is_empty();
        self.limits.store(limits.into());
        self.limits_addresses.store(is_any, Ordering::Relaxed);
    }

    /// Counts a connection to a listener, by the limits of the node and of the listener, where there are;
    /// for so many milliseconds it and those that follow wait.
    pub fn arrived(&self, of_node: Option<f64>, (listener, own): (&str, Option<f64>), now_ms: i64) -> i64 {
        if of_node.is_none() && own.is_none() {
            return 0;
        }
        let mut counted = self.counted.lock();
        let mut pause_ms = 0;
        if let Some(limit) = own {
            let rate = counted.listeners.entry(listener.to_owned()).or_default();
            pause_ms = self.count(rate, limit, now_ms);
        }
        if let Some(limit) = of_node {
            pause_ms = pause_ms.max(self.count(&mut counted.node, limit, now_ms));
        }
        pause_ms
    }

    /// Counts a connection from an address. If it is one too many it is not counted, and is to be turned
    /// away in so many milliseconds, when its client may come again.
    pub fn came_from(&self, address: IpAddr, now_ms: i64) -> i64 {
        if !self.limits_addresses.load(Ordering::Relaxed) {
            return 0;
        }
        let limits = self.limits.load();
        let Some(limit) = limits.own.get(&address).copied().or(limits.default) else {
            return 0;
        };
        let mut counted = self.counted.lock();
        let rates = &mut counted.addresses;
        if rates.len() >= RATES_BEFORE_SWEEP && !rates.contains_key(&address) {
            rates.retain(|_, rate| !rate.has_run_out(self.windows, now_ms));
        }
        let rate = rates.entry(address).or_default();
        let pause_ms = self.count(rate, limit, now_ms);
        if pause_ms > 0 {
            rate.record(self.windows, -1.0, now_ms);
        }
        pause_ms
    }

    fn count(&self, rate: &mut Rate, limit: f64, now_ms: i64) -> i64 {
        rate.record(self.windows, 1.0, now_ms);
        rate.pause_ms(self.windows, limit, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const WINDOWS: Windows = Windows {
        count: 11,
        size_ms: 1000,
    };
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn who_waits_comes_as_fast_as_the_limit_says() {
        let rates = ConnectionRates::new(WINDOWS);
        assert_eq!(rates.arrived(None, ("A", None), 0), 0);
        let (mut now_ms, mut count) = (0, 0);
        while now_ms < 100_000 {
            now_ms += 1 + rates.arrived(None, ("A", Some(5.0)), now_ms);
            count += 1;
        }
        assert!((500..=570).contains(&count), "{count}");
        // Another listener has its own, the node's is shared.
        assert_eq!(rates.arrived(None, ("B", Some(5.0)), now_ms), 0);
        let all = (0..30).map(|at| rates.arrived(Some(1.0), (["A", "B"][at % 2], None), now_ms));
        assert!(all.max().unwrap() > 10_000);
    }

    #[test]
    fn an_address_that_is_turned_away_loses_nothing_by_it() {
        let rates = ConnectionRates::new(WINDOWS);
        assert_eq!(rates.came_from(HERE, 0), 0);
        rates.set(AddressLimits {
            default: Some(1.0),
            own: [(THERE, 3.0)].into(),
        });
        let taken = |address| (0..100).filter(|_| rates.came_from(address, 0) == 0).count();
        assert_eq!((taken(HERE), taken(THERE)), (10, 30));
        assert_eq!(rates.came_from(HERE, 20_000), 0);
        rates.set(AddressLimits::default());
        assert_eq!(taken(HERE), 100);
    }
}
