//! `--reset-offsets`.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

use super::positions::{at, ends, starts};
use super::times::{date_time, duration};
use super::{named, wrapped_twice};
use crate::arguments::{Options, text_file};
use crate::client::committed::Committed;
use crate::client::leaders::{TopicPartition, hash, topics_of};
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};

/// Offsets of partitions.
pub type Offsets = BTreeMap<TopicPartition, i64>;

/// Resets the offsets of groups without members, or shows what that would do.
pub fn reset(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let mut groups: BTreeMap<String, Offsets> = BTreeMap::new();
    let ids = named(options, cluster)?;
    for id in &ids {
        let state = match cluster.describe_group(id) {
            Ok(group) => group.state,
            Err(error) if error.is(ErrorCode::GroupIdNotFound) => "Dead".to_owned(),
            Err(error) => return Err(wrapped_twice(error.into())),
        };
        let offsets = if state == "Empty" || state == "Dead" {
            reset_one(options, cluster, id, console)?
        } else {
            console.line(format!(
                "\nError: Assignments can only be reset if the group '{id}' is inactive, but the current state is \
                 {state}."
            ));
            Offsets::new()
        };
        groups.insert(id.clone(), offsets);
    }
    let mut groups: Vec<(String, Offsets)> = groups.into_iter().collect();
    hash_map_order(&mut groups, |(id, _)| java_hash(id));
    if options.has("export") {
        console.line(table(&groups, ids.len() != 1));
    } else {
        show(&groups, console);
    }
    Ok(())
}

/// The offsets as comma separated values, of several groups with their ids.
pub fn table(groups: &[(String, Offsets)], with_group: bool) -> String {
    let mut table = String::new();
    for (id, offsets) in groups {
        for ((topic, index), offset) in in_order(offsets) {
            let group = if with_group {
                format!("{id},")
            } else {
                String::new()
            };
            table += &format!("{group}{topic},{index},{offset}\n");
        }
    }
    table
}

/// In the order of Java's table of them.
pub fn in_order(offsets: &Offsets) -> Vec<(&TopicPartition, &i64)> {
    let mut offsets: Vec<_> = offsets.iter().collect();
    hash_map_order(&mut offsets, |(at, _)| hash(at));
    offsets
}

