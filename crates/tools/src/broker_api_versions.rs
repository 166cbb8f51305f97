//! `kafka-broker-api-versions`: Kafka's `BrokerApiVersionsCommand`.

use std::collections::BTreeMap;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::java_order::{hash_map_order, java_hash};
use barnabas_protocol::messages::ApiVersionsResponse;

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Word, key_values, properties_file};
use crate::client::{Broker, Cluster};
use crate::console::Console;
use crate::failure::Outcome;

/// The tool's options.
pub const WORDS: &[Word] = &[BOOTSTRAP_SERVER, COMMAND_CONFIG];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Shows in which versions brokers serve the APIs.")?;
    options.require(&["bootstrap-server"])?;
    let mut properties = match options.value("command-config")? {
        Some(path) => properties_file(path)?,
        None => key_values(&[]),
    };
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    properties.insert("client.id".to_owned(), "admin-1".to_owned());
    // This tool of Kafka's waits less than the others.
    for timeout in ["request.timeout.ms", "default.api.timeout.ms"] {
        properties
            .entry(timeout.to_owned())
            .or_insert_with(|| "5000".to_owned());
    }
    let cluster = Cluster::new(&properties)?;
    let mut brokers = cluster.brokers("METADATA")?.list.clone();
    hash_map_order(&mut brokers, hash);
    for broker in &brokers {
        match cluster.served(&broker.address()) {
            Ok(served) => console.line(format!("{broker} -> {}", shown(&served))),
            Err(error) => console.line(format!("{broker} -> ERROR: {error}")),
        }
    }
    Ok(())
}

/// The hash of Kafka's `Node`, by which the brokers are listed.
fn hash(broker: &Broker) -> i32 {
    // A broker that is listed is not fenced: the hash of Java's `false`.
    let rack = broker.rack.as_deref().map_or(0, java_hash);
    [java_hash(&broker.host), broker.id, broker.port, rack, 1237]
        .iter()
        .fold(1i32, |hash, part| hash.wrapping_mul(31).wrapping_add(*part))
}

/// What a node serves, one API on each line.
pub fn shown(served: &ApiVersionsResponse) -> String {
    let mut lines: BTreeMap<i16, String> = BTreeMap::new();
    for api in &served.api_keys {
        let (least, newest) = (api.min_version, api.max_version);
        let range = if least == newest {
            newest.to_string()
        } else {
            format!("{least} to {newest}")
        };
        let line = match ApiKey::from_key(api.api_key) {
            None => format!("UNKNOWN({}): {range}", api.api_key),
            Some(known) if known.max_version() < least => {
                format!(
                    "{}({}): {range} [unusable: node too new]",
                    known.name(),
                    api.api_key
                )
            }
            Some(known) if newest < known.min_version() => {
                format!(
                    "{}({}): {range} [unusable: node too old]",
                    known.name(),
                    api.api_key
                )
            }
            Some(known) => {
                let usable = known.max_version().min(newest);
                format!("{}({}): {range} [usable: {usable}]", known.name(), api.api_key)
            }
        };
        lines.insert(api.api_key, line);
    }
    for api in ApiKey::ALL.iter().filter(|api| api.listeners().broker) {
        let missing = || format!("{}({}): UNSUPPORTED", api.name(), *api as i16);
        lines.entry(*api as i16).or_insert_with(missing);
    }
    let lines: Vec<String> = lines.into_values().collect();
    format!("(\n\t{}\n)", lines.join(",\n\t"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use barnabas_protocol::messages::api_versions_response::ApiVersion;

    #[test]
    fn every_api_has_a_line() {
        let api = |key, least, newest| {
            ApiVersion::default()
                .with_api_key(key)
                .with_min_version(least)
                .with_max_version(newest)
        };
        let served = ApiVersionsResponse::default().with_api_keys(vec![
            api(0, 0, 99),
            api(3, 90, 99),
            api(27, 0, 0),
            api(9999, 1, 1),
        ]);
        let shown = shown(&served);
        for line in [
            "Produce(0): 0 to 99 [usable: 13]",
            "Metadata(3): 90 to 99 [unusable: node too new]",
            "WriteTxnMarkers(27): 0 [unusable: node too old]",
            "UNKNOWN(9999): 1",
            "Fetch(1): UNSUPPORTED",
        ] {
            assert!(shown.contains(&format!("\t{line}")), "{line}: {shown}");
        }
        assert!(!shown.contains("BrokerHeartbeat"));
    }
}
