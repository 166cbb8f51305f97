//! The replicas of a new partition: checked when a client assigns them, placed when it doesn't.

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::partition_change::{UNASSIGNED, default_directory};
use super::{ApiError, Random, placement};
use crate::image::{BrokersImage, MetadataImage};
use crate::records::{
    BrokerRegistration, ConfigResource, ConfigResourceType, MetadataRecord, PartitionRecord,
};

/// A new partition's replicas and in-sync replicas; neither is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

impl Assignment {
    /// The assignment to these replicas; `None` when no broker among them can lead.
    pub fn new(replicas: Vec<i32>, image: &MetadataImage) -> Option<Self> {
        let isr: Vec<i32> = replicas
            .iter()
            .copied()
            .filter(|&id| is_active(id, image))
            .collect();
        (!isr.is_empty()).then_some(Self { replicas, isr })
    }

    /// The record of the partition.
    pub fn record(&self, topic_id: Uuid, partition_id: i32, image: &MetadataImage) -> MetadataRecord {
        let directory = |id: &i32| image.brokers.get(id).map(|broker| default_directory(broker));
        MetadataRecord::Partition(PartitionRecord {
            topic_id,
            partition_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            leader: self.isr[0],
            leader_epoch: 0,
            partition_epoch: 0,
            directories: self
                .replicas
                .iter()
                .map(|id| directory(id).unwrap_or(UNASSIGNED))
                .collect(),
            ..PartitionRecord::default()
        })
    }
}

/// Whether a broker may lead and be in sync.
pub(super) fn is_active(broker_id: i32, image: &MetadataImage) -> bool {
    image
        .alive_broker(broker_id)
        .is_some_and(|broker| !broker.in_controlled_shutdown)
}

/// Assignments for so many new partitions.
pub(super) fn place(
    image: &MetadataImage,
    partitions: i32,
    replication_factor: i16,
    random: &mut dyn Random,
) -> Result<Vec<Assignment>, ApiError> {
    let usable: BrokersImage = image
        .brokers
        .iter()
        .filter(|(_, broker)| !is_cordoned(broker, image))
        .map(|(id, broker)| (*id, broker.clone()))
        .collect();
    let placed = placement::place(&usable, partitions, replication_factor, random)?;
    let assignments: Option<Vec<_>> = placed
        .into_iter()
        .map(|replicas| Assignment::new(replicas, image))
        .collect();
    assignments.ok_or_else(|| {
        let message = "All brokers are currently fenced or in controlled shutdown.";
        ApiError::new(ErrorCode::InvalidReplicationFactor, message)
    })
}

/// Whether all log directories of a broker are cordoned (KIP-1066), by what it said or by its setting at run
/// time: it gets no new partitions.
fn is_cordoned(broker: &BrokerRegistration, image: &MetadataImage) -> bool {
    let told = |id: &Uuid| broker.cordoned_log_dirs.contains(id);
    if !broker.log_dirs.is_empty() && broker.log_dirs.iter().all(told) {
        return true;
    }
    let name = broker.broker_id.to_string();
    let configs = image
        .configs
        .get(&ConfigResource::new(ConfigResourceType::Broker, &name));
    let Some(cordoned) = configs.and_then(|configs| configs.get("cordoned.log.dirs")) else {
        return false;
    };
    let mut paths: Vec<&str> = cordoned
        .split(',')
        .map(str::trim)
        .filter(|path| !path.is_empty())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    // The broker has checked that they are its own.
    paths.contains(&"*") || (!paths.is_empty() && paths.len() >= broker.log_dirs.len())
}

/// What to answer when no broker of a manual assignment can lead.
pub(super) fn all_fenced(partition_id: i32) -> ApiError {
    let message = format!(
        "All brokers specified in the manual partition assignment for partition {partition_id} are fenced or in \
         controlled shutdown."
    );
    ApiError::new(ErrorCode::InvalidReplicaAssignment, message)
}

/// Checks a manual assignment: registered brokers, each once, as many as the partitions before have.
pub(super) fn validate(
    replicas: &[i32],
    replication_factor: Option<usize>,
    image: &MetadataImage,
) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return invalid("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    for (index, broker) in sorted.iter().enumerate() {
        if !image.brokers.contains_key(broker) {
            return invalid(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            ));
        }
        if index > 0 && sorted[index - 1] == *broker {
            return invalid(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
    }
    match replication_factor {
        Some(expected) if expected != replicas.len() => invalid(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with \
             previous partitions, which have {expected} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}
