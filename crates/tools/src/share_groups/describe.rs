//! `--describe`.

use std::collections::BTreeMap;

use super::{named, wrapped};
use crate::arguments::Options;
use crate::client::Cluster;
use crate::client::leaders::by_topic;
use crate::client::share_groups::ShareGroup;
use crate::console::Console;
use crate::failure::Outcome;

/// The least width of a column of names.
const LEAST: usize = 15;

/// Shows share groups, by their names.
pub fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let verbose = options.has("verbose");
    let mut groups: BTreeMap<String, ShareGroup> = BTreeMap::new();
    for id in named(options, cluster)? {
        let group = cluster
            .describe_share_group(&id)
            .map_err(|error| wrapped(error.into()))?;
        groups.insert(id, group);
    }
    for group in groups.values() {
        if options.has("members") {
            members(group, verbose, console);
        } else if options.has("state") {
            state(group, verbose, console);
        } else {
            offsets(group, cluster, verbose, console)?;
        }
    }
    Ok(())
}

fn width<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(LEAST)
}

/// Says what there is to say of the group's state, and answers whether there is more.
fn has_rows(group: &ShareGroup, rows: usize, console: &mut Console) -> bool {
    match group.state.as_str() {
        "Dead" => console.line(format!(
            "\nError: Share group '{}' group state is DEAD.",
            group.id
        )),
        "Empty" => console.error(format!("\nShare group '{}' has no active members.", group.id)),
        _ => {}
    }
    group.state != "Dead" && rows > 0
}

fn offsets(group: &ShareGroup, cluster: &Cluster, verbose: bool, console: &mut Console) -> Outcome {
    let offsets = cluster
        .share_group_offsets(&group.id)
        .map_err(|error| wrapped(error.into()))?;
    if offsets.is_empty() {
        console.line(format!("\nShare group '{}' has no offset information.", group.id));
        return Ok(());
    }
    let group_width = width([group.id.as_str()].into_iter());
    let topic_width = width(offsets.keys().map(|(topic, _)| topic.as_str()));
    let line = |[id, topic, index, epoch, start, lag]: [&str; 6]| {
        let epoch = match verbose {
            true => format!("{epoch:<13} "),
            false => String::new(),
        };
        format!("\n{id:<group_width$} {topic:<topic_width$} {index:<10} {epoch}{start:<13} {lag}")
    };
    console.text(line([
        "GROUP",
        "TOPIC",
        "PARTITION",
        "LEADER-EPOCH",
        "START-OFFSET",
        "LAG",
    ]));
    for ((topic, index), offset) in &offsets {
        let lag = offset.lag.map_or("-".to_owned(), |lag| lag.to_string());
        console.text(line([
            &group.id,
            topic,
            &index.to_string(),
            &offset.leader_epoch.to_string(),
            &offset.start_offset.to_string(),
            &lag,
        ]));
    }
    console.line("");
    Ok(())
}

fn state(group: &ShareGroup, verbose: bool, console: &mut Console) {
    has_rows(group, 1, console);
    let coordinator = group.coordinator.as_ref().map_or_else(String::new, |broker| {
        format!("{}:{}  ({})", broker.host, broker.port, broker.id)
    });
    let group_width = width([group.id.as_str()].into_iter());
    let coordinator_width = coordinator.len().max(25);
    let line = |[id, at, state, epoch, target, count]: [&str; 6]| {
        let epochs = match verbose {
            true => format!("{epoch:<12} {target:<17} "),
            false => String::new(),
        };
        format!("\n{id:<group_width$} {at:<coordinator_width$} {state:<15} {epochs}{count}")
    };
    console.text(line([
        "GROUP",
        "COORDINATOR (ID)",
        "STATE",
        "GROUP-EPOCH",
        "ASSIGNMENT-EPOCH",
        "#MEMBERS",
    ]));
    console.line(line([
        &group.id,
        &coordinator,
        &group.state,
        &group.epochs.0.to_string(),
        &group.epochs.1.to_string(),
        &group.members.len().to_string(),
    ]));
}

fn members(group: &ShareGroup, verbose: bool, console: &mut Console) {
    if !has_rows(group, group.members.len(), console) {
        return;
    }
    let group_width = width([group.id.as_str()].into_iter());
    let id_width = width(group.members.iter().map(|member| member.id.as_str()));
    let host_width = width(group.members.iter().map(|member| member.host.as_str()));
    let client_width = width(group.members.iter().map(|member| member.client_id.as_str()));
    let line = |[id, member, host, client, count, epoch, assignment]: [&str; 7]| {
        let epoch = match verbose {
            true => format!("{epoch:<13} "),
            false => String::new(),
        };
        format!(
            "\n{id:<group_width$} {member:<id_width$} {host:<host_width$} {client:<client_width$} {count:<12} \
             {epoch}{assignment}"
        )
    };
    console.text(line([
        "GROUP",
        "CONSUMER-ID",
        "HOST",
        "CLIENT-ID",
        "#PARTITIONS",
        "MEMBER-EPOCH",
        "ASSIGNMENT",
    ]));
    for member in &group.members {
        let topics = by_topic(member.assigned.iter().map(|at| (at.clone(), ())));
        let of_topic = topics.into_iter().map(|(topic, indexes)| {
            let indexes = indexes.into_iter().map(|(index, ())| index.to_string());
            format!("{topic}:{}", indexes.collect::<Vec<_>>().join(","))
        });
        let assignment = of_topic.collect::<Vec<_>>().join(";");
        console.text(line([
            &group.id,
            &member.id,
            &member.host,
            &member.client_id,
            &member.assigned.len().to_string(),
            &member.epoch.to_string(),
            if assignment.is_empty() { "-" } else { &assignment },
        ]));
    }
    console.line("");
}
