//! `--alter`.

use std::collections::BTreeMap;

use barnabas_protocol::messages::IncrementalAlterConfigsRequest;
use barnabas_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};

use super::options::Entities;
use super::{quotas, scram};
use crate::arguments::{Options, properties_file};
use crate::client::configs::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, ResourceType, TOPIC};
use crate::client::{Cluster, KafkaError, To, wire};
use crate::console::Console;
use crate::failure::{Outcome, said};

const SET: i8 = 0;
const DELETE: i8 = 1;

/// Settings by name.
pub type Changes = BTreeMap<String, String>;

/// Changes settings.
pub fn alter(options: &Options, entities: &Entities, cluster: &Cluster, console: &mut Console) -> Outcome {
    let added = added(options)?;
    let deleted: Vec<String> = options
        .values("delete-config")
        .iter()
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let kind = entities.kind();
    let name = entities.names.first().map_or("", String::as_str);
    match kind {
        "topics" => alter_resource(cluster, TOPIC, name, &added, &deleted)?,
        "client-metrics" => alter_resource(cluster, CLIENT_METRICS, name, &added, &deleted)?,
        "brokers" => alter_resource(cluster, BROKER, name, &added, &deleted)?,
        "groups" => alter_resource(cluster, GROUP, name, &added, &deleted)?,
        "broker-loggers" => {
            let to = To::Broker(name.parse().unwrap_or(-1));
            let known = cluster.describe_configs(to, BROKER_LOGGER, name, false)?;
            let unknown: Vec<&str> = deleted
                .iter()
                .chain(added.keys())
                .filter(|logger| known.iter().all(|entry| entry.name != **logger))
                .map(String::as_str)
                .collect();
            if !unknown.is_empty() {
                return said(format!("Invalid broker logger(s): {}", unknown.join(",")));
            }
            alter_resource(cluster, BROKER_LOGGER, name, &added, &deleted)?;
        }
        "users" | "clients" => alter_users(entities, cluster, &added, &deleted)?,
        _ => {
            let unknown: Vec<&str> = added
                .keys()
                .chain(&deleted)
                .map(String::as_str)
                .filter(|name| *name != quotas::OF_IPS)
                .collect();
            if !unknown.is_empty() {
                return said(format!(
                    "Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config \
                     names: {}",
                    unknown.join(", ")
                ));
            }
            quotas::alter(entities, cluster, &added, &deleted)?;
        }
    }
    console.line(if name.is_empty() {
        format!("Completed updating default config for {kind} in the cluster.")
    } else {
        format!("Completed updating config for {} {name}.", entities.singular())
    });
    Ok(())
}

fn alter_users(entities: &Entities, cluster: &Cluster, added: &Changes, deleted: &[String]) -> Outcome {
    let is_quota = |name: &str| quotas::OF_USERS.contains(&name);
    let is_scram = |name: &str| scram::hash(name).is_some();
    let is_of_clients = entities.kind() == "clients" || entities.types.len() == 2;
    let names = [
        ("added", added.keys().map(String::as_str).collect::<Vec<_>>()),
        ("deleted", deleted.iter().map(String::as_str).collect()),
    ];
    for (what, names) in &names {
        let unknown: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !is_quota(name) && (is_of_clients || !is_scram(name)))
            .collect();
        if !unknown.is_empty() {
            let (which, kind) = if is_of_clients {
                ("quota", "clients")
            } else {
                ("quota and SCRAM credential", "users")
            };
            return said(format!(
                "Only {which} configs can be {what} for '{kind}' using --bootstrap-server. Unexpected config names: {}",
                unknown.join(",")
            ));
        }
    }
    let any = |is: &dyn Fn(&str) -> bool| names.iter().any(|(_, names)| names.iter().any(|name| is(name)));
    if any(&is_scram) {
        if entities.names.iter().any(String::is_empty) {
            return said(
                "The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using \
                 --bootstrap-server.",
            );
        }
        if any(&is_quota) {
            return said(
                "Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using \
                 --bootstrap-server.",
            );
        }
        let user = entities.names.first().map_or("", String::as_str);
        return scram::alter(user, cluster, added, deleted);
    }
    quotas::alter(entities, cluster, added, deleted)
}

/// Sets and deletes settings of a resource.
///
/// # Errors
/// The cluster refuses.
pub fn alter_resource(
    cluster: &Cluster,
    kind: ResourceType,
    name: &str,
    added: &Changes,
    deleted: &[String],
) -> Outcome {
    let change = |name: &str, operation: i8, value: &str| {
        AlterableConfig::default()
            .with_name(wire(name))
            .with_config_operation(operation)
            .with_value(Some(wire(value)))
    };
    let deletions = deleted.iter().map(|name| change(name, DELETE, ""));
    let additions = added.iter().map(|(name, value)| change(name, SET, value));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(wire(name))
        .with_configs(deletions.chain(additions).collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    // What a broker alone knows has to be asked there.
    let to = match name.parse() {
        Ok(id) if kind == BROKER || kind == BROKER_LOGGER => To::Broker(id),
        _ => To::Controller,
    };
    let response = cluster.ask(to, "incrementalAlterConfigs", &request)?;
    let check = |result: &barnabas_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse| {
        KafkaError::check(result.error_code, result.error_message.as_deref())
    };
    Ok(response.responses.iter().try_for_each(check)?)
}

/// `--add-config` and `--add-config-file`.
fn added(options: &Options) -> Outcome<Changes> {
    let mut added = match options.value("add-config-file")? {
        Some(path) => properties_file(path)?,
        None => Changes::new(),
    };
    if let Some(list) = options.value("add-config")? {
        for pair in outside_brackets(list, ',') {
            let parts = outside_brackets(&pair, '=');
            let [name, value] = &parts[..] else {
                return said(
                    "Invalid entity config: all configs to be added must be in the format \"key=val\" or  \
                     \"key=[val1,val2]\" to group values which contain commas.",
                );
            };
            added.insert(
                name.trim().to_owned(),
                value.replace(['[', ']'], "").trim().to_owned(),
            );
        }
    }
    let is_name = |name: &str| {
        name.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "$._-".contains(letter))
    };
    match added.keys().find(|name| !is_name(name)) {
        Some(wrong) => said(format!("Invalid character found for config key: {wrong}")),
        None => Ok(added),
    }
}

/// The parts of a text between separators that stand in no brackets.
fn outside_brackets(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    for (at, letter) in text.char_indices() {
        // In brackets stands what has a closing one ahead, with no opening one before that.
        let ahead = text[at..]
            .find(['[', ']'])
            .map(|next| &text[at + next..at + next + 1]);
        match parts.last_mut() {
            Some(_) if letter == separator && ahead != Some("]") => parts.push(String::new()),
            Some(last) => last.push(letter),
            None => {}
        }
    }
    if separator == ',' {
        // As Java splits: nothing behind the last that is something.
        while parts.len() > 1 && parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_keep_commas_together() {
        for (text, separator, expected) in [
            ("a=b,c=d", ',', &["a=b", "c=d"][..]),
            ("a=[b,c],d=e", ',', &["a=[b,c]", "d=e"]),
            (
                "S=[iterations=1,password=p]",
                '=',
                &["S", "[iterations=1,password=p]"],
            ),
            ("a=b,", ',', &["a=b"]),
            ("a=", '=', &["a", ""]),
        ] {
            assert_eq!(outside_brackets(text, separator), expected, "{text}");
        }
    }
}
