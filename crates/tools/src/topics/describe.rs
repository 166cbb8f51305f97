//! `--describe`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::ListPartitionReassignmentsRequest;
use barnabas_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use barnabas_protocol::messages::list_partition_reassignments_response::OngoingPartitionReassignment;

use super::{ensure_exists, is_internal, matching};
use crate::arguments::{Options, id};
use crate::client::configs::{ConfigEntry, Source, TOPIC};
use crate::client::topics::{PartitionInfo, TopicDescription};
use crate::client::{Cluster, KafkaError, To, topic_name};
use crate::console::Console;
use crate::failure::{Outcome, said};

/// So many partitions in one answer, unless told otherwise.
const PAGE: i32 = 2000;

type Reassignments = BTreeMap<(String, i32), OngoingPartitionReassignment>;

/// Shows topics.
pub fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let topics = topics(options, cluster)?;
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let configs = cluster.describe_all_configs(To::Any, TOPIC, &names, false)?;
    let live: Vec<i32> = cluster
        .brokers("listNodes")?
        .list
        .iter()
        .map(|broker| broker.id)
        .collect();
    let reassignments = reassignments(cluster, &topics)?;
    let report = Report::of(options);
    for (topic, configs) in topics.iter().zip(configs) {
        let configs = configs?;
        if report.shows_topics && (!report.only_overrides || configs.iter().any(is_set)) {
            console.line(topic_line(topic, &configs, &reassignments));
        }
        for partition in topic.partitions.iter().filter(|_| !report.only_overrides) {
            let reassignment = reassignments.get(&(topic.name.clone(), partition.index));
            if report.shows(partition, reassignment, &configs, &live) {
                console.line(partition_line(&topic.name, partition, reassignment));
            }
        }
    }
    Ok(())
}

fn topics(options: &Options, cluster: &Cluster) -> Outcome<Vec<TopicDescription>> {
    let page = options
        .number("partition-size-limit-per-response")?
        .unwrap_or(PAGE);
    let id = match options.value("topic-id")? {
        None => None,
        Some(text) => Some(id(text)?).filter(|id| !id.is_nil()),
    };
    if let Some(id) = id {
        let listed = cluster.list_topics()?;
        let found = listed.iter().find(|topic| topic.id == id);
        let found = found.filter(|topic| !(options.has("exclude-internal") && is_internal(&topic.name)));
        return match found {
            Some(_) => Ok(vec![cluster.describe_topic_by_id(id)?]),
            None if options.has("if-exists") => Ok(Vec::new()),
            None => said(format!(
                "TopicId '{}' does not exist as expected",
                options.value("topic-id")?.unwrap_or_default()
            )),
        };
    }
    let names = matching(options, cluster)?;
    ensure_exists(options, &names)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    Ok(cluster.describe_topics(&names, page)?)
}

