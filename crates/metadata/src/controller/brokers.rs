//! Brokers join and leave. Kafka's `ClusterControlManager`.

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use serde::{Deserialize, Serialize};

use super::{ApiError, Decide, DecideContext, Decision};
use crate::image::MetadataImage;
use crate::records::{
    BrokerEndpoint, BrokerFeature, BrokerRegistration, MetadataRecord, NO_LEADER, PartitionChangeRecord,
};

/// A broker starts. The reply is its epoch; partitions without a leader that it can lead, it leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterBroker {
    /// The broker's id.
    pub broker_id: i32,
    /// The id of its process.
    pub incarnation_id: Uuid,
    /// Its advertised endpoints.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The feature levels it can run.
    pub features: Vec<BrokerFeature>,
    /// Its rack.
    pub rack: Option<String>,
    /// The ids of its log directories.
    pub log_dirs: Vec<Uuid>,
}

impl Decide for RegisterBroker {
    type Reply = i64;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<i64> {
        let broker_epoch = ctx.next_offset;
        let mut records = vec![MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id: self.broker_id,
            broker_epoch,
            incarnation_id: self.incarnation_id,
            endpoints: self.endpoints,
            features: self.features,
            rack: self.rack,
            fenced: false,
            in_controlled_shutdown: false,
            log_dirs: self.log_dirs,
            cordoned_log_dirs: Vec::new(),
        })];
        for topic in image.topics.iter() {
            for (partition_id, partition) in (0..).zip(&topic.partitions) {
                if partition.leader == NO_LEADER && partition.isr.contains(&self.broker_id) {
                    records.push(leader_change(topic.id, partition_id, self.broker_id));
                }
            }
        }
        Decision {
            records,
            reply: broker_epoch,
        }
    }
}

/// A broker is gone for good (key 64).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnregisterBroker {
    /// The broker's id.
    pub broker_id: i32,
}

impl Decide for UnregisterBroker {
    type Reply = Result<(), ApiError>;

    /// The partitions that the broker led get another leader from the ISR, or none.
    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let Some(broker) = image.brokers.get(&self.broker_id) else {
            let message = format!("Broker ID {} is not currently registered", self.broker_id);
            let error = ApiError::new(ErrorCode::BrokerIdNotRegistered, message);
            return Decision {
                records: Vec::new(),
                reply: Err(error),
            };
        };
        let mut records = Vec::new();
        for topic in image.topics.iter() {
            for (partition_id, partition) in (0..).zip(&topic.partitions) {
                let others: Vec<i32> = partition
                    .isr
                    .iter()
                    .copied()
                    .filter(|id| *id != self.broker_id)
                    .collect();
                let in_isr = others.len() < partition.isr.len();
                let led = partition.leader == self.broker_id;
                if !in_isr && !led {
                    continue;
                }
                let next = others
                    .iter()
                    .copied()
                    .find(|id| image.alive_broker(*id).is_some());
                records.push(MetadataRecord::PartitionChange(PartitionChangeRecord {
                    topic_id: topic.id,
                    partition_id,
                    isr: (in_isr && !others.is_empty()).then_some(others),
                    leader: led.then_some(next.unwrap_or(NO_LEADER)),
                    ..PartitionChangeRecord::default()
                }));
            }
        }
        let (broker_id, broker_epoch) = (self.broker_id, broker.broker_epoch);
        records.push(MetadataRecord::UnregisterBroker {
            broker_id,
            broker_epoch,
        });
        Decision {
            records,
            reply: Ok(()),
        }
    }
}

/// The record of an election.
pub(super) fn leader_change(topic_id: Uuid, partition_id: i32, leader: i32) -> MetadataRecord {
    MetadataRecord::PartitionChange(PartitionChangeRecord {
        topic_id,
        partition_id,
        leader: Some(leader),
        ..PartitionChangeRecord::default()
    })
}
