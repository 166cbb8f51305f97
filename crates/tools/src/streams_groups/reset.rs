//! `--reset-offsets`.

use std::collections::BTreeMap;

use barnabas_protocol::java_order::{hash_map_order, java_hash};

use super::delete::{delete_topics, input_offsets};
use super::describe::wrapped;
use super::{internal_topics, is_internal, named, said};
use crate::arguments::Options;
use crate::client::leaders::TopicPartition;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::consumer_groups::reset::{Offsets, in_order, partitions_named, prepare, table};
use crate::failure::{Failure, Outcome, usage};

/// Resets the offsets of groups without members, or shows what that would do.
pub fn reset(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let mut groups: BTreeMap<String, Offsets> = BTreeMap::new();
    let ids = named(options, cluster)?;
    for id in &ids {
        let offsets = one(options, cluster, id, console)?;
        groups.insert(id.clone(), offsets);
    }
    let mut groups: Vec<(String, Offsets)> = groups.into_iter().collect();
    hash_map_order(&mut groups, |(id, _)| java_hash(id));
    if options.has("export") {
        console.line(table(&groups, ids.len() != 1));
        return Ok(());
    }
    let line = |cells: [&str; 4]| {
        format!(
            "\n{:<30} {:<30} {:<10} {:<15}",
            cells[0], cells[1], cells[2], cells[3]
        )
    };
    console.text(line(["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"]));
    for (id, offsets) in &groups {
        for ((topic, index), offset) in in_order(offsets) {
            console.text(line([id, topic, &index.to_string(), &offset.to_string()]));
        }
    }
    console.line("");
    Ok(())
}

fn one(options: &Options, cluster: &Cluster, id: &str, console: &mut Console) -> Outcome<Offsets> {
    let (group, _) = cluster.describe_streams_group(id, false).map_err(wrapped_twice)?;
    let state = group.group_state.as_str();
    if state != "Empty" && state != "Dead" {
        said(
            &format!(
                "Assignments can only be reset if the group '{id}' is inactive, but the current state is {state}."
            ),
            console,
        );
        return Ok(Offsets::new());
    }
    let of_group = input_offsets(cluster, id).map_err(wrapped)?;
    let partitions: Vec<TopicPartition> = if options.has("all-input-topics") {
        of_group.clone()
    } else if options.has("input-topic") {
        partitions_named(&options.values("input-topic"), cluster)?
    } else if options.has("from-file") {
        Vec::new()
    } else {
        return usage("One of the reset scopes should be defined: --all-input-topics, --input-topic.");
    };
    if partitions.iter().any(|at| !of_group.contains(at)) {
        said(
            &format!("One or more topics are not part of the group '{id}'."),
            console,
        );
        return Ok(Offsets::new());
    }
    let offsets = prepare(options, cluster, id, &partitions, console)?;
    if options.has("execute") {
        let new: Vec<(TopicPartition, i64)> =
            offsets.iter().map(|(at, offset)| (at.clone(), *offset)).collect();
        cluster.alter_group_offsets(id, &new)?;
        let all = internal_topics(id, &group);
        let topics = match options.values("delete-internal-topic") {
            _ if options.has("delete-all-internal-topics") => all,
            wanted => wanted.into_iter().map(str::to_owned).collect(),
        };
        for topic in topics.iter().filter(|topic| !is_internal(id, topic)) {
            said(
                &format!(
                    "The internal topic '{topic}' is not inferred as internal and thus will not be deleted with the \
                     group '{id}'."
                ),
                console,
            );
        }
        let topics: Vec<String> = topics
            .into_iter()
            .filter(|topic| is_internal(id, topic))
            .collect();
        if let Err(error) = delete_topics(cluster, &topics) {
            let why = format!(
                "Deleting internal topics for group '{id}' failed due to {}",
                error.message
            );
            said(&why, console);
        }
    }
    Ok(offsets)
}

/// The error as it looks where Kafka's tool wraps a future's exception.
fn wrapped_twice(mut error: KafkaError) -> Failure {
    error.message = format!("java.util.concurrent.ExecutionException: {error}");
    Failure::Kafka(error)
}
