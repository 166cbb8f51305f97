//! `kafka-leader-election`: Kafka's `LeaderElectionCommand`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::hash_map_order;
use barnabas_protocol::messages::ElectLeadersRequest;
use barnabas_protocol::messages::elect_leaders_request::TopicPartitions;
use serde_json::Value;

use crate::arguments::{
    BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, properties_file, text_file, word,
};
use crate::client::leaders::{TopicPartition, by_topic, hash};
use crate::client::{Cluster, KafkaError, To, topic_name};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("admin.config", Takes::Value("file"), "The old name of --command-config."),
    word("election-type", Takes::Value("type"), "preferred, or unclean where there is no leader (required)."),
    word("topic", Takes::Value("topic"), "The topic, with --partition; or:"),
    word("partition", Takes::Value("number"), "The partition of --topic."),
    word("path-to-json-file", Takes::Value("file"), "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0}]}; or:"),
    word("all-topic-partitions", Takes::Nothing, "All partitions."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Has leaders of partitions elected.")?;
    let (name, kind) = check(options)?;
    let partitions = partitions(options)?;
    if options.has("admin.config") {
        console.line(
            "Option --admin.config has been deprecated and will be removed in a future version. Use --command-config \
             instead.",
        );
    }
    let file = options
        .value("admin.config")?
        .or(options.value("command-config")?);
    let mut properties = file.map(properties_file).transpose()?.unwrap_or_default();
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    properties
        .entry("default.api.timeout.ms".to_owned())
        .or_insert_with(|| "30000".to_owned());
    properties
        .entry("request.timeout.ms".to_owned())
        .or_insert_with(|| "15000".to_owned());
    let cluster = Cluster::new(&properties)?;
    let results = elect(&cluster, kind, partitions.as_deref()).map_err(|error| {
        let said = match error.code {
            Some(ErrorCode::RequestTimedOut) => "Timeout waiting for election results",
            Some(ErrorCode::ClusterAuthorizationFailed) => "Not authorized to perform leader election",
            _ => return Failure::Kafka(error),
        };
        console.line(said);
        Failure::Said(said.to_owned())
    })?;
    show(name, results, console)
}

fn check(options: &Options) -> Outcome<(&'static str, i8)> {
    let mut missing: Vec<&str> = Vec::new();
    missing.extend(
        ["bootstrap-server", "election-type"]
            .iter()
            .filter(|name| !options.has(name)),
    );
    if !missing.is_empty() {
        return said(format!("Missing required option(s): {}", missing.join(", ")));
    }
    let scopes = ["topic", "all-topic-partitions", "path-to-json-file"];
    let given: Vec<&str> = scopes.iter().copied().filter(|name| options.has(name)).collect();
    match given.len() {
        1 => {}
        0 => {
            return said(
                "One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file",
            );
        }
        _ => {
            return said(format!(
                "One and only one of the following options is required, not: {}",
                given.join(", ")
            ));
        }
    }
    match (options.has("topic"), options.has("partition")) {
        (true, false) => return said("Missing required option(s): partition"),
        (false, true) => return said("Option partition is only allowed if topic is used"),
        _ => {}
    }
    match options.value("election-type")?.map(str::to_lowercase).as_deref() {
        Some("preferred") => Ok(("PREFERRED", 0)),
        Some("unclean") => Ok(("UNCLEAN", 1)),
        other => said(format!(
            "Cannot parse argument '{}' of option election-type",
            other.unwrap_or_default()
        )),
    }
}

fn partitions(options: &Options) -> Outcome<Option<Vec<TopicPartition>>> {
    if let (Some(topic), Some(partition)) = (options.value("topic")?, options.number("partition")?) {
        return Ok(Some(vec![(topic.to_owned(), partition)]));
    }
    let Some(path) = options.value("path-to-json-file")? else {
        return Ok(None);
    };
    let text = text_file(path)?;
    let json: Value = serde_json::from_str(&text)
        .map_err(|_| Failure::Said("Replica election data is empty".to_owned()))?;
    let Some(list) = json.get("partitions").and_then(Value::as_array) else {
        return said("Replica election data is missing \"partitions\" field");
    };
    let mut found = Vec::new();
    for entry in list {
        let topic = entry.get("topic").and_then(Value::as_str);
        let partition = entry.get("partition").and_then(Value::as_i64);
        let (Some(topic), Some(partition)) = (topic, partition) else {
            return said(format!("topic and partition are expected: {entry}"));
        };
        let at = (topic.to_owned(), partition as i32);
        if found.contains(&at) {
            return said(format!(
                "Replica election data contains duplicate partitions: [{topic}-{partition}]"
            ));
        }
        found.push(at);
    }
    Ok(Some(found))
}

type Results = Vec<(TopicPartition, Option<KafkaError>)>;

fn elect(cluster: &Cluster, kind: i8, partitions: Option<&[TopicPartition]>) -> Result<Results, KafkaError> {
    let topics: Option<BTreeMap<String, Vec<(i32, ())>>> =
        partitions.map(|partitions| by_topic(partitions.iter().map(|at| (at.clone(), ()))));
    let topics = topics.map(|topics| {
        let topic = |(name, partitions): (String, Vec<(i32, ())>)| {
            TopicPartitions::default()
                .with_topic(topic_name(&name))
                .with_partitions(partitions.into_iter().map(|(index, ())| index).collect())
        };
        topics.into_iter().map(topic).collect()
    });
    let request = ElectLeadersRequest::default()
        .with_election_type(kind)
        .with_topic_partitions(topics)
        .with_timeout_ms(15_000);
    let response = cluster.ask(To::Controller, "electLeaders", &request)?;
    KafkaError::check(response.error_code, None)?;
    let mut results = Results::new();
    for topic in &response.replica_election_results {
        for partition in &topic.partition_result {
            let answer = KafkaError::check(partition.error_code, partition.error_message.as_deref());
            results.push(((topic.topic.to_string(), partition.partition_id), answer.err()));
        }
    }
    hash_map_order(&mut results, |(at, _)| hash(at));
    Ok(results)
}

fn show(kind: &str, results: Results, console: &mut Console) -> Outcome {
    let name = |(topic, index): &TopicPartition| format!("{topic}-{index}");
    let (mut elected, mut needless, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (at, error) in results {
        match error {
            None => elected.push(name(&at)),
            Some(error) if error.is(ErrorCode::ElectionNotNeeded) => needless.push(name(&at)),
            Some(error) => failed.push((name(&at), error)),
        }
    }
    if !elected.is_empty() {
        let elected = elected.join(", ");
        console.line(format!(
            "Successfully completed leader election ({kind}) for partitions {elected}"
        ));
    }
    if !needless.is_empty() {
        console.line(format!(
            "Valid replica already elected for partitions {}",
            needless.join(", ")
        ));
    }
    if failed.is_empty() {
        return Ok(());
    }
    for (at, error) in &failed {
        console.line(format!(
            "Error completing leader election ({kind}) for partition: {at}: {error}"
        ));
    }
    said(format!("{} replica(s) could not be elected", failed.len()))
}
