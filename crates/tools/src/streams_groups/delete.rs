//! `--delete` and `--delete-offsets`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

use super::describe::wrapped;
use super::{internal_topics, is_internal, named, of_streams, said};
use crate::arguments::Options;
use crate::client::leaders::TopicPartition;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::consumer_groups::delete::{Deleting, delete_offsets};
use crate::failure::Outcome;

/// Deletes groups, and with `--delete-all-internal-topics` what was made for them.
pub fn groups(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let mut ids = named(options, cluster)?;
    hash_map_order(&mut ids, |id| java_hash(id));
    ids.dedup();
    let known = of_streams(cluster, &[])?;
    let (mut deleted, mut failed, mut internal) = (Vec::new(), Vec::new(), BTreeMap::new());
    for id in ids {
        let Some(listed) = known.iter().find(|group| group.id == id) else {
            let why = format!("Group '{id}' does not exist or is not a streams group.");
            failed.push((id, format!("java.lang.IllegalArgumentException: {why}")));
            continue;
        };
        if listed.state != "Empty" && listed.state != "Dead" {
            let why = format!("Streams group '{id}' is not EMPTY.");
            let error = KafkaError::new(ErrorCode::NonEmptyGroup, why);
            failed.push((id, error.to_string()));
            continue;
        }
        if options.has("delete-all-internal-topics") {
            let (group, _) = cluster.describe_streams_group(&id, false).map_err(wrapped)?;
            internal.insert(id.clone(), internal_topics(&id, &group));
        }
        match cluster.delete_group(&id) {
            Ok(()) => deleted.push(id),
            Err(error) => failed.push((id, error.to_string())),
        }
    }
    let quoted = |ids: &[String]| format!("'{}'", ids.join("', '"));
    if failed.is_empty() {
        console.line(format!(
            "Deletion of requested streams groups ({}) was successful.",
            quoted(&deleted)
        ));
    } else {
        said("Deletion of some streams groups failed:", console);
        for (id, error) in failed {
            console.line(format!("* Group '{id}' could not be deleted due to: {error}"));
        }
        if !deleted.is_empty() {
            let deleted = quoted(&deleted);
            console.line(format!(
                "\nThese streams groups were deleted successfully: {deleted}."
            ));
        }
    }
    topics_of(&deleted, &internal, cluster, console);
    Ok(())
}

fn topics_of(
    deleted: &[String],
    internal: &BTreeMap<String, Vec<String>>,
    cluster: &Cluster,
    console: &mut Console,
) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for id in deleted {
        let Some(topics) = internal.get(id).filter(|topics| !topics.is_empty()) else {
            continue;
        };
        match delete_topics(cluster, topics) {
            Ok(()) => done.push(id.as_str()),
            Err(error) => failed.push((id, error)),
        }
    }
    if !failed.is_empty() {
        said("Deletion of some associated internal topics failed:", console);
        for (id, error) in failed {
            console.line(format!(
                "* Internal topics of the streams group '{id}' could not be deleted due to: {error}"
            ));
        }
    }
    if !done.is_empty() {
        console.line(format!(
            "Deletion of associated internal topics of the streams groups ('{}') was successful.",
            done.join("', '")
        ));
    }
}

/// Deletes topics; those that are gone already are no failure.
pub fn delete_topics(cluster: &Cluster, topics: &[String]) -> Result<(), KafkaError> {
    topics
        .iter()
        .try_for_each(|topic| match cluster.delete_topic(topic) {
            Err(error) if !error.is(ErrorCode::UnknownTopicOrPartition) => Err(error),
            _ => Ok(()),
        })
}

/// What of a group's committed offsets is of topics that the application reads but did not make.
pub fn input_offsets(cluster: &Cluster, id: &str) -> Result<Vec<TopicPartition>, KafkaError> {
    let committed = cluster.committed(id, None)?;
    let of_others = |at: &TopicPartition| !is_internal(id, &at.0);
    Ok(committed.into_keys().filter(of_others).collect())
}

/// Deletes a group's offsets.
pub fn offsets(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let id = options.value("group")?.unwrap_or_default();
    let mut deleting = Deleting::default();
    if options.has("all-input-topics") {
        deleting.partitions = input_offsets(cluster, id).map_err(wrapped)?;
    } else {
        deleting.topics = options
            .values("input-topic")
            .into_iter()
            .map(str::to_owned)
            .collect();
    }
    delete_offsets(id, deleting, cluster, console)
}
