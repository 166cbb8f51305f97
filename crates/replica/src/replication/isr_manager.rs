//! Asks the controller for the changes of ISRs that this broker's leaders want: one request at a time, with
//! all of them, again and again until they are answered or wanted no more (AlterPartition, KIP-497).
//!
//! Kafka's `AlterPartitionManager`. It runs from the first leader with a follower on.

use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::channel::ControllerChannel;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use barnabas_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse, BrokerId};
use uuid::Uuid;

use super::own_epoch::OwnEpoch;
use crate::ReplicaManager;
use crate::partition::Partition;
use crate::partition::core::LeaderEpoch;
use crate::partition::core::isr::{IsrAnswer, IsrChange};
use crate::partition::shared::IsrChanges;

/// The least time that a lag may last, so that looking for it stays cheap.
const LOOK_MS_MIN: u64 = 10;
/// Waits between two tries of the same, milliseconds.
const BACKOFF_MS: std::ops::RangeInclusive<u64> = 50..=1_000;

/// A change that a partition waits for.
type Wanted = (Arc<Partition>, IsrChange);

/// Runs until the process stops.
pub async fn run(
    replicas: Arc<ReplicaManager>,
    channel: Arc<dyn ControllerChannel>,
    own_epoch: Arc<OwnEpoch>,
) {
    let stopping = replicas.stopping().clone();
    tokio::select! {
        biased;
        () = stopping.cancelled() => {}
        () = go_on(&replicas, &channel, &own_epoch) => {}
    }
}

async fn go_on(replicas: &ReplicaManager, channel: &Arc<dyn ControllerChannel>, own_epoch: &OwnEpoch) {
    let shared = replicas.partitions().shared();
    let look_ms = u64::try_from(shared.lag_time_max_ms / 2).unwrap_or(0);
    let mut look = tokio::time::interval(Duration::from_millis(look_ms.max(LOOK_MS_MIN)));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut backoff_ms = *BACKOFF_MS.start();
    loop {
        tokio::select! {
            biased;
            () = shared.isr_queue.filled() => {}
            _ = look.tick() => {
                for partition in replicas.partitions().all() {
                    let change = partition.lagging_isr().or_else(|| partition.joining_isr());
                    wanted.extend(change.map(|change| (partition, change)));
                }
            }
            () = tokio::time::sleep(Duration::from_millis(backoff_ms)), if !wanted.is_empty() => {}
        }
        let queued = shared.isr_queue.take();
        for partition in queued.iter().filter_map(std::sync::Weak::upgrade) {
            wanted.extend(partition.joining_isr().map(|change| (partition, change)));
        }
        wanted.retain(|(partition, change)| partition.wants_isr(change));
        if wanted.is_empty() {
            continue;
        }
        let sizes: Vec<usize> = wanted
            .iter()
            .map(|(partition, _)| partition.isr().len())
            .collect();
        wanted = match ask(replicas.config().node_id, &**channel, own_epoch, &wanted).await {
            Some(response) => told(wanted, &sizes, &response, &shared.isr_changes),
            None => wanted,
        };
        backoff_ms = match wanted.is_empty() {
            true => *BACKOFF_MS.start(),
            false => (backoff_ms * 2).min(*BACKOFF_MS.end()),
        };
    }
}

/// `None` if there was no answer, or one that may be another next time.
async fn ask(
    node_id: i32,
    channel: &dyn ControllerChannel,
    own_epoch: &OwnEpoch,
    wanted: &[Wanted],
) -> Option<AlterPartitionResponse> {
    let request = request(node_id, own_epoch.get()?, wanted);
    match channel.alter_partition(request).await {
        Ok(response) if response.error_code == ErrorCode::None.code() => Some(response),
        Ok(response) => {
            let error = ErrorCode::from_code(response.error_code);
            tracing::warn!(?error, "the controller doesn't change ISRs");
            None
        }
        Err(error) => {
            tracing::debug!(%error, "the controller could not be asked for ISRs");
            None
        }
    }
}

