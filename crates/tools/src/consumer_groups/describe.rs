//! `--describe`.

use std::collections::BTreeMap;

use super::{named, wrapped, wrapped_twice};
use crate::arguments::Options;
use crate::client::Cluster;
use crate::client::committed::Committed;
use crate::client::groups::{GroupDescription, GroupMember};
use crate::client::leaders::{TopicPartition, by_topic};
use crate::console::Console;
use crate::failure::Outcome;

use super::positions::ends;

const MISSING: &str = "-";

/// Shows groups, by their names.
pub fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let verbose = options.has("verbose");
    let mut groups: BTreeMap<String, GroupDescription> = BTreeMap::new();
    for id in named(options, cluster)? {
        let group = cluster
            .describe_group(&id)
            .map_err(|error| wrapped(error.into()))?;
        groups.insert(id, group);
    }
    if options.has("members") {
        groups.values().for_each(|group| members(group, verbose, console));
    } else if options.has("state") {
        groups.values().for_each(|group| state(group, verbose, console));
    } else {
        let mut rows = Vec::new();
        for group in groups.values() {
            rows.push((group, offset_rows(group, cluster)?));
        }
        for (group, rows) in rows {
            offsets(group, &rows, verbose, console);
        }
    }
    Ok(())
}

/// Says what there is to say of the group's state, and answers whether there is more.
fn has_rows(group: &GroupDescription, rows: usize, console: &mut Console) -> bool {
    let id = &group.id;
    match group.state.as_str() {
        "Dead" => console.line(format!("\nError: Consumer group '{id}' does not exist.")),
        "Empty" => console.error(format!("\nConsumer group '{id}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            console.error(format!("\nWarning: Consumer group '{id}' is rebalancing."));
        }
        _ => {}
    }
    group.state != "Dead" && rows > 0
}

/// A partition in the table of offsets.
struct OffsetRow<'g> {
    at: TopicPartition,
    committed: Option<Committed>,
    end: Option<i64>,
    member: Option<&'g GroupMember>,
}

fn offset_rows<'g>(group: &'g GroupDescription, cluster: &Cluster) -> Outcome<Vec<OffsetRow<'g>>> {
    let committed = cluster
        .committed(&group.id, None)
        .map_err(|error| wrapped_twice(error.into()))?;
    let mut members: Vec<&GroupMember> = group
        .members
        .iter()
        .filter(|member| !member.assigned.is_empty())
        .collect();
    members.sort_by_key(|member| std::cmp::Reverse(member.assigned.len()));
    let mut rows = Vec::new();
    let assigned: Vec<&TopicPartition> = members.iter().flat_map(|member| &member.assigned).collect();
    let rest: Vec<TopicPartition> = committed
        .keys()
        .filter(|at| !assigned.contains(at))
        .cloned()
        .collect();
    let of_members = members
        .iter()
        .map(|member| (Some(*member), member.assigned.clone()));
    for (member, mut partitions) in of_members
        .chain([(None, rest)])
        .filter(|(_, partitions)| !partitions.is_empty())
    {
        partitions.sort();
        let ends = ends(cluster, &partitions)?;
        rows.extend(partitions.into_iter().map(|at| OffsetRow {
            committed: committed.get(&at).cloned(),
            end: ends.get(&at).copied(),
            at,
            member,
        }));
    }
    Ok(rows)
}

