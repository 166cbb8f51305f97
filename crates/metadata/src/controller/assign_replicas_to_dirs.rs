//! AssignReplicasToDirs (key 73): a broker says in which of its log directories replicas lie. Kafka's
//! `ReplicationControlManager.handleAssignReplicasToDirs`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::assign_replicas_to_dirs_response::{
    DirectoryData, PartitionData, TopicData,
};
use barnabas_protocol::messages::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::heartbeat::registered;
use super::partition_change::{Moved, PartitionChange, TopicRules, is_online};
use super::{Decide, DecideContext, Decision, fence, wire};
use crate::image::{MetadataImage, TopicImage};
use crate::records::{BrokerRegistration, MetadataRecord};

/// Says where replicas lie. Of the whole: STALE_BROKER_EPOCH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssignReplicasToDirs(#[serde(with = "wire::request")] pub AssignReplicasToDirsRequest);

impl Decide for AssignReplicasToDirs {
    type Reply = AssignReplicasToDirsResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let request = self.0;
        let broker = match registered(image, request.broker_id.0, request.broker_epoch) {
            Ok(broker) => broker,
            Err(error) => {
                return Decision {
                    records: Vec::new(),
                    reply: AssignReplicasToDirsResponse::default().with_error_code(error.code.code()),
                };
            }
        };
        let mut records = Vec::new();
        let mut directories = Vec::new();
        for asked in &request.directories {
            let mut topics = Vec::new();
            for of_topic in &asked.topics {
                let topic = image.topics.by_id(&of_topic.topic_id);
                let partitions = of_topic.partitions.iter().map(|partition| {
                    let index = partition.partition_index;
                    let outcome = match topic {
                        None => Err(ErrorCode::UnknownTopicId),
                        Some(topic) => assign(broker, topic, index, asked.id, image, ctx),
                    };
                    let code = *outcome.as_ref().err().unwrap_or(&ErrorCode::None);
                    records.extend(outcome.ok().flatten());
                    PartitionData::default()
                        .with_partition_index(index)
                        .with_error_code(code.code())
                });
                let answer = TopicData::default().with_topic_id(of_topic.topic_id);
                topics.push(answer.with_partitions(partitions.collect()));
            }
            directories.push(DirectoryData::default().with_id(asked.id).with_topics(topics));
        }
        Decision {
            records,
            reply: AssignReplicasToDirsResponse::default().with_directories(directories),
        }
    }
}

fn assign(
    broker: &BrokerRegistration,
    topic: &TopicImage,
    partition_id: i32,
    directory: Uuid,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<Option<MetadataRecord>, ErrorCode> {
    let broker_id = broker.broker_id;
    let partition = topic.partition(partition_id);
    let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if !partition.replicas.contains(&broker_id) {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    let (rules, node_id) = fence::rules(ctx);
    let rules = TopicRules::of(topic, image, rules, node_id);
    let offline = !is_online(broker, directory);
    let moved = Moved {
        away: offline.then_some(broker_id),
        ..Moved::default()
    };
    let mut change = PartitionChange::new(image, partition, rules, moved);
    change.directories.push((broker_id, directory));
    if offline {
        change.isr.retain(|id| *id != broker_id);
    }
    Ok(change.build(topic.id, partition_id))
}
