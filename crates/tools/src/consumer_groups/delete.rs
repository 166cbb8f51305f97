//! `--delete` and `--delete-offsets`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

use super::named;
use super::reset::partitions_of;
use crate::arguments::Options;
use crate::client::leaders::TopicPartition;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::failure::Outcome;

/// Deletes groups.
pub fn groups(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let mut ids = named(options, cluster)?;
    hash_map_order(&mut ids, |id| java_hash(id));
    ids.dedup();
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        match cluster.delete_group(&id) {
            Ok(()) => deleted.push(format!("'{id}'")),
            Err(error) => failed.push((id, error)),
        }
    }
    let deleted = deleted.join(", ");
    if failed.is_empty() {
        console.line(format!(
            "Deletion of requested consumer groups ({deleted}) was successful."
        ));
        return Ok(());
    }
    console.line("\nError: Deletion of some consumer groups failed:");
    for (id, error) in failed {
        console.line(format!("* Group '{id}' could not be deleted due to: {error}"));
    }
    if !deleted.is_empty() {
        console.line(format!(
            "\nThese consumer groups were deleted successfully: {deleted}"
        ));
    }
    Ok(())
}

/// Deletes a group's offsets.
pub fn offsets(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let id = options.value("group")?.unwrap_or_default();
    let topics = options.values("topic").into_iter().map(str::to_owned);
    let deleting = Deleting {
        topics: topics.collect(),
        partitions: Vec::new(),
    };
    delete_offsets(id, deleting, cluster, console)
}

/// Whose offsets are to be deleted.
#[derive(Default)]
pub struct Deleting {
    /// Topics, `topic` or `topic:0,1`.
    pub topics: Vec<String>,
    /// Further partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Deletes a group's offsets, and says what has become of each.
pub fn delete_offsets(id: &str, deleting: Deleting, cluster: &Cluster, console: &mut Console) -> Outcome {
    let mut results: BTreeMap<TopicPartition, Option<KafkaError>> = BTreeMap::new();
    let mut partitions = deleting.partitions;
    for topic in deleting.topics {
        if topic.contains(':') {
            partitions.extend(partitions_of(&topic)?);
            continue;
        }
        match cluster.describe_topics(std::slice::from_ref(&topic), 2000) {
            Ok(described) => {
                let indexes = described.iter().flat_map(|topic| &topic.partitions);
                partitions.extend(indexes.map(|partition| (topic.clone(), partition.index)));
            }
            Err(error) => {
                results.insert((topic, -1), Some(error));
            }
        }
    }
    partitions.sort();
    partitions.dedup();
    let mut whole = None;
    match cluster.delete_group_offsets(id, &partitions) {
        Ok(answers) => {
            for (at, answer) in answers {
                whole = whole.or_else(|| answer.as_ref().err().cloned());
                results.insert(at, answer.err());
            }
        }
        Err(error) => {
            results.extend(partitions.iter().map(|at| (at.clone(), Some(error.clone()))));
            whole = Some(error);
        }
    }
    console.line(match whole.as_ref().and_then(|error| error.code) {
        None => format!("Request succeeded for deleting offsets from group {id}."),
        Some(
            code @ (ErrorCode::InvalidGroupId
            | ErrorCode::GroupIdNotFound
            | ErrorCode::GroupAuthorizationFailed
            | ErrorCode::NonEmptyGroup),
        ) => format!("\nError: {}", KafkaError::of_code(code.code(), None).message),
        Some(
            ErrorCode::GroupSubscribedToTopic
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::UnknownTopicOrPartition,
        ) => "\nError: Encountered some partition-level error, see the follow-up details.".to_owned(),
        Some(code) => format!("\nError: Encountered some unknown error: {}", code.name()),
    });
    let width = results
        .keys()
        .map(|(topic, _)| topic.len())
        .max()
        .unwrap_or(0)
        .max(15);
    console.text(format!(
        "\n{:<width$} {:<10} {:<15}",
        "TOPIC", "PARTITION", "STATUS"
    ));
    let mut rows: Vec<_> = results.into_iter().collect();
    rows.sort_by_key(|((topic, index), _)| format!("{topic}{index}"));
    for ((topic, index), error) in rows {
        let index = if index >= 0 {
            index.to_string()
        } else {
            "-".to_owned()
        };
        let status = error.map_or("Successful".to_owned(), |error| format!("Error: {error}"));
        console.text(format!("\n{topic:<width$} {index:<10} {status:<15}"));
    }
    console.line("");
    Ok(())
}