fn offsets(group: &GroupDescription, rows: &[OffsetRow<'_>], verbose: bool, console: &mut Console) {
    if !has_rows(group, rows.len(), console) {
        return;
    }
    let of_member =
        |row: &OffsetRow<'_>, get: fn(&GroupMember) -> &str| row.member.map_or(MISSING, get).to_owned();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(15);
    let topic_width = width(&mut rows.iter().map(|row| row.at.0.len()));
    let group_width = group.id.len().max(15);
    let id_width = width(&mut rows.iter().map(|row| of_member(row, |member| &member.id).len()));
    let host_width = width(&mut rows.iter().map(|row| of_member(row, |member| &member.host).len()));
    let line = |cells: [&str; 10]| {
        let [
            group,
            topic,
            partition,
            epoch,
            current,
            end,
            lag,
            id,
            host,
            client,
        ] = cells;
        let epoch = if verbose {
            format!(" {epoch:<15}")
        } else {
            String::new()
        };
        format!(
            "\n{group:<group_width$} {topic:<topic_width$} {partition:<10}{epoch} {current:<15} {end:<15} {lag:<15} \
             {id:<id_width$} {host:<host_width$} {client}"
        )
    };
    console.text(line([
        "GROUP",
        "TOPIC",
        "PARTITION",
        "LEADER-EPOCH",
        "CURRENT-OFFSET",
        "LOG-END-OFFSET",
        "LAG",
        "CONSUMER-ID",
        "HOST",
        "CLIENT-ID",
    ]));
    let shown = |number: Option<i64>| number.map_or(MISSING.to_owned(), |number| number.to_string());
    for row in rows {
        let current = row.committed.as_ref().map(|committed| committed.offset);
        let lag = current
            .filter(|offset| *offset != -1)
            .and_then(|offset| Some(row.end? - offset));
        let epoch = row
            .committed
            .as_ref()
            .and_then(|committed| committed.leader_epoch)
            .map(i64::from);
        console.text(line([
            &group.id,
            &row.at.0,
            &row.at.1.to_string(),
            &shown(epoch),
            &shown(current),
            &shown(row.end),
            &shown(lag),
            &of_member(row, |member| &member.id),
            &of_member(row, |member| &member.host),
            &of_member(row, |member| &member.client_id),
        ]));
    }
    console.line("");
}

/// `topic:0,1;other:2`.
fn shown(partitions: &[TopicPartition]) -> String {
    if partitions.is_empty() {
        return MISSING.to_owned();
    }
    let topics = by_topic(partitions.iter().map(|at| (at.clone(), ())))
        .into_iter()
        .map(|(topic, partitions)| {
            let mut indexes: Vec<i32> = partitions.into_iter().map(|(index, ())| index).collect();
            indexes.sort_unstable();
            let indexes: Vec<String> = indexes.iter().map(i32::to_string).collect();
            format!("{topic}:{}", indexes.join(","))
        });
    let mut topics: Vec<String> = topics.collect();
    topics.sort();
    topics.join(";")
}

fn members(group: &GroupDescription, verbose: bool, console: &mut Console) {
    let members = &group.members;
    let has_rows = has_rows(group, members.len(), console);
    let widest = |least: usize, get: &dyn Fn(&GroupMember) -> usize| {
        let lengths = members.iter().filter(|_| has_rows).map(get);
        lengths.max().unwrap_or(0).max(least)
    };
    let group_width = if has_rows { group.id.len().max(15) } else { 15 };
    let id_width = widest(15, &|member| member.id.len());
    let instance_width = widest(17, &|member| member.instance.as_ref().map_or(0, String::len));
    let host_width = widest(15, &|member| member.host.len());
    let client_width = widest(15, &|member| member.client_id.len());
    let current_width = widest(20, &|member| shown(&member.assigned).len());
    let target_width = widest(20, &|member| shown(&member.target).len());
    let any = |is: &dyn Fn(&GroupMember) -> bool| has_rows && members.iter().any(is);
    let with_instance = any(&|member| {
        member
            .instance
            .as_ref()
            .is_some_and(|instance| !instance.is_empty())
    });
    let is_migrating =
        any(&|member| member.is_upgraded == Some(false)) && any(&|member| member.is_upgraded == Some(true));
    let line = |cells: [&str; 11]| {
        let [
            group,
            id,
            instance,
            host,
            client,
            count,
            epoch,
            current,
            target_epoch,
            target,
            upgraded,
        ] = cells;
        let instance = if with_instance {
            format!(" {instance:<instance_width$}")
        } else {
            String::new()
        };
        let mut line = format!(
            "{group:<group_width$} {id:<id_width$}{instance} {host:<host_width$} {client:<client_width$} {count:<15} "
        );
        if verbose {
            line +=
                &format!("{epoch:<15} {current:<current_width$} {target_epoch:<15} {target:<target_width$}");
            if is_migrating {
                line += &format!(" {upgraded}");
            }
        }
        line
    };
    console.text("\n");
    console.line(line([
        "GROUP",
        "CONSUMER-ID",
        "GROUP-INSTANCE-ID",
        "HOST",
        "CLIENT-ID",
        "#PARTITIONS",
        "CURRENT-EPOCH",
        "CURRENT-ASSIGNMENT",
        "TARGET-EPOCH",
        "TARGET-ASSIGNMENT",
        "UPGRADED",
    ]));
    let epoch = |epoch: Option<i32>| epoch.map_or(MISSING.to_owned(), |epoch| epoch.to_string());
    for member in members {
        console.line(line([
            &group.id,
            &member.id,
            member.instance.as_deref().unwrap_or_default(),
            &member.host,
            &member.client_id,
            &member.assigned.len().to_string(),
            &epoch(member.epoch),
            &shown(&member.assigned),
            &epoch(group.epochs.map(|(_, target)| target)),
            &shown(&member.target),
            &member
                .is_upgraded
                .map_or(MISSING.to_owned(), |upgraded| upgraded.to_string()),
        ]));
    }
}

fn state(group: &GroupDescription, verbose: bool, console: &mut Console) {
    if !has_rows(group, 1, console) {
        return;
    }
    let coordinator = group.coordinator.as_ref();
    let coordinator = coordinator.map_or_else(String::new, |broker| {
        format!("{}:{}  ({})", broker.host, broker.port, broker.id)
    });
    let width = coordinator.len().max(25);
    let group_width = group.id.len().max(15);
    let assignor = if group.assignor.is_empty() {
        MISSING
    } else {
        &group.assignor
    };
    let line = |cells: [&str; 7]| {
        let [id, coordinator, assignor, state, epoch, target, count] = cells;
        let epochs = if verbose {
            format!("{epoch:<15} {target:<25} ")
        } else {
            String::new()
        };
        format!("\n{id:<group_width$} {coordinator:<width$} {assignor:<20} {state:<20} {epochs}{count}")
    };
    console.text(line([
        "GROUP",
        "COORDINATOR (ID)",
        "ASSIGNMENT-STRATEGY",
        "STATE",
        "GROUP-EPOCH",
        "TARGET-ASSIGNMENT-EPOCH",
        "#MEMBERS",
    ]));
    let epoch = |epoch: Option<i32>| epoch.map_or(MISSING.to_owned(), |epoch| epoch.to_string());
    console.line(line([
        &group.id,
        &coordinator,
        assignor,
        &group.state,
        &epoch(group.epochs.map(|(epoch, _)| epoch)),
        &epoch(group.epochs.map(|(_, target)| target)),
        &group.members.len().to_string(),
    ]));
}
