//! `kafka-log-dirs`: Kafka's `LogDirsCommand`.

use std::collections::BTreeSet;
use std::fmt::Write;

use barnabas_protocol::java_order::{hash_map_order, java_hash};
use barnabas_protocol::messages::DescribeLogDirsRequest;
use barnabas_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult,
};
use serde_json::Value;

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::leaders::{TopicPartition, hash};
use crate::client::{KafkaError, To};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// The tool's options.
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("describe", Takes::Nothing, "Show the log directories (required)."),
    word("topic-list", Takes::Value("a,b"), "Only these topics."),
    word("broker-list", Takes::Value("1,2"), "Only these brokers."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Shows what lies in the log directories of brokers.")?;
    options.require(&["bootstrap-server", "describe"])?;
    let topics: BTreeSet<&str> = parts(options.value("topic-list")?).collect();
    let id = |text: &str| {
        text.parse()
            .map_err(|_| Failure::Said(format!("For input string: \"{text}\"")))
    };
    let wanted: BTreeSet<i32> = parts(options.value("broker-list")?)
        .map(id)
        .collect::<Outcome<_>>()?;
    let cluster = connect(options, "command-config")?;
    let brokers: BTreeSet<i32> = cluster
        .brokers("listNodes")?
        .list
        .iter()
        .map(|broker| broker.id)
        .collect();
    let missing: Vec<i32> = wanted.difference(&brokers).copied().collect();
    if !missing.is_empty() {
        let known: Vec<i32> = brokers.into_iter().collect();
        return said(format!(
            "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {}",
            joined(&missing),
            joined(&known)
        ));
    }
    let asked: Vec<i32> = if wanted.is_empty() { brokers } else { wanted }
        .into_iter()
        .collect();
    console.line("Querying brokers for log directories information");
    let mut described = Vec::new();
    for broker in &asked {
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let response = cluster.ask(To::Broker(*broker), "describeLogDirs", &request)?;
        KafkaError::check(response.error_code, None)?;
        let dirs: Vec<String> = in_order(&response.results)
            .into_iter()
            .map(|dir| of_dir(dir, &topics))
            .collect();
        described.push(format!(
            "{{\"broker\":{broker},\"logDirs\":[{}]}}",
            dirs.join(",")
        ));
    }
    console.line(format!(
        "Received log directory information from brokers {}",
        joined(&asked)
    ));
    console.line(format!("{{\"brokers\":[{}],\"version\":1}}", described.join(",")));
    Ok(())
}

fn parts(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default()
        .split(',')
        .filter(|part| !part.is_empty())
}

fn joined(ids: &[i32]) -> String {
    let ids: Vec<String> = ids.iter().map(i32::to_string).collect();
    ids.join(",")
}

fn in_order(dirs: &[DescribeLogDirsResult]) -> Vec<&DescribeLogDirsResult> {
    let mut dirs: Vec<&DescribeLogDirsResult> = dirs.iter().collect();
    hash_map_order(&mut dirs, |dir| java_hash(&dir.log_dir));
    dirs
}

/// A directory, its fields in the order of Java's table of them.
fn of_dir(dir: &DescribeLogDirsResult, topics: &BTreeSet<&str>) -> String {
    let mut partitions: Vec<(TopicPartition, &DescribeLogDirsPartition)> = Vec::new();
    for topic in dir
        .topics
        .iter()
        .filter(|topic| topics.is_empty() || topics.contains(topic.name.as_str()))
    {
        let of_topic = topic.partitions.iter();
        partitions.extend(
            of_topic.map(|partition| ((topic.name.to_string(), partition.partition_index), partition)),
        );
    }
    hash_map_order(&mut partitions, |(at, _)| hash(at));
    let mut text = String::new();
    for ((topic, index), partition) in &partitions {
        let comma = if text.is_empty() { "" } else { "," };
        let name = Value::from(format!("{topic}-{index}"));
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{comma}{{\"partition\":{name},\"size\":{},\"offsetLag\":{},\"isFuture\":{}}}",
            partition.partition_size, partition.offset_lag, partition.is_future_key
        );
    }
    let error = match dir.error_code {
        0 => Value::Null,
        code => Value::from(KafkaError::of_code(code, None).class),
    };
    let path = Value::from(dir.log_dir.as_str());
    format!("{{\"partitions\":[{text}],\"error\":{error},\"logDir\":{path}}}")
}
