//! `kafka-get-offsets`: Kafka's `GetOffsetShell`.

use std::collections::BTreeMap;

use regex::Regex;

use crate::arguments::{
    BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, check_servers, key_values, properties_file, word,
};
use crate::client::Cluster;
use crate::client::leaders::TopicPartition;
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};
use crate::topics::{include_list, is_internal};

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("topic", Takes::Value("topics"), "The topic, or a regular expression; all topics unless given."),
    word("partitions", Takes::Value("0,1,..."), "The partitions; all of them unless given."),
    word("topic-partitions", Takes::Value("topic:0,topic:1-3,..."), "Topics and ranges of partitions, in place of both."),
    word("time", Takes::Value("time"), "A time in ms, or -1 or latest (the default), -2 or earliest, -3 or max-timestamp, \
        -4 or earliest-local, -5 or latest-tiered, -6 or earliest-pending-upload."),
    word("exclude-internal-topics", Takes::Nothing, "Pass over the cluster's own topics."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    match show(options, console) {
        Err(Failure::Said(why)) => said(format!("Error occurred: {why}")),
        Err(Failure::Kafka(error)) => said(format!("Error occurred: {error}")),
        done => done,
    }
}

fn show(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Shows offsets of partitions by time.")?;
    options.require(&["bootstrap-server"])?;
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    check_servers(servers)?;
    if options.has("topic-partitions") && (options.has("topic") || options.has("partitions")) {
        return said("--topic-partitions cannot be used with --topic or --partitions");
    }
    let time = time(options.value("time")?.unwrap_or("latest"))?;
    let filters = filters(options)?;
    let mut properties = match options.value("command-config")? {
        Some(path) => properties_file(path)?,
        None => key_values(&[]),
    };
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    properties.insert("client.id".to_owned(), "GetOffsetShell".to_owned());
    let cluster = Cluster::new(&properties)?;
    let exclude_internal = options.has("exclude-internal-topics");
    let topics = cluster.list_topics()?.into_iter().map(|topic| topic.name);
    let topics = topics.filter(|name| !(exclude_internal && is_internal(name)));
    let topics: Vec<String> = topics
        .filter(|name| filters.iter().any(|filter| filter.topic.is_match(name)))
        .collect();
    let mut wanted: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    if !topics.is_empty() {
        for topic in cluster.describe_topics(&topics, 2000)? {
            let meant = |index: i32| {
                filters
                    .iter()
                    .any(|filter| filter.topic.is_match(&topic.name) && (filter.partition)(index))
            };
            let indexes = topic
                .partitions
                .iter()
                .map(|partition| partition.index)
                .filter(|index| meant(*index));
            wanted.extend(indexes.map(|index| ((topic.name.clone(), index), time)));
        }
    }
    if wanted.is_empty() {
        return said("Could not match any topic-partitions with the specified filters");
    }
    let mut rows = Vec::new();
    for ((topic, index), answer) in cluster.list_offsets(&wanted, false)? {
        match answer {
            Ok(found) if found.offset == -1 => {}
            Ok(found) => rows.push((
                format!("{topic}-{index}"),
                format!("{topic}:{index}:{}", found.offset),
            )),
            Err(error) => console.error(format!(
                "Skip getting offsets for topic-partition {topic}-{index} due to error: {error}"
            )),
        }
    }
    rows.sort();
    rows.into_iter().for_each(|(_, row)| console.line(row));
    Ok(())
}

/// The timestamp that the protocol has for a time.
fn time(text: &str) -> Outcome<i64> {
    Ok(match text {
        "latest" => -1,
        "earliest" => -2,
        "max-timestamp" => -3,
        "earliest-local" => -4,
        "latest-tiered" => -5,
        "earliest-pending-upload" => -6,
        _ => match text.parse() {
            Ok(time) => time,
            Err(_) => {
                return said(format!(
                    "Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / \
                     -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long \
                     format timestamp"
                ));
            }
        },
    })
}

/// Which partitions are meant.
struct Filter {
    topic: Regex,
    partition: Box<dyn Fn(i32) -> bool>,
}

fn filters(options: &Options) -> Outcome<Vec<Filter>> {
    if let Some(rules) = options.value("topic-partitions")? {
        return rules.split(',').map(rule).collect();
    }
    let list = options.value("partitions")?.unwrap_or_default();
    let indexes = list.split(',').filter(|_| !list.is_empty()).map(str::parse);
    let indexes: Vec<i32> = indexes.collect::<Result<_, _>>().map_err(|_| {
        Failure::Said(format!(
            "--partitions expects a comma separated list of numeric partition ids, but received: {list}"
        ))
    })?;
    Ok(vec![Filter {
        topic: include_list(options.value("topic")?.unwrap_or(".*"))?,
        partition: Box::new(move |index| indexes.is_empty() || indexes.contains(&index)),
    }])
}

/// `topic`, `topic:1`, `topic:1-3`, `topic:1-` or `topic:-3`; the topic may be left out.
fn rule(text: &str) -> Outcome<Filter> {
    let invalid = || Failure::Said(format!("Invalid rule specification: {text}"));
    let (topic, range) = text.split_once(':').unwrap_or((text, ""));
    let topic = include_list(if topic.is_empty() { ".*" } else { topic })?;
    let number = |text: &str, default: i32| match text {
        "" => Ok(default),
        text => text.parse::<i32>().map_err(|_| invalid()),
    };
    let partition: Box<dyn Fn(i32) -> bool> = match range.split_once('-') {
        Some((from, to)) => {
            let range = number(from, 0)?..number(to, i32::MAX)?;
            Box::new(move |index| range.contains(&index))
        }
        None if range.is_empty() => Box::new(|_| true),
        None => {
            let only = number(range, 0)?;
            Box::new(move |index| index == only)
        }
    };
    Ok(Filter { topic, partition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_mean_what_kafkas_mean() {
        for (text, topic, index, expected) in [
            ("a", "a", 7, true),
            ("a", "ab", 7, false),
            ("a:1", "a", 1, true),
            ("a:1", "a", 2, false),
            (":1-3", "x", 2, true),
            (":1-3", "x", 3, false),
            ("a.*:2-", "abc", 9, true),
            (":-3", "x", 3, false),
        ] {
            let rule = rule(text).unwrap();
            assert_eq!(
                rule.topic.is_match(topic) && (rule.partition)(index),
                expected,
                "{text} {topic}-{index}"
            );
        }
        assert!(rule("a:x").is_err());
    }
}
