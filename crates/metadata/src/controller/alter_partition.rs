//! AlterPartition (key 56): the leader of a partition asks for another ISR. Kafka's
//! `ReplicationControlManager.alterPartition`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_partition_request::{BrokerState, PartitionData as Asked};
use barnabas_protocol::messages::alter_partition_response::{PartitionData, TopicData};
use barnabas_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse, BrokerId};
use serde::{Deserialize, Serialize};

use super::heartbeat::registered;
use super::partition_change::{Moved, PartitionChange, TopicRules};
use super::{Decide, DecideContext, Decision, fence, wire};
use crate::image::{MetadataImage, PartitionImage, TopicImage};
use crate::records::{LeaderRecoveryState, MetadataRecord};

/// Asks for other ISRs. Of the whole: STALE_BROKER_EPOCH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlterPartition(#[serde(with = "wire::request")] pub AlterPartitionRequest);

impl Decide for AlterPartition {
    type Reply = AlterPartitionResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let request = self.0;
        let broker_id = request.broker_id.0;
        if let Err(error) = registered(image, broker_id, request.broker_epoch) {
            return Decision {
                records: Vec::new(),
                reply: AlterPartitionResponse::default().with_error_code(error.code.code()),
            };
        }
        let mut records = Vec::new();
        let mut response = AlterPartitionResponse::default();
        for asked in &request.topics {
            let topic = image.topics.by_id(&asked.topic_id);
            let partitions = asked.partitions.iter().map(|partition| {
                let outcome = match topic {
                    None => Err(ErrorCode::UnknownTopicId),
                    Some(topic) => alter(broker_id, topic, partition, image, ctx, &mut records),
                };
                let answer = PartitionData::default().with_partition_index(partition.partition_index);
                match outcome {
                    Ok(now) => answer
                        .with_leader_id(BrokerId(now.leader))
                        .with_leader_epoch(now.leader_epoch)
                        .with_isr(now.isr.iter().copied().map(BrokerId).collect())
                        .with_leader_recovery_state(now.leader_recovery_state.code())
                        .with_partition_epoch(now.partition_epoch),
                    Err(code) => answer.with_error_code(code.code()),
                }
            });
            let answer = TopicData::default().with_topic_id(asked.topic_id);
            response.topics.push(answer.with_partitions(partitions.collect()));
        }
        Decision {
            records,
            reply: response,
        }
    }
}

/// The partition as it is afterwards.
fn alter(
    broker_id: i32,
    topic: &TopicImage,
    asked: &Asked,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
    records: &mut Vec<MetadataRecord>,
) -> Result<PartitionImage, ErrorCode> {
    let partition_id = asked.partition_index;
    let partition = topic.partition(partition_id);
    let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let isr = asked_isr(asked);
    let recovery = validate(broker_id, partition, asked, &isr, image)?;
    let (rules, node_id) = fence::rules(ctx);
    let rules = TopicRules::of(topic, image, rules, node_id);
    let mut change = PartitionChange::new(image, partition, rules, Moved::default());
    change.isr = isr.iter().map(|member| member.broker_id.0).collect();
    change.recovery = recovery;
    let mut now = PartitionImage::clone(partition);
    if let Some(record) = change.build(topic.id, partition_id) {
        if let MetadataRecord::PartitionChange(change) = &record {
            now = partition.merge(change);
        }
        records.push(record);
    }
    // Where it ends a reassignment that takes the leader away.
    if now.leader != broker_id {
        return Err(ErrorCode::NewLeaderElected);
    }
    Ok(now)
}

/// The ISR that is asked for; version 2 has no epochs.
fn asked_isr(asked: &Asked) -> Vec<BrokerState> {
    if asked.new_isr.is_empty() {
        return asked.new_isr_with_epochs.clone();
    }
    let without_epoch = |id: &BrokerId| BrokerState::default().with_broker_id(*id).with_broker_epoch(-1);
    asked.new_isr.iter().map(without_epoch).collect()
}

fn validate(
    broker_id: i32,
    partition: &PartitionImage,
    asked: &Asked,
    isr: &[BrokerState],
    image: &MetadataImage,
) -> Result<LeaderRecoveryState, ErrorCode> {
    // Whoever knows more than this node has heard of a controller that came after it.
    if asked.leader_epoch > partition.leader_epoch || asked.partition_epoch > partition.partition_epoch {
        return Err(ErrorCode::NotController);
    }
    if asked.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if broker_id != partition.leader {
        return Err(ErrorCode::InvalidRequest);
    }
    if asked.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let mut ids: Vec<i32> = isr.iter().map(|member| member.broker_id.0).collect();
    ids.sort_unstable();
    let is_set = ids.windows(2).all(|pair| pair[0] != pair[1]);
    let are_replicas = ids.iter().all(|id| partition.replicas.contains(id));
    if !is_set || !are_replicas || !ids.contains(&partition.leader) {
        return Err(ErrorCode::InvalidRequest);
    }
    let recovery = LeaderRecoveryState::from_code(asked.leader_recovery_state);
    let recovery = recovery.ok_or(ErrorCode::InvalidRequest)?;
    if !recovery.is_recovered() && (ids.len() > 1 || partition.leader_recovery_state.is_recovered()) {
        return Err(ErrorCode::InvalidRequest);
    }
    let eligible = |member: &BrokerState| {
        image.alive_broker(member.broker_id.0).is_some_and(|broker| {
            !broker.in_controlled_shutdown
                && (member.broker_epoch == -1 || member.broker_epoch == broker.broker_epoch)
        })
    };
    if !isr.iter().all(eligible) {
        return Err(ErrorCode::IneligibleReplica);
    }
    Ok(recovery)
}