/// What moves at the moment; nothing where this client may not know.
fn reassignments(cluster: &Cluster, topics: &[TopicDescription]) -> Outcome<Reassignments> {
    let asked = topics.iter().map(|topic| {
        ListPartitionReassignmentsTopics::default()
            .with_name(topic_name(&topic.name))
            .with_partition_indexes(topic.partitions.iter().map(|partition| partition.index).collect())
    });
    let request = ListPartitionReassignmentsRequest::default()
        .with_timeout_ms(30_000)
        .with_topics(Some(asked.collect()));
    let name = "listPartitionReassignments";
    let answered = cluster.retry(name, || {
        let response = cluster.ask(To::Controller, name, &request)?;
        KafkaError::check(response.error_code, response.error_message.as_deref())?;
        Ok(response)
    });
    let unknown = [
        ErrorCode::UnsupportedVersion,
        ErrorCode::ClusterAuthorizationFailed,
    ];
    let response = match answered {
        Ok(response) => response,
        Err(error) if unknown.iter().any(|code| error.is(*code)) => return Ok(Reassignments::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Reassignments::new();
    for topic in response.topics {
        for partition in topic.partitions {
            found.insert((topic.name.to_string(), partition.partition_index), partition);
        }
    }
    Ok(found)
}

fn is_set(entry: &ConfigEntry) -> bool {
    entry.source != Source::DEFAULT
}

fn replication_factor(partition: &PartitionInfo, moving: Option<&OngoingPartitionReassignment>) -> usize {
    let moves = |moving: &OngoingPartitionReassignment| {
        let mut changing = moving.adding_replicas.iter().chain(&moving.removing_replicas);
        changing.any(|id| partition.replicas.contains(&id.0))
    };
    match moving {
        Some(moving) if moves(moving) => {
            moving.replicas.len() - moving.adding_replicas.len().min(moving.replicas.len())
        }
        _ => partition.replicas.len(),
    }
}

fn topic_line(topic: &TopicDescription, configs: &[ConfigEntry], moving: &Reassignments) -> String {
    let mut line = format!("Topic: {}", topic.name);
    if !topic.id.is_nil() {
        line += &format!("\tTopicId: {}", kafka_uuid::encode(topic.id));
    }
    let factor = topic.partitions.first().map_or(0, |first| {
        replication_factor(first, moving.get(&(topic.name.clone(), first.index)))
    });
    let configs: Vec<String> = configs
        .iter()
        .filter(|entry| is_set(entry))
        .map(|entry| format!("{}={}", entry.name, entry.shown()))
        .collect();
    line += &format!(
        "\tPartitionCount: {}\tReplicationFactor: {factor}\tConfigs: {}",
        topic.partitions.len(),
        configs.join(",")
    );
    line
}

fn joined(ids: impl IntoIterator<Item = i32>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    ids.join(",")
}

fn partition_line(
    topic: &str,
    partition: &PartitionInfo,
    moving: Option<&OngoingPartitionReassignment>,
) -> String {
    let ids = |ids: &[i32]| joined(ids.iter().copied());
    let leader = partition.leader.map_or("none".to_owned(), |id| id.to_string());
    let mut line = format!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}",
        partition.index,
        ids(&partition.replicas),
        ids(&partition.isr)
    );
    if let Some(moving) = moving {
        line += &format!(
            "\tAdding Replicas: {}\tRemoving Replicas: {}",
            joined(moving.adding_replicas.iter().map(|id| id.0)),
            joined(moving.removing_replicas.iter().map(|id| id.0))
        );
    }
    let known = |known: &Option<Vec<i32>>| known.as_deref().map_or("N/A".to_owned(), ids);
    line += &format!(
        "\tElr: {}\tLastKnownElr: {}",
        known(&partition.eligible),
        known(&partition.last_known_eligible)
    );
    line
}

/// Which lines are asked for.
struct Report {
    shows_topics: bool,
    only_overrides: bool,
    under_replicated: bool,
    unavailable: bool,
    under_min_isr: bool,
    at_min_isr: bool,
}

impl Report {
    fn of(options: &Options) -> Self {
        let has = |name| options.has(name);
        let mut report = Report {
            shows_topics: true,
            only_overrides: has("topics-with-overrides"),
            under_replicated: has("under-replicated-partitions"),
            unavailable: has("unavailable-partitions"),
            under_min_isr: has("under-min-isr-partitions"),
            at_min_isr: has("at-min-isr-partitions"),
        };
        let reports = [
            report.under_replicated,
            report.unavailable,
            report.under_min_isr,
            report.at_min_isr,
        ];
        report.shows_topics = reports.iter().all(|asked| !asked);
        report
    }

    fn shows(
        &self,
        partition: &PartitionInfo,
        moving: Option<&OngoingPartitionReassignment>,
        configs: &[ConfigEntry],
        live: &[i32],
    ) -> bool {
        let min_isr = configs.iter().find(|entry| entry.name == "min.insync.replicas");
        let min_isr = min_isr
            .and_then(|entry| entry.value.as_deref()?.parse().ok())
            .unwrap_or(1);
        let in_sync = partition.isr.len();
        self.shows_topics
            || self.under_replicated && replication_factor(partition, moving) > in_sync
            || self.unavailable && partition.leader.is_none_or(|id| !live.contains(&id))
            || self.under_min_isr && (partition.leader.is_none() || in_sync < min_isr)
            || self.at_min_isr && in_sync == min_isr
    }
}