/// Shows to what the offsets of groups are reset.
pub fn show(groups: &[(String, Offsets)], console: &mut Console) {
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(15);
    let group_width = widest(&mut groups.iter().map(|(id, _)| id.len()));
    let topic_width = widest(
        &mut groups
            .iter()
            .flat_map(|(_, offsets)| offsets.keys().map(|(topic, _)| topic.len())),
    );
    let line = |group: &str, topic: &str, partition: &str, offset: &str| {
        format!("\n{group:<group_width$} {topic:<topic_width$} {partition:<10} {offset}")
    };
    if !groups.is_empty() {
        console.text(line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"));
    }
    for (id, offsets) in groups {
        for ((topic, index), offset) in in_order(offsets) {
            console.text(line(id, topic, &index.to_string(), &offset.to_string()));
        }
    }
    console.line("");
}

fn reset_one(options: &Options, cluster: &Cluster, id: &str, console: &mut Console) -> Outcome<Offsets> {
    let partitions = partitions(options, cluster, id)?;
    check(cluster, &partitions)?;
    let offsets = prepare(options, cluster, id, &partitions, console)?;
    if options.has("execute") && !options.has("dry-run") {
        let offsets: Vec<(TopicPartition, i64)> =
            offsets.iter().map(|(at, offset)| (at.clone(), *offset)).collect();
        cluster.alter_group_offsets(id, &offsets)?;
    }
    Ok(offsets)
}

fn committed(cluster: &Cluster, id: &str) -> Outcome<BTreeMap<TopicPartition, Committed>> {
    cluster
        .committed(id, None)
        .map_err(|error| wrapped_twice(error.into()))
}

/// The partitions whose offsets are reset.
pub fn partitions(options: &Options, cluster: &Cluster, id: &str) -> Outcome<Vec<TopicPartition>> {
    if options.has("all-topics") {
        return Ok(committed(cluster, id)?.into_keys().collect());
    }
    if !options.has("topic") && !options.has("from-file") {
        return usage("One of the reset scopes should be defined: --all-topics, --topic.");
    }
    partitions_named(&options.values("topic"), cluster)
}

/// The partitions that are named, as `topic:0,1` or as whole topics.
pub fn partitions_named(topics: &[&str], cluster: &Cluster) -> Outcome<Vec<TopicPartition>> {
    let (mut found, mut whole) = (Vec::new(), Vec::new());
    for topic in topics {
        if topic.contains(':') {
            found.extend(partitions_of(topic)?);
        } else {
            whole.push((*topic).to_owned());
        }
    }
    if !whole.is_empty() {
        for topic in cluster.describe_topics(&whole, 2000)? {
            found.extend(
                topic
                    .partitions
                    .iter()
                    .map(|partition| (topic.name.clone(), partition.index)),
            );
        }
    }
    Ok(found)
}

/// The partitions that `topic:0,1` names.
pub fn partitions_of(argument: &str) -> Outcome<Vec<TopicPartition>> {
    let parts: Vec<&str> = argument.split(':').collect();
    let [topic, partitions] = parts[..] else {
        return said(format!(
            "Invalid topic arg '{argument}', expected topic name and partitions"
        ));
    };
    let index = |text: &str| match text.parse() {
        Ok(index) => Ok((topic.to_owned(), index)),
        Err(_) => said(format!(
            "Invalid partition '{text}' specified in topic arg '{argument}''"
        )),
    };
    partitions.split(',').map(index).collect()
}

/// Refuses partitions that there are not.
pub fn check(cluster: &Cluster, partitions: &[TopicPartition]) -> Outcome {
    if partitions.is_empty() {
        return Ok(());
    }
    let described = cluster.describe_topics(&topics_of(partitions), 2000);
    let described = described.map_err(|error| wrapped_twice(error.into()))?;
    let missing = |(topic, index): &&TopicPartition| {
        let topic = described.iter().find(|described| described.name == *topic);
        topic.is_none_or(|topic| topic.partitions.iter().all(|partition| partition.index != *index))
    };
    let missing: Vec<String> = partitions
        .iter()
        .filter(missing)
        .map(|(topic, index)| format!("{topic}-{index}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let said = format!("The partitions \"{}\" do not exist", missing.join(","));
    Err(KafkaError::new(ErrorCode::UnknownTopicOrPartition, said).into())
}

/// What the options say that these partitions' offsets are to be.
pub fn prepare(
    options: &Options,
    cluster: &Cluster,
    id: &str,
    partitions: &[TopicPartition],
    console: &mut Console,
) -> Outcome<Offsets> {
    if let Some(offset) = options.values("to-offset").first() {
        let offset: i64 = offset
            .parse()
            .map_err(|_| Failure::Usage(format!("Cannot parse argument '{offset}' of option to-offset")))?;
        return within(
            cluster,
            partitions.iter().map(|at| (at.clone(), offset)).collect(),
            console,
        );
    }
    if options.has("to-earliest") {
        return starts(cluster, partitions);
    }
    if options.has("to-latest") {
        return ends(cluster, partitions);
    }
    if let Some(by) = options.number::<i64>("shift-by")? {
        let committed = committed(cluster, id)?;
        let shifted = partitions.iter().map(|at| match committed.get(at) {
            Some(committed) => Ok((at.clone(), committed.offset + by)),
            None => said(format!(
                "Cannot shift offset for partition {}-{} since there is no current committed offset",
                at.0, at.1
            )),
        });
        return within(cluster, shifted.collect::<Outcome<_>>()?, console);
    }
    if let Some(text) = options.values("to-datetime").first() {
        let time = date_time(text).map_err(|why| Failure::Kafka(KafkaError::plain(why)))?;
        return by_time(cluster, partitions, time, console);
    }
    if let Some(text) = options.value("by-duration")? {
        let Some(duration) = duration(text) else {
            return Err(KafkaError::plain("Text cannot be parsed to a Duration").into());
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis() as i64;
        return by_time(cluster, partitions, now - duration, console);
    }
    if let Some(path) = options.values("from-file").first() {
        return from_file(path, options, cluster, id, console);
    }
    if options.has("to-current") {
        let committed = committed(cluster, id)?;
        let (has, lacks): (Vec<_>, Vec<_>) = partitions
            .iter()
            .cloned()
            .partition(|at| committed.contains_key(at));
        let mut offsets = ends(cluster, &lacks)?;
        offsets.extend(
            has.into_iter()
                .filter_map(|at| Some((at.clone(), committed.get(&at)?.offset))),
        );
        return Ok(offsets);
    }
    usage(
        "Option '[reset-offsets]' requires one of the following scenarios: [to-offset], [shift-by], [to-datetime], \
         [by-duration], [to-earliest], [to-latest], [to-current], [from-file]",
    )
}

/// The first offsets since a time, or the ends where there are none.
pub fn by_time(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    time: i64,
    console: &mut Console,
) -> Outcome<Offsets> {
    let found = at(cluster, partitions, time)?;
    let (mut offsets, nothing): (Offsets, Offsets) = found.into_iter().partition(|(_, offset)| *offset != -1);
    let nothing: Vec<TopicPartition> = in_order(&nothing).into_iter().map(|(at, _)| at.clone()).collect();
    for (topic, index) in &nothing {
        console.line(format!(
            "\nWarn: Partition {index} from topic {topic} is empty. Falling back to latest known offset."
        ));
    }
    offsets.extend(ends(cluster, &nothing)?);
    Ok(offsets)
}

/// The offsets, or the next one that there is in the log.
pub fn within(cluster: &Cluster, wanted: Offsets, console: &mut Console) -> Outcome<Offsets> {
    let partitions: Vec<TopicPartition> = wanted.keys().cloned().collect();
    let (starts, ends) = (starts(cluster, &partitions)?, ends(cluster, &partitions)?);
    let mut offsets = Offsets::new();
    for (at, wanted) in wanted {
        let end = ends.get(&at).copied().unwrap_or(wanted);
        let start = starts.get(&at).copied().unwrap_or(wanted);
        let offset = if wanted > end { end } else { wanted.max(start) };
        if offset != wanted {
            console.error(format!(
                "Offset {wanted} is not in the log of {}-{}: {offset} is taken",
                at.0, at.1
            ));
        }
        offsets.insert(at, offset);
    }
    Ok(offsets)
}

/// What `--export` has written: with the group's id in front, or without.
fn from_file(
    path: &str,
    options: &Options,
    cluster: &Cluster,
    id: &str,
    console: &mut Console,
) -> Outcome<Offsets> {
    let unreadable = |why: String| Failure::Kafka(KafkaError::plain(why));
    let text = text_file(path)
        .map_err(|why| unreadable(format!("java.nio.file.NoSuchFileException: {}", why.message())))?;
    let mut wanted = Offsets::new();
    let is_single = options.values("group").len() == 1;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<&str> = line
            .split(',')
            .map(|cell| cell.trim().trim_matches('"'))
            .collect();
        let (group, topic, index, offset) = match cells[..] {
            [topic, index, offset] if is_single => (id, topic, index, offset),
            [group, topic, index, offset] => (group, topic, index, offset),
            _ => return Err(unreadable(format!("the line can't be read: {line}"))),
        };
        let (Ok(index), Ok(offset)) = (index.parse(), offset.parse()) else {
            return Err(unreadable(format!("the line can't be read: {line}")));
        };
        if group == id {
            wanted.insert((topic.to_owned(), index), offset);
        }
    }
    if wanted.is_empty() {
        console.line(format!("\nError: No reset plan for group {id} found."));
        return Ok(wanted);
    }
    within(cluster, wanted, console)
}
