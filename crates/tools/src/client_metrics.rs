//! `kafka-client-metrics`: Kafka's `ClientMetricsCommand` (KIP-714).

use std::collections::BTreeMap;

use barnabas_protocol::kafka_uuid;
use uuid::Uuid;

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::configs::CLIENT_METRICS;
use crate::client::{Cluster, To};
use crate::configs::{alter_resource, config_resources};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("alter", Takes::Nothing, "Change a subscription, or make one."),
    word("delete", Takes::Nothing, "Delete a subscription."),
    word("describe", Takes::Nothing, "Show subscriptions and their settings."),
    word("list", Takes::Nothing, "List subscriptions."),
    word("name", Takes::Value("name"), "The subscription."),
    word("generate-name", Takes::Nothing, "Give a new subscription a name."),
    word("interval", Takes::Value("ms"), "How often clients push; empty for the default."),
    word("match", Takes::Value("k1=v1,k2=v2"), "Which clients: client_id, client_instance_id, client_software_name, \
        client_software_version, client_source_address, client_source_port."),
    word("metrics", Takes::Value("m1,m2"), "How the names of metrics begin."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("This tool helps to manipulate and describe client metrics configurations.")?;
    let action = check(options)?;
    let done = connect(options, "command-config").and_then(|cluster| match action {
        "alter" => alter(options, &cluster, console),
        "delete" => delete(options, &cluster, console),
        "describe" => describe(options, &cluster, console),
        _ => {
            for name in config_resources(CLIENT_METRICS, &cluster)? {
                console.line(name);
            }
            Ok(())
        }
    });
    if let Err(failure @ (Failure::Kafka(_) | Failure::Said(_))) = &done {
        let why = failure.message();
        console.line(format!("Error while executing client metrics command : {why}"));
        return Err(Failure::Exit(1));
    }
    done
}

fn check(options: &Options) -> Outcome<&'static str> {
    let actions = ["alter", "delete", "describe", "list"];
    let mut given = actions.into_iter().filter(|action| options.has(action));
    let (Some(action), None) = (given.next(), given.next()) else {
        return usage("Command must include exactly one action: --alter, --delete, --describe or --list.");
    };
    if !options.has("bootstrap-server") {
        return said("--bootstrap-server must be specified.");
    }
    options.exclude("list", &["name", "generate-name", "interval", "match", "metrics"])?;
    options.exclude("describe", &["generate-name", "interval", "match", "metrics"])?;
    options.exclude("delete", &["generate-name", "interval", "match", "metrics"])?;
    match action {
        "alter" if options.has("name") == options.has("generate-name") => {
            return said("One of --name or --generate-name must be specified with --alter.");
        }
        "delete" if !options.has("name") => {
            return said("A client metrics resource name must be specified with --delete.");
        }
        _ => {}
    }
    match options.value("interval")? {
        Some(interval) if !interval.is_empty() && interval.parse::<i32>().is_err() => {
            said("Invalid interval value. Enter an integer, or leave empty to reset.")
        }
        _ => Ok(action),
    }
}

fn alter(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let name = match options.value("name")? {
        Some(name) => name.to_owned(),
        None => kafka_uuid::encode(Uuid::new_v4()),
    };
    let (mut set, mut reset) = (BTreeMap::new(), Vec::new());
    for (option, config) in [
        ("interval", "interval.ms"),
        ("match", "match"),
        ("metrics", "metrics"),
    ] {
        match options.value(option)? {
            Some("") => reset.push(config.to_owned()),
            Some(value) => drop(set.insert(config.to_owned(), value.to_owned())),
            None => {}
        }
    }
    alter_resource(cluster, CLIENT_METRICS, &name, &set, &reset)?;
    console.line(format!("Altered client metrics config for {name}."));
    Ok(())
}

fn delete(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let name = options.value("name")?.unwrap_or_default();
    let entries = cluster.describe_configs(To::Any, CLIENT_METRICS, name, false)?;
    let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    alter_resource(cluster, CLIENT_METRICS, name, &BTreeMap::new(), &names)?;
    console.line(format!("Deleted client metrics config for {name}."));
    Ok(())
}

fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let known = config_resources(CLIENT_METRICS, cluster)?;
    let names = match options.value("name")? {
        None => known,
        Some(name) if known.iter().any(|known| known == name) => vec![name.to_owned()],
        Some(name) => {
            console.line(format!(
                "The client metric resource {name} doesn't exist and doesn't have dynamic config."
            ));
            return Ok(());
        }
    };
    for name in names {
        console.line(format!("Client metrics configs for {name} are:"));
        let mut entries = cluster.describe_configs(To::Any, CLIENT_METRICS, &name, false)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            console.line(format!("  {}={}", entry.name, entry.shown()));
        }
    }
    Ok(())
}
