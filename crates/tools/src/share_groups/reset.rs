//! `--reset-offsets`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;

use super::wrapped;
use crate::arguments::{Options, text_file};
use crate::client::leaders::TopicPartition;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::consumer_groups::{self as logs, Offsets};
use crate::failure::{Failure, Outcome, said};

/// Sets where a share group without members begins, or shows what that would do.
pub fn reset(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let id = options.value("group")?.unwrap_or_default();
    let state = match cluster.describe_share_group(id) {
        Ok(group) => group.state,
        Err(error) if error.is(ErrorCode::GroupIdNotFound) => "Dead".to_owned(),
        Err(error) => return Err(wrapped(error.into())),
    };
    if state != "Empty" && state != "Dead" {
        console.error(format!("Share group '{id}' is not empty."));
        return Err(Failure::Exit(1));
    }
    let offsets = plan(options, cluster, id, console)?;
    if options.has("execute") {
        cluster.alter_share_group_offsets(id, &offsets)?;
    }
    if options.has("export") {
        let row = |((topic, index), offset): (&TopicPartition, &i64)| format!("{topic},{index},{offset}\n");
        console.line(logs::in_order(&offsets).into_iter().map(row).collect::<String>());
    } else {
        logs::show(&[(id.to_owned(), offsets)], console);
    }
    Ok(())
}

fn plan(options: &Options, cluster: &Cluster, id: &str, console: &mut Console) -> Outcome<Offsets> {
    let stands = |cluster: &Cluster| -> Outcome<Offsets> {
        let found = match cluster.share_group_offsets(id) {
            Ok(found) => found,
            Err(error) if error.is(ErrorCode::GroupIdNotFound) => BTreeMap::new(),
            Err(error) => return Err(wrapped(error.into())),
        };
        Ok(found
            .into_iter()
            .map(|(at, offset)| (at, offset.start_offset))
            .collect())
    };
    if let Some(path) = options.value("from-file")? {
        return logs::within(cluster, from_csv(&text_file(path)?)?, console);
    }
    let partitions: Vec<TopicPartition> = if options.has("all-topics") {
        stands(cluster)?.into_keys().collect()
    } else {
        logs::partitions(options, cluster, id)?
    };
    logs::check(cluster, &partitions)?;
    if let Some(offset) = options.number::<i64>("to-offset")? {
        let wanted = partitions.iter().map(|at| (at.clone(), offset)).collect();
        return logs::within(cluster, wanted, console);
    }
    if options.has("to-earliest") {
        return logs::starts(cluster, &partitions);
    }
    if options.has("to-latest") {
        return logs::ends(cluster, &partitions);
    }
    if let Some(text) = options.value("to-datetime")? {
        let time = logs::date_time(text).map_err(|why| Failure::Kafka(KafkaError::plain(why)))?;
        return logs::by_time(cluster, &partitions, time, console);
    }
    let known = stands(cluster)?;
    let (has, lacks): (Vec<_>, Vec<_>) = partitions.into_iter().partition(|at| known.contains_key(at));
    let mut offsets = logs::ends(cluster, &lacks)?;
    offsets.extend(
        has.into_iter()
            .filter_map(|at| Some((at.clone(), *known.get(&at)?))),
    );
    Ok(offsets)
}

/// What `--export` has written.
fn from_csv(text: &str) -> Outcome<Offsets> {
    let mut offsets = Offsets::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<&str> = line
            .split(',')
            .map(|cell| cell.trim().trim_matches('"'))
            .collect();
        let read = match cells[..] {
            [topic, index, offset] => index
                .parse()
                .ok()
                .zip(offset.parse().ok())
                .map(|numbers| (topic, numbers)),
            _ => None,
        };
        let Some((topic, (index, offset))) = read else {
            return said(format!("the line can't be read: {line}"));
        };
        offsets.insert((topic.to_owned(), index), offset);
    }
    Ok(offsets)
}
