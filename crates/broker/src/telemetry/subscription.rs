//! Which metrics which clients are asked for: the resources of type client-metrics (KIP-714), merged for
//! each client as Apache Kafka merges them.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::Client;

/// How often clients push where no subscription says it, milliseconds.
pub const INTERVAL_DEFAULT_MS: i32 = 300_000;
/// Stands for all metrics in a subscription.
const ALL: &str = "*";

/// One subscription.
#[derive(Debug)]
pub struct Subscription {
    /// Beginnings of metrics' names.
    metrics: Vec<String>,
    interval_ms: i32,
    /// What of a client must match, each a whole value.
    matches: Vec<(String, Regex)>,
}

impl Subscription {
    /// Reads a resource's settings, which were checked when they were set; what can't be read matches
    /// nobody.
    pub fn of(settings: &BTreeMap<String, String>) -> Option<Subscription> {
        let list = |name: &str| -> Vec<String> {
            let items = settings.get(name).map_or("", String::as_str).split(',');
            let items = items.map(str::trim).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        };
        let matches = list("match").into_iter().map(|pattern| {
            let (key, value) = pattern.split_once('=')?;
            let whole = Regex::new(&format!("^(?:{})$", value.trim())).ok()?;
            Some((key.trim().to_owned(), whole))
        });
        let interval = settings
            .get("interval.ms")
            .and_then(|text| text.trim().parse().ok());
        Some(Subscription {
            metrics: list("metrics"),
            interval_ms: interval.unwrap_or(INTERVAL_DEFAULT_MS),
            matches: matches.collect::<Option<_>>()?,
        })
    }

    fn is_for(&self, client: &Client) -> bool {
        self.matches.iter().all(|(key, pattern)| {
            let value = match key.as_str() {
                "client_instance_id" => &client.instance_id,
                "client_id" => &client.client_id,
                "client_software_name" => &client.software_name,
                "client_software_version" => &client.software_version,
                "client_source_address" => &client.source_address,
                "client_source_port" => &client.source_port,
                _ => return false,
            };
            pattern.is_match(value)
        })
    }
}

/// What one client is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Beginnings of metrics' names; one empty is all, none is none.
    pub metrics: Vec<String>,
    /// How often, milliseconds.
    pub interval_ms: i32,
}

impl Wanted {
    /// All that is wanted of a client.
    pub fn of(subscriptions: &[Subscription], client: &Client) -> Wanted {
        let mut metrics: BTreeSet<&str> = BTreeSet::new();
        let mut interval_ms = INTERVAL_DEFAULT_MS;
        for subscription in subscriptions.iter().filter(|one| one.is_for(client)) {
            metrics.extend(subscription.metrics.iter().map(String::as_str));
            interval_ms = interval_ms.min(subscription.interval_ms);
        }
        let metrics = match metrics.contains(ALL) {
            true => vec![String::new()],
            false => metrics.into_iter().map(str::to_owned).collect(),
        };
        Wanted { metrics, interval_ms }
    }

    /// Tells what is wanted from what was wanted before: clients say by it what they were asked for.
    pub fn id(&self) -> i32 {
        // FNV-1a: all that counts is that it changes.
        let text = format!("{:?}{}", self.metrics, self.interval_ms);
        let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash.cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(metrics: &str, interval: &str, matches: &str) -> Subscription {
        let settings = [
            ("metrics", metrics),
            ("interval.ms", interval),
            ("match", matches),
        ];
        let settings = settings.into_iter().filter(|(_, value)| !value.is_empty());
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Subscription::of(&settings.collect()).unwrap()
    }

    #[test]
    fn what_matches_is_merged() {
        let client = Client {
            client_id: "app-1".to_owned(),
            software_name: "librdkafka".to_owned(),
            ..Client::default()
        };
        let subscriptions = [
            subscription(
                "a.b,c",
                "60000",
                "client_id=app-.*, client_software_name=librdkafka",
            ),
            subscription("d", "1000", "client_id=app"),
            subscription("c,e", "", ""),
        ];
        let wanted = Wanted::of(&subscriptions, &client);
        assert_eq!(
            (wanted.metrics.join(" "), wanted.interval_ms),
            ("a.b c e".to_owned(), 60_000)
        );
        let other = Wanted::of(&subscriptions, &Client::default());
        assert_eq!(
            (other.metrics.join(" "), other.interval_ms),
            ("c e".to_owned(), 300_000)
        );
        assert_ne!(wanted.id(), other.id());
        let all = Wanted::of(&[subscription("*,a", "100", "")], &client);
        assert_eq!((all.metrics, all.interval_ms), (vec![String::new()], 100));
        assert!(Wanted::of(&[], &client).metrics.is_empty());
    }
}
