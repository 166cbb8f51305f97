//! Who is connected to this node, what happens there, and what clients tell of themselves (KIP-714).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Asking;
use super::failure::Failure;

/// Clients whose metrics are shown.
const CLIENTS_MAX: usize = 200;

/// What the node's plots show.
pub fn plots(asking: &Asking) -> Result<Value, Failure> {
    // Who may see nothing of the cluster may not see how busy it is.
    asking.cluster.describe_cluster(false)?;
    Ok(asking.node.plots.shown())
}

/// Connections by listener, requests by API, and metrics that clients have pushed.
pub fn list(asking: &Asking) -> Result<Value, Failure> {
    asking.cluster.describe_cluster(false)?;
    let sums = asking.node.requests.sum();
    let mut listeners: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (listener, counts) in sums.connections.iter().flatten() {
        let sum = listeners.entry(listener.clone()).or_default();
        sum.0 += counts.opened.saturating_sub(counts.closed);
        sum.1 += counts.opened;
    }
    let apis = sums
        .apis
        .iter()
        .filter(|(_, api)| api.total.count > 0)
        .map(|(key, api)| {
            let name = barnabas_protocol::api::ApiKey::from_key(*key).map(|key| key.name());
            json!({
                "api": name,
                "count": api.total.count,
                "versions": api.versions.keys().collect::<Vec<_>>(),
                "p50": api.total.percentile_ms(0.5),
                "p99": api.total.percentile_ms(0.99),
                "requestBytes": api.request_bytes,
                "responseBytes": api.response_bytes,
            })
        });
    let mut clients = Vec::new();
    asking.node.pushed.each(|pushed| {
        if clients.len() < CLIENTS_MAX {
            let values = pushed
                .values
                .iter()
                .map(|(key, value)| json!([key.name, key.labels, value]));
            clients.push(json!({
                "id": pushed.client.client_id,
                "software": format!("{} {}", pushed.client.software_name, pushed.client.software_version),
                "values": values.collect::<Vec<_>>(),
            }));
        }
    });
    let (known, taken, unreadable) = asking.node.pushed.counts();
    Ok(json!({
        "listeners": listeners.iter().map(|(name, (open, all))| json!([name, open, all])).collect::<Vec<_>>(),
        "apis": apis.collect::<Vec<_>>(),
        "telemetry": { "known": known, "taken": taken, "unreadable": unreadable, "clients": clients },
    }))
}
