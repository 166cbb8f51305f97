//! `--describe`.

use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::java_order::hash_map_order;
use barnabas_protocol::messages::streams_group_describe_response::{
    Assignment, DescribedGroup, Member, TaskIds,
};

use super::{named, said, subtopologies, topology};
use crate::arguments::Options;
use crate::client::committed::Committed;
use crate::client::leaders::{TopicPartition, hash};
use crate::client::{Broker, Cluster};
use crate::console::Console;
use crate::consumer_groups::positions::{ends, starts};
use crate::failure::{Failure, Outcome};

const MISSING: &str = "-";
/// What `topology_description_status` says.
const NOT_STORED: i8 = 1;
const FAILED: i8 = 2;

/// Shows groups.
pub fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let verbose = options.has("verbose");
    let mut fails = false;
    for id in named(options, cluster)? {
        let found = cluster.describe_streams_group(&id, options.has("topology"));
        let (group, coordinator) = found.map_err(wrapped)?;
        if options.has("topology") {
            fails |= !shows_topology(&id, &group, console);
        } else if options.has("members") {
            members(&id, &group, verbose, console);
        } else if options.has("state") {
            state(&id, &group, coordinator.as_ref(), verbose, console);
        } else {
            offsets(&id, &group, verbose, cluster, console)?;
        }
    }
    if fails { Err(Failure::Exit(1)) } else { Ok(()) }
}

/// The error as it looks where Kafka's tool lets a future's exception through.
pub fn wrapped(mut error: crate::client::KafkaError) -> Failure {
    error.message = error.to_string();
    Failure::Kafka(error)
}

fn shows_topology(id: &str, group: &DescribedGroup, console: &mut Console) -> bool {
    if let Some(description) = &group.topology_description {
        console.line(topology::shown(description));
        return true;
    }
    let why = match group.topology_description_status {
        NOT_STORED => format!("No topology description is stored for streams group '{id}'."),
        FAILED => format!(
            "The broker failed to fetch the topology description for streams group '{id}'. See the broker logs for \
             details."
        ),
        status => {
            format!("No topology description is available for streams group '{id}' (status: {status}).")
        }
    };
    said(&why, console);
    false
}

/// Says what there is to say of the group's state, and answers whether there is more.
fn has_rows(id: &str, group: &DescribedGroup, rows: usize, console: &mut Console) -> bool {
    match group.group_state.as_str() {
        "Dead" => said(&format!("Streams group '{id}' does not exist."), console),
        "Empty" => said(&format!("Streams group '{id}' has no active members."), console),
        _ => {}
    }
    group.group_state.as_str() != "Dead" && rows > 0
}

fn tasks(tasks: &[TaskIds], kind: &str) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let each = tasks.iter().map(|task| {
        let partitions: Vec<String> = task.partitions.iter().map(i32::to_string).collect();
        format!("{}:[{}]; ", task.subtopology_id, partitions.join(","))
    });
    format!("{kind}: {}", each.collect::<String>())
}

fn assignment(of: &Assignment, prefix: &str) -> String {
    [
        tasks(&of.active_tasks, &format!("{prefix}ACTIVE")),
        tasks(&of.standby_tasks, &format!("{prefix}STANDBY")),
        tasks(&of.warmup_tasks, &format!("{prefix}WARMUP")),
    ]
    .concat()
}

fn members(id: &str, group: &DescribedGroup, verbose: bool, console: &mut Console) {
    if !has_rows(id, group, group.members.len(), console) {
        return;
    }
    let widest = |get: fn(&Member) -> &str| {
        let lengths = group.members.iter().map(|member| get(member).len());
        lengths.max().unwrap_or(0).max(15)
    };
    let width = id.len().max(15);
    let member_width = widest(|member| member.member_id.as_str());
    let process_width = widest(|member| member.process_id.as_str());
    let client_width = widest(|member| member.client_id.as_str());
    let line = |cells: [&str; 9]| {
        let [
            group,
            target,
            topology,
            member,
            protocol,
            epoch,
            process,
            client,
            tasks,
        ] = cells;
        match verbose {
            false => format!(
                "{group:<width$} {member:<member_width$} {process:<process_width$} {client:<client_width$} {tasks}"
            ),
            true => format!(
                "{group:<width$} {target:<25} {topology:<15}{member:<member_width$} {protocol:<15} {epoch:<15} \
                 {process:<process_width$} {client:<client_width$} {tasks}"
            ),
        }
    };
    console.line(line([
        "GROUP",
        "TARGET-ASSIGNMENT-EPOCH",
        "TOPOLOGY-EPOCH",
        "MEMBER",
        "MEMBER-PROTOCOL",
        "MEMBER-EPOCH",
        "PROCESS",
        "CLIENT-ID",
        "ASSIGNMENTS",
    ]));
    for member in &group.members {
        let mut tasks = assignment(&member.assignment, "");
        if verbose {
            tasks += &assignment(&member.target_assignment, "TARGET-");
        }
        console.line(line([
            id,
            &group.assignment_epoch.to_string(),
            &member.topology_epoch.to_string(),
            member.member_id.as_str(),
            if member.is_classic { "classic" } else { "streams" },
            &member.member_epoch.to_string(),
            member.process_id.as_str(),
            member.client_id.as_str(),
            &tasks,
        ]));
    }
}

