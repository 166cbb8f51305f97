//! `kafka-delete-records`: Kafka's `DeleteRecordsCommand`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::DeleteRecordsRequest;
use barnabas_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use serde_json::Value;

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, connect, text_file, word};
use crate::client::leaders::{TopicPartition, by_topic, hash, topics_of};
use crate::client::{Cluster, KafkaError, To, topic_name};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// The tool's options.
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word(
        "offset-json-file",
        Takes::Value("file"),
        "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0, \"offset\": 7}], \"version\": 1} (required).",
    ),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Deletes the records of partitions before given offsets.")?;
    options.require(&["bootstrap-server", "offset-json-file"])?;
    let cluster = connect(options, "command-config")?;
    let path = options.value("offset-json-file")?.unwrap_or_default();
    let text = text_file(path)?;
    let offsets = parse(&text)?;
    console.line("Executing records delete operation");
    let answers = delete(&cluster, &offsets)?;
    console.line("Records delete operation completed:");
    let mut answers: Vec<_> = answers.into_iter().collect();
    barnabas_protocol::java_order::hash_map_order(&mut answers, |(at, _)| hash(at));
    for ((topic, index), answer) in answers {
        console.line(match answer {
            Ok(low) => format!("partition: {topic}-{index}\tlow_watermark: {low}"),
            Err(error) => format!("partition: {topic}-{index}\terror: {error}"),
        });
    }
    Ok(())
}

fn parse(text: &str) -> Outcome<BTreeMap<TopicPartition, i64>> {
    let json: Value = serde_json::from_str(text)
        .map_err(|_| Failure::Said("The input string is not a valid JSON".to_owned()))?;
    match json.get("version").map_or(Some(1), Value::as_i64) {
        Some(1) => {}
        version => {
            return said(format!(
                "Not supported version field value {}",
                version.unwrap_or_default()
            ));
        }
    }
    let Some(partitions) = json.get("partitions").and_then(Value::as_array) else {
        return said("Missing partitions field");
    };
    let mut offsets = BTreeMap::new();
    for partition in partitions {
        let number = |name: &str| partition.get(name).and_then(Value::as_i64);
        let topic = partition.get("topic").and_then(Value::as_str);
        let (Some(topic), Some(index), Some(offset)) = (topic, number("partition"), number("offset")) else {
            return said(format!("topic, partition and offset are expected: {partition}"));
        };
        let at = (topic.to_owned(), index as i32);
        if offsets.insert(at, offset).is_some() {
            return said(format!(
                "Offset json file contains duplicate topic partitions: {topic}-{index}"
            ));
        }
    }
    Ok(offsets)
}

type Answers = BTreeMap<TopicPartition, Result<i64, KafkaError>>;

fn delete(cluster: &Cluster, offsets: &BTreeMap<TopicPartition, i64>) -> Outcome<Answers> {
    let leaders = cluster.leaders(&topics_of(offsets.keys()), false)?;
    let mut answers = Answers::new();
    let mut of_leader: BTreeMap<i32, Vec<(TopicPartition, i64)>> = BTreeMap::new();
    for (at, offset) in offsets {
        match leaders.get(at) {
            Some(Some(leader)) => of_leader.entry(*leader).or_default().push((at.clone(), *offset)),
            _ => {
                let unknown = KafkaError::of_code(ErrorCode::UnknownTopicOrPartition.code(), None);
                answers.insert(at.clone(), Err(unknown));
            }
        }
    }
    for (leader, partitions) in of_leader {
        let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, offset)| {
                DeleteRecordsPartition::default()
                    .with_partition_index(index)
                    .with_offset(offset)
            });
            DeleteRecordsTopic::default()
                .with_name(topic_name(&topic))
                .with_partitions(partitions.collect())
        });
        let request = DeleteRecordsRequest::default()
            .with_topics(topics.collect())
            .with_timeout_ms(30_000);
        let response = cluster.ask(To::Broker(leader), "deleteRecords", &request)?;
        for topic in &response.topics {
            for partition in &topic.partitions {
                let at = (topic.name.to_string(), partition.partition_index);
                let answer = KafkaError::check(partition.error_code, None).map(|()| partition.low_watermark);
                answers.insert(at, answer);
            }
        }
    }
    Ok(answers)
}
