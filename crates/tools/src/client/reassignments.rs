//! Reassignments of partitions and moves between log directories (KIP-455, KIP-113).

use std::collections::BTreeMap;

use barnabas_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use barnabas_protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use barnabas_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest, BrokerId, DescribeLogDirsRequest,
    ListPartitionReassignmentsRequest,
};

use super::leaders::{TopicPartition, by_topic};
use super::{Cluster, KafkaError, To, topic_name, wire};

/// For how long the controller may take, in ms.
const TIMEOUT_MS: i32 = 30_000;

/// A reassignment that goes on.
#[derive(Clone, Debug, Default)]
pub struct Reassignment {
    /// All replicas by now.
    pub replicas: Vec<i32>,
    /// Those that are being added.
    pub adding: Vec<i32>,
    /// Those that go then.
    pub removing: Vec<i32>,
}

/// Where a replica lies: the directory, and the one to which it is being moved.
#[derive(Clone, Debug, Default)]
pub struct ReplicaDirs {
    /// Where it is.
    pub current: Option<String>,
    /// Where it will be.
    pub future: Option<String>,
}

/// A replica of a partition: the partition and the broker.
pub type Replica = (TopicPartition, i32);

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.0).collect()
}

impl Cluster {
    /// All reassignments that go on.
    ///
    /// # Errors
    /// They can't be listed.
    pub fn reassignments(&self) -> Result<BTreeMap<TopicPartition, Reassignment>, KafkaError> {
        let request = ListPartitionReassignmentsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(None);
        let answer = self.ask(To::Controller, "listPartitionReassignments", &request)?;
        KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
        let mut found = BTreeMap::new();
        for topic in &answer.topics {
            for partition in &topic.partitions {
                let reassignment = Reassignment {
                    replicas: ids(&partition.replicas),
                    adding: ids(&partition.adding_replicas),
                    removing: ids(&partition.removing_replicas),
                };
                found.insert((topic.name.to_string(), partition.partition_index), reassignment);
            }
        }
        Ok(found)
    }

    /// Begins reassignments, or ends those whose replicas are `None`. Each partition's error, if any.
    ///
    /// # Errors
    /// The request as a whole is refused.
    pub fn reassign(
        &self,
        partitions: &BTreeMap<TopicPartition, Option<Vec<i32>>>,
        allows_replication_factor_change: bool,
    ) -> Result<BTreeMap<TopicPartition, KafkaError>, KafkaError> {
        let topics = by_topic(partitions.clone())
            .into_iter()
            .map(|(topic, partitions)| {
                let partitions = partitions.into_iter().map(|(index, replicas)| {
                    let replicas = replicas.map(|ids| ids.into_iter().map(BrokerId).collect());
                    ReassignablePartition::default()
                        .with_partition_index(index)
                        .with_replicas(replicas)
                });
                ReassignableTopic::default()
                    .with_name(topic_name(&topic))
                    .with_partitions(partitions.collect())
            });
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(topics.collect());
        let request = |version| match version {
            1.. => request
                .clone()
                .with_allow_replication_factor_change(allows_replication_factor_change),
            _ => request.clone(),
        };
        let (_, answer) = self.ask_with(To::Controller, "alterPartitionReassignments", request)?;
        KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
        let mut failed = BTreeMap::new();
        for topic in &answer.responses {
            for partition in &topic.partitions {
                let done = KafkaError::check(partition.error_code, partition.error_message.as_deref());
                if let Err(error) = done {
                    failed.insert((topic.name.to_string(), partition.partition_index), error);
                }
            }
        }
        Ok(failed)
    }

    /// Where the replicas of a broker lie.
    ///
    /// # Errors
    /// It doesn't tell.
    pub fn replica_dirs(&self, broker: i32) -> Result<BTreeMap<TopicPartition, ReplicaDirs>, KafkaError> {
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let answer = self.ask(To::Broker(broker), "describeReplicaLogDirs", &request)?;
        KafkaError::check(answer.error_code, None)?;
        let mut found: BTreeMap<TopicPartition, ReplicaDirs> = BTreeMap::new();
        for dir in &answer.results {
            for topic in &dir.topics {
                for partition in &topic.partitions {
                    let at = (topic.name.to_string(), partition.partition_index);
                    let dirs = found.entry(at).or_default();
                    let dir = Some(dir.log_dir.to_string());
                    match partition.is_future_key {
                        true => dirs.future = dir,
                        false => dirs.current = dir,
                    }
                }
            }
        }
        Ok(found)
    }

    /// Has a broker move its replica to another of its log directories, or keep it there once it comes.
    ///
    /// # Errors
    /// It refuses.
    pub fn move_replica(&self, (at, broker): &Replica, dir: &str) -> Result<(), KafkaError> {
        let topic = AlterReplicaLogDirTopic::default()
            .with_name(topic_name(&at.0))
            .with_partitions(vec![at.1]);
        let dir = AlterReplicaLogDir::default()
            .with_path(wire(dir))
            .with_topics(vec![topic]);
        let request = AlterReplicaLogDirsRequest::default().with_dirs(vec![dir]);
        let answer = self.ask(To::Broker(*broker), "alterReplicaLogDirs", &request)?;
        let mut partitions = answer.results.iter().flat_map(|topic| &topic.partitions);
        partitions.try_for_each(|partition| KafkaError::check(partition.error_code, None))
    }
}