fn state(
    id: &str,
    group: &DescribedGroup,
    coordinator: Option<&Broker>,
    verbose: bool,
    console: &mut Console,
) {
    has_rows(id, group, 1, console);
    let coordinator = coordinator.map_or_else(String::new, |broker| {
        format!("{}:{} ({})", broker.host, broker.port, broker.id)
    });
    let assignor = group.assignor_name.as_ref().map_or("", |name| name.as_str());
    let (width, coordinator_width) = (id.len().max(15), coordinator.len().max(25));
    let assignor_width = assignor.len().max(15);
    let line = |cells: [&str; 7]| {
        let [id, coordinator, assignor, state, epoch, target, count] = cells;
        let epochs = if verbose {
            format!("{epoch:<15} {target:<25} ")
        } else {
            String::new()
        };
        format!(
            "{id:<width$} {coordinator:<coordinator_width$} {assignor:<assignor_width$} {state:<25} {epochs}{count}"
        )
    };
    console.line(line([
        "GROUP",
        "COORDINATOR (ID)",
        "ASSIGNOR",
        "STATE",
        "GROUP-EPOCH",
        "TARGET-ASSIGNMENT-EPOCH",
        "#MEMBERS",
    ]));
    console.line(line([
        id,
        &coordinator,
        assignor,
        group.group_state.as_str(),
        &group.group_epoch.to_string(),
        &group.assignment_epoch.to_string(),
        &group.members.len().to_string(),
    ]));
}

/// The partitions that active tasks read.
fn read_by(group: &DescribedGroup) -> BTreeSet<TopicPartition> {
    let mut found = BTreeSet::new();
    for task in group
        .members
        .iter()
        .flat_map(|member| &member.assignment.active_tasks)
    {
        let of_task = subtopologies(group)
            .iter()
            .filter(|subtopology| subtopology.subtopology_id == task.subtopology_id);
        for subtopology in of_task {
            let repartitions = subtopology
                .repartition_source_topics
                .iter()
                .map(|topic| &topic.name);
            for topic in subtopology.source_topics.iter().chain(repartitions) {
                found.extend(task.partitions.iter().map(|index| (topic.to_string(), *index)));
            }
        }
    }
    found
}

fn offsets(
    id: &str,
    group: &DescribedGroup,
    verbose: bool,
    cluster: &Cluster,
    console: &mut Console,
) -> Outcome {
    let mut partitions: Vec<TopicPartition> = read_by(group).into_iter().collect();
    hash_map_order(&mut partitions, hash);
    let committed: BTreeMap<TopicPartition, Committed> = match partitions.is_empty() {
        true => BTreeMap::new(),
        false => cluster.committed(id, None).map_err(wrapped)?,
    };
    let (starts, ends) = (starts(cluster, &partitions)?, ends(cluster, &partitions)?);
    if !has_rows(id, group, partitions.len(), console) {
        return Ok(());
    }
    let width = id.len().max(15);
    let topic_width = partitions
        .iter()
        .map(|(topic, _)| topic.len())
        .max()
        .unwrap_or(0)
        .max(15);
    let line = |cells: [&str; 7]| {
        let [group, topic, partition, current, epoch, end, lag] = cells;
        match verbose {
            false => format!("{group:<width$} {topic:<topic_width$} {partition:<10} {lag}"),
            true => format!(
                "{group:<width$} {topic:<topic_width$} {partition:<10} {current:<15} {epoch:<15} {end:<15} {lag:<15}"
            ),
        }
    };
    console.line(line([
        "GROUP",
        "TOPIC",
        "PARTITION",
        "CURRENT-OFFSET",
        "LEADER-EPOCH",
        "LOG-END-OFFSET",
        "OFFSET-LAG",
    ]));
    for at in &partitions {
        let known = committed.get(at);
        let shown = |number: Option<i64>| number.map_or(MISSING.to_owned(), |number| number.to_string());
        let end = ends.get(at).copied().unwrap_or(-1);
        let from = known
            .map(|committed| committed.offset)
            .or_else(|| starts.get(at).copied());
        console.line(line([
            id,
            &at.0,
            &at.1.to_string(),
            &shown(known.map(|committed| committed.offset)),
            &shown(known.and_then(|committed| committed.leader_epoch).map(i64::from)),
            &end.to_string(),
            &(end - from.unwrap_or(0)).to_string(),
        ]));
    }
    Ok(())
}
