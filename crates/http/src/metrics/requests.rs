//! Requests and connections, as the network's threads have counted them.

use barnabas_network::metrics::{ApiSum, Durations, RequestSums};
use barnabas_protocol::api::ApiKey;

use super::page::Page;
use super::table::{self, Metric};

/// The quantiles that Apache Kafka's histograms have.
const QUANTILES: &[(f64, &str)] = &[
    (0.5, "0.50"),
    (0.75, "0.75"),
    (0.95, "0.95"),
    (0.98, "0.98"),
    (0.99, "0.99"),
    (0.999, "0.999"),
];

/// `before` is what quantiles leave out.
pub fn look(page: &mut Page, sums: &RequestSums, before: Option<&RequestSums>) {
    let nothing = ApiSum::default();
    for (key, api) in &sums.apis {
        let Some(key) = ApiKey::from_key(*key) else {
            continue;
        };
        let request = ("request", key.name());
        for (version, count) in &api.versions {
            let labels = [request, ("version", &version.to_string())];
            page.count(&table::REQUESTS, &labels, *count);
        }
        let then = before
            .and_then(|sums| sums.apis.get(&key.key()))
            .unwrap_or(&nothing);
        summary(page, &table::REQUEST_TOTAL, request, &api.total, &then.total);
        summary(page, &table::REQUEST_LOCAL, request, &api.local, &then.local);
        page.count(&table::REQUEST_BYTES, &[request], api.request_bytes);
        page.count(&table::RESPONSE_BYTES, &[request], api.response_bytes);
    }
    for (metric, key) in [
        (&table::TOPIC_PRODUCES, ApiKey::Produce),
        (&table::TOPIC_FETCHES, ApiKey::Fetch),
    ] {
        let api = sums.apis.get(&key.key());
        page.count(metric, &[], api.map_or(0, |api| api.total.count));
    }
    for (thread, connections) in sums.connections.iter().enumerate() {
        let thread = thread.to_string();
        for (listener, counts) in connections {
            let labels = [
                ("listener", listener.as_str()),
                ("networkprocessor", thread.as_str()),
            ];
            let open = counts.opened.saturating_sub(counts.closed);
            page.count(&table::CONNECTIONS, &labels, open);
            page.count(&table::CONNECTIONS_OPENED, &labels, counts.opened);
            page.count(&table::CONNECTIONS_CLOSED, &labels, counts.closed);
        }
    }
}

fn summary(
    page: &mut Page,
    metric: &'static Metric,
    request: (&str, &str),
    now: &Durations,
    before: &Durations,
) {
    let lately = now.since(before);
    for (share, quantile) in QUANTILES {
        let labels = [request, ("quantile", *quantile)];
        page.put(metric, &labels, lately.percentile_ms(*share));
    }
    page.line(metric, "_sum", &[request], now.micros as f64 / 1000.0);
    page.line(metric, "_count", &[request], now.count as f64);
}
