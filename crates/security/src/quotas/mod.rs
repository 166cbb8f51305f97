//! Client quotas (KIP-13, KIP-55, KIP-124): how much of the node a user or a client id may take, and how long
//! it must pause once it has taken more.
//!
//! ```text
//! user and client id ─→ the limit that applies, and who shares it ─→ rate of the last windows ─→ pause
//! ```
//! Where no quota is set, one flag says so. Pure: times are arguments.

mod connections;
mod limits;
mod rate;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

pub use self::connections::{AddressLimits, CREATION_RATE, ConnectionRates};
use self::limits::{Found, Sharers};
pub use self::limits::{Limits, QuotaPart};
pub use self::rate::Windows;
use self::rate::{Bucket, Rate};

/// So many rates are kept before those that have run out are looked for.
const RATES_BEFORE_SWEEP: usize = 1024;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaKind {
    /// Bytes per second of Produce requests (`producer_byte_rate`).
    Produce,
    /// Bytes per second of Fetch answers (`consumer_byte_rate`).
    Fetch,
    /// Time that a thread spends on requests, percent of one (`request_percentage`).
    Request,
}

impl QuotaKind {
    const ALL: [QuotaKind; 3] = [QuotaKind::Produce, QuotaKind::Fetch, QuotaKind::Request];

    /// Its key in the quotas of an entity.
    pub const fn key(self) -> &'static str {
        match self {
            QuotaKind::Produce => "producer_byte_rate",
            QuotaKind::Fetch => "consumer_byte_rate",
            QuotaKind::Request => "request_percentage",
        }
    }
}

/// The key of the quota of changes to metadata.
pub const MUTATION_RATE: &str = "controller_mutation_rate";

/// Who takes something: the name of its principal, and what it calls itself, empty if it doesn't.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The principal's name.
    pub user: &'a str,
    /// The client id.
    pub client_id: &'a str,
}

/// The quotas of a node and what has been taken of them.
pub struct ClientQuotas {
    /// Whether there is any quota.
    is_any: AtomicBool,
    windows: Windows,
    kinds: [Kind; QuotaKind::ALL.len()],
    mutations: Mutations,
}

#[derive(Default)]
struct Kind {
    limits: ArcSwap<Limits>,
    rates: Mutex<HashMap<Sharers, Rate>>,
}

struct Mutations {
    windows: Windows,
    limits: ArcSwap<Limits>,
    buckets: Mutex<HashMap<Sharers, Bucket>>,
}

impl ClientQuotas {
    /// No quotas yet. `windows` are those of `quota.window.*`, `of_mutations` those of
    /// `controller.quota.window.*`.
    pub fn new(windows: Windows, of_mutations: Windows) -> Self {
        ClientQuotas {
            is_any: AtomicBool::new(false),
            windows,
            kinds: Default::default(),
            mutations: Mutations {
                windows: of_mutations,
                limits: ArcSwap::default(),
                buckets: Mutex::default(),
            },
        }
    }

    /// Lets quotas take effect in the place of all before; `limits` gives those of a key.
    pub fn set(&self, limits: impl Fn(&str) -> Limits) {
        let mut is_any = false;
        let of_kinds = QuotaKind::ALL.iter().zip(&self.kinds);
        let of_kinds = of_kinds.map(|(kind, state)| (kind.key(), &state.limits));
        for (key, place) in of_kinds.chain([(MUTATION_RATE, &self.mutations.limits)]) {
            let limits = limits(key);
            is_any |= !limits.is_empty();
            place.store(limits.into());
        }
        self.is_any.store(is_any, Ordering::Relaxed);
    }

    /// Whether there is any quota: without one there is nothing to count.
    pub fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    /// Counts what a client has taken, and answers for how many milliseconds it is to pause.
    pub fn record(&self, kind: QuotaKind, client: Client<'_>, amount: f64, now_ms: i64) -> i64 {
        let state = &self.kinds[kind as usize];
        let Some(Found { limit, sharers }) = state.limits.load().find(client) else {
            return 0;
        };
        let mut rates = state.rates.lock();
        if rates.len() >= RATES_BEFORE_SWEEP && !rates.contains_key(&sharers) {
            rates.retain(|_, rate| !rate.has_run_out(self.windows, now_ms));
        }
        let rate = rates.entry(sharers).or_default();
        rate.record(self.windows, amount, now_ms);
        let pause_ms = rate.pause_ms(self.windows, limit, now_ms);
        match kind {
            // Time that is taken can't be given back: no pause is longer than a window.
            QuotaKind::Request => pause_ms.min(self.windows.size_ms),
            _ => pause_ms,
        }
    }

    /// Takes back what was counted and is not taken after all.
    pub fn take_back(&self, kind: QuotaKind, client: Client<'_>, amount: f64, now_ms: i64) {
        let state = &self.kinds[kind as usize];
        if let Some(Found { sharers, .. }) = state.limits.load().find(client)
            && let Some(rate) = state.rates.lock().get_mut(&sharers)
        {
            rate.record(self.windows, -amount, now_ms);
        }
    }

    /// The most that a client may take at once without ever having to pause more than the windows are long;
    /// `None` without a limit.
    pub fn most_at_once(&self, kind: QuotaKind, client: Client<'_>) -> Option<f64> {
        let found = self.kinds[kind as usize].limits.load().find(client)?;
        Some(found.limit * self.windows.full_seconds())
    }