fn request(node_id: i32, broker_epoch: i64, wanted: &[Wanted]) -> AlterPartitionRequest {
    let mut topics: Vec<TopicData> = Vec::new();
    for (partition, change) in wanted {
        let members = change.isr.iter().map(|&(id, epoch)| {
            let epoch = if id == node_id { broker_epoch } else { epoch };
            BrokerState::default()
                .with_broker_id(BrokerId(id))
                .with_broker_epoch(epoch)
        });
        let data = PartitionData::default()
            .with_partition_index(partition.id().partition)
            .with_leader_epoch(change.leader_epoch.0)
            .with_partition_epoch(change.partition_epoch)
            .with_new_isr_with_epochs(members.collect());
        let topic_id = partition.id().topic_id;
        match topics.iter_mut().find(|topic| topic.topic_id == topic_id) {
            Some(topic) => topic.partitions.push(data),
            None => topics.push(
                TopicData::default()
                    .with_topic_id(topic_id)
                    .with_partitions(vec![data]),
            ),
        }
    }
    AlterPartitionRequest::default()
        .with_broker_id(BrokerId(node_id))
        .with_broker_epoch(broker_epoch)
        .with_topics(topics)
}

/// Tells the partitions, whose ISRs had these sizes; answers what has to be asked for again.
fn told(
    wanted: Vec<Wanted>,
    sizes: &[usize],
    response: &AlterPartitionResponse,
    changes: &IsrChanges,
) -> Vec<Wanted> {
    let again = |((partition, change), size): &(Wanted, &usize)| {
        let id = partition.id();
        match answer(id.topic_id, id.partition, response) {
            Some(answer) => {
                tracing::info!(topic = %id.topic, partition = id.partition, asked = ?change.isr, ?answer, "ISR");
                if let IsrAnswer::Committed { isr, .. } = &answer {
                    changes.changed(**size, isr.len());
                }
                partition.isr_answered(change, answer);
                false
            }
            None => true,
        }
    };
    let asked = wanted.into_iter().zip(sizes).filter(again);
    asked.map(|(wanted, _)| wanted).collect()
}

/// What the controller says of a partition; `None` if it may say something else next time.
fn answer(topic_id: Uuid, partition: i32, response: &AlterPartitionResponse) -> Option<IsrAnswer> {
    let mut topics = response.topics.iter().filter(|topic| topic.topic_id == topic_id);
    let data = topics.find_map(|topic| {
        let mut partitions = topic.partitions.iter();
        partitions.find(|data| data.partition_index == partition)
    })?;
    match ErrorCode::from_code(data.error_code)? {
        ErrorCode::None => Some(IsrAnswer::Committed {
            leader_epoch: LeaderEpoch(data.leader_epoch),
            partition_epoch: data.partition_epoch,
            isr: data.isr.iter().map(|id| id.0).collect(),
        }),
        ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => Some(IsrAnswer::Refused),
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnknownTopicId
        | ErrorCode::FencedLeaderEpoch
        | ErrorCode::InvalidUpdateVersion
        | ErrorCode::InvalidRequest
        | ErrorCode::NewLeaderElected => Some(IsrAnswer::Outdated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::messages::alter_partition_response::{PartitionData, TopicData};

    use super::*;

    #[test]
    fn each_answer_is_final_outdated_or_no_answer() {
        let committed = IsrAnswer::Committed {
            leader_epoch: LeaderEpoch(3),
            partition_epoch: 8,
            isr: vec![1, 2],
        };
        let cases = [
            (ErrorCode::None, Some(committed)),
            (ErrorCode::IneligibleReplica, Some(IsrAnswer::Refused)),
            (ErrorCode::OperationNotAttempted, Some(IsrAnswer::Refused)),
            (ErrorCode::InvalidUpdateVersion, Some(IsrAnswer::Outdated)),
            (ErrorCode::FencedLeaderEpoch, Some(IsrAnswer::Outdated)),
            (ErrorCode::NewLeaderElected, Some(IsrAnswer::Outdated)),
            (ErrorCode::InvalidRequest, Some(IsrAnswer::Outdated)),
            (ErrorCode::UnknownTopicId, Some(IsrAnswer::Outdated)),
            (ErrorCode::NotController, None),
            (ErrorCode::UnknownServerError, None),
        ];
        for (error, expected) in cases {
            let data = PartitionData::default()
                .with_partition_index(4)
                .with_error_code(error.code())
                .with_leader_epoch(3)
                .with_partition_epoch(8)
                .with_isr(vec![BrokerId(1), BrokerId(2)]);
            let topic = TopicData::default()
                .with_topic_id(Uuid::from_u128(7))
                .with_partitions(vec![data]);
            let response = AlterPartitionResponse::default().with_topics(vec![topic]);
            assert_eq!(answer(Uuid::from_u128(7), 4, &response), expected, "{error:?}");
            assert_eq!(answer(Uuid::from_u128(8), 4, &response), None);
            assert_eq!(answer(Uuid::from_u128(7), 5, &response), None);
        }
    }
}
