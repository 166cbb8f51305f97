//! Listeners where the variables say less than Kafka asks for: wurstmeister's host and port, and
//! advertised listeners alone.

use std::collections::BTreeMap;

use super::{Given, VariableError, Variables};

const PORT: u16 = 9092;

/// Makes listeners of what is given, where there are none.
///
/// # Errors
/// A port that is none.
pub fn take(legacy: &BTreeMap<&str, &Given>, found: &mut Variables) -> Result<(), VariableError> {
    let get = |name: &str| {
        let both = [format!("KAFKA_CFG_{name}"), format!("KAFKA_{name}")];
        let mut both = both.iter().filter_map(|name| legacy.get(name.as_str()).copied());
        both.find(|given| !given.value.trim().is_empty())
    };
    let port = |name: &str| {
        let Some(given) = get(name) else {
            return Ok(None);
        };
        let number = given.value.trim().parse::<u16>();
        number.map(|port| Some((port, given))).map_err(|_| VariableError {
            variable: given.variable.clone(),
            value: super::short(&given.value),
            why: "it is no port".to_owned(),
            valid: "a number from 0 to 65535",
        })
    };
    let (own_port, advertised_port) = (port("PORT")?, port("ADVERTISED_PORT")?);
    let (host, advertised_host) = (get("HOST_NAME"), get("ADVERTISED_HOST_NAME"));
    let said_otherwise = ["listeners", "advertised.listeners"]
        .iter()
        .any(|name| found.settings.contains_key(*name));
    let all = [host, advertised_host].into_iter().flatten();
    let ports = [own_port, advertised_port]
        .into_iter()
        .flatten()
        .map(|(_, given)| given);
    let mut all: Vec<&Given> = all.chain(ports).collect();
    all.sort_by(|a, b| a.variable.cmp(&b.variable));
    let names: Vec<&str> = all.iter().map(|given| given.variable.as_str()).collect();
    if !all.is_empty() && said_otherwise {
        found.notes.push(format!(
            "without effect: {} (KAFKA_LISTENERS and KAFKA_ADVERTISED_LISTENERS say more)",
            names.join(", ")
        ));
    } else if let Some(first) = all.first() {
        let own_port = own_port.map_or(PORT, |(port, _)| port);
        let listener = |host: Option<&Given>, port: u16| {
            let host = host.map_or("", |given| given.value.trim());
            let (open, close) = if host.contains(':') && !host.starts_with('[') {
                ("[", "]")
            } else {
                ("", "")
            };
            format!("PLAINTEXT://{open}{host}{close}:{port}")
        };
        let given = |value| Given {
            value,
            variable: first.variable.clone(),
        };
        found
            .settings
            .insert("listeners".to_owned(), given(listener(host, own_port)));
        if let Some(advertised_host) = advertised_host.or(host) {
            let port = advertised_port.map_or(own_port, |(port, _)| port);
            let advertised = given(listener(Some(advertised_host), port));
            found
                .settings
                .insert("advertised.listeners".to_owned(), advertised);
        }
    }
    Ok(())
}

/// The listeners that the variables name, each with the name of its security protocol.
pub fn protocols(found: &Variables) -> Vec<(String, String)> {
    let setting = |name: &str| found.settings.get(name).map(|given| given.value.as_str());
    let map: BTreeMap<String, String> = setting("listener.security.protocol.map")
        .unwrap_or_default()
        .split(',')
        .filter_map(|entry| entry.split_once(':'))
        .map(|(name, protocol)| (name.trim().to_uppercase(), protocol.trim().to_uppercase()))
        .collect();
    let listeners = setting("listeners").or_else(|| setting("advertised.listeners"));
    let names = listeners.unwrap_or_default().split(',');
    names
        .filter_map(|entry| entry.split_once("://"))
        .map(|(name, _)| name.trim().to_uppercase())
        .map(|name| {
            let protocol = map.get(&name).cloned().unwrap_or_else(|| name.clone());
            (name, protocol)
        })
        .collect()
}

/// `advertised.listeners` with every address of the machine for each host: where apache/kafka and cp-kafka
/// listen if they are told nothing else.
pub fn listeners_of_advertised(advertised: &str) -> String {
    let listening = |entry: &str| match (entry.split_once("://"), entry.rsplit_once(':')) {
        (Some((name, _)), Some((_, port))) => format!("{name}://0.0.0.0:{port}"),
        _ => entry.to_owned(),
    };
    let entries = advertised
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    entries.map(listening).collect::<Vec<_>>().join(",")
}