    /// Counts changes of metadata (KIP-599). Where the quota is used up they are refused, unless the client
    /// doesn't know of that yet; the number is for how many milliseconds it is to pause.
    ///
    /// # Errors
    /// They are refused.
    pub fn mutate(&self, client: Client<'_>, changes: f64, is_strict: bool, now_ms: i64) -> Result<i64, i64> {
        let Some(Found { limit, sharers }) = self.mutations.limits.load().find(client) else {
            return Ok(0);
        };
        let windows = self.mutations.windows;
        let mut buckets = self.mutations.buckets.lock();
        if buckets.len() >= RATES_BEFORE_SWEEP && !buckets.contains_key(&sharers) {
            buckets.retain(|_, bucket| !bucket.is_full(windows, now_ms));
        }
        let bucket = buckets
            .entry(sharers)
            .or_insert_with(|| Bucket::full(windows, limit, now_ms));
        let pause_ms = bucket.pause_ms(windows, limit, now_ms);
        if is_strict && pause_ms > 0 {
            return Err(pause_ms);
        }
        bucket.take(changes);
        let pause_ms = bucket.pause_ms(windows, limit, now_ms);
        Ok(if is_strict { 0 } else { pause_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows {
        count: 11,
        size_ms: 1000,
    };

    fn quotas(key: &'static str, limit: f64) -> ClientQuotas {
        let quotas = ClientQuotas::new(WINDOWS, WINDOWS);
        quotas.set(|asked| {
            let mut limits = Limits::default();
            if asked == key {
                limits.add(QuotaPart::Named("bob".into()), QuotaPart::Absent, limit);
            }
            limits
        });
        quotas
    }

    fn bob(client_id: &str) -> Client<'_> {
        Client {
            user: "bob",
            client_id,
        }
    }

    /// Whoever pauses as it is told takes what the quota says, and a burst of ten seconds' worth at first.
    #[test]
    fn a_client_that_pauses_keeps_to_its_quota() {
        let quotas = quotas("producer_byte_rate", 1000.0);
        let (mut now_ms, mut taken, mut at_ten_seconds) = (5_000_000, 0.0, 0.0);
        let start_ms = now_ms;
        while now_ms < start_ms + 110_000 {
            taken += 400.0;
            now_ms += 1 + quotas.record(QuotaKind::Produce, bob("x"), 400.0, now_ms);
            if now_ms <= start_ms + 10_000 {
                at_ten_seconds = taken;
            }
        }
        assert!((9_500.0..=14_000.0).contains(&at_ten_seconds), "{at_ten_seconds}");
        let rate = (taken - at_ten_seconds) / 100.0;
        assert!((950.0..=1050.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_users_quota_is_shared_by_its_clients_and_nobody_elses() {
        let quotas = quotas("consumer_byte_rate", 1000.0);
        assert_eq!(quotas.record(QuotaKind::Fetch, bob("a"), 10_000.0, 0), 0);
        assert_eq!(quotas.record(QuotaKind::Fetch, bob("b"), 5_000.0, 0), 5_000);
        let eve = Client {
            user: "eve",
            client_id: "a",
        };
        assert_eq!(quotas.record(QuotaKind::Fetch, eve, 1e9, 0), 0);
        assert_eq!(quotas.record(QuotaKind::Produce, bob("a"), 1e9, 0), 0);
        // What is not sent after all is not counted.
        quotas.take_back(QuotaKind::Fetch, bob("b"), 5_000.0, 0);
        assert_eq!(quotas.record(QuotaKind::Fetch, bob("b"), 0.0, 1), 0);
        assert_eq!(quotas.most_at_once(QuotaKind::Fetch, bob("c")), Some(10_000.0));
        assert_eq!(quotas.most_at_once(QuotaKind::Fetch, eve), None);
    }

    #[test]
    fn a_pause_for_time_is_a_window_at_most() {
        let quotas = quotas("request_percentage", 1.0);
        assert_eq!(quotas.record(QuotaKind::Request, bob("a"), 500.0, 0), 1000);
    }

    #[test]
    fn changes_of_metadata_are_refused_once_the_quota_is_used_up() {
        let quotas = quotas(MUTATION_RATE, 1.0);
        // Eleven may be at once, and one more than there is.
        assert_eq!(quotas.mutate(bob("a"), 10.0, true, 0), Ok(0));
        assert_eq!(quotas.mutate(bob("a"), 5.0, true, 0), Ok(0));
        assert_eq!(quotas.mutate(bob("a"), 1.0, true, 0), Err(4000));
        assert_eq!(quotas.mutate(bob("a"), 1.0, false, 0), Ok(5000));
        assert_eq!(quotas.mutate(bob("a"), 1.0, true, 5000), Ok(0));
        assert_eq!(quotas.mutate(bob("a"), 1.0, true, 5000), Err(1000));
    }

    #[test]
    fn quotas_that_are_gone_limit_nothing() {
        let quotas = quotas("producer_byte_rate", 1.0);
        assert!(quotas.is_any());
        quotas.set(|_| Limits::default());
        assert!(!quotas.is_any());
        assert_eq!(quotas.record(QuotaKind::Produce, bob("a"), 1e9, 0), 0);
    }

    #[test]
    fn rates_that_have_run_out_are_not_kept() {
        let quotas = ClientQuotas::new(WINDOWS, WINDOWS);
        quotas.set(|_| {
            let mut limits = Limits::default();
            limits.add(QuotaPart::Absent, QuotaPart::Default, 1.0);
            limits
        });
        for i in 0..5 * RATES_BEFORE_SWEEP as i64 {
            quotas.record(QuotaKind::Produce, bob(&i.to_string()), 1.0, i * 20);
        }
        assert!(quotas.kinds[0].rates.lock().len() <= RATES_BEFORE_SWEEP + 1);
    }
}
