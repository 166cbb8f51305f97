//! A member of a consumer group (KIP-848, `group.protocol=consumer`): the coordinator assigns, and says so
//! in the answers to heartbeats.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use barnabas_protocol::messages::consumer_group_heartbeat_response::Assignment;
use barnabas_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use tokio::time::Instant;
use uuid::Uuid;

use super::coordinators::{Coordinated, Heard};
use super::leaders::TopicPartition;
use super::membership::MemberSettings;
use super::{Cluster, KafkaError, To, group_id, wire};

/// The epoch of who joins.
const JOINING: i32 = 0;
/// The epoch of who leaves.
const LEAVING: i32 = -1;
/// The epoch of who leaves and keeps its place by a `group.instance.id`.
const PAUSING: i32 = -2;

/// See the module.
pub struct ConsumerMember<'a> {
    cluster: &'a Cluster,
    pub(super) group: String,
    settings: MemberSettings,
    coordinator: To,
    pub(super) member_id: String,
    pub(super) epoch: i32,
    topics: Vec<String>,
    /// What this member reads, by the topics' ids.
    owned: BTreeMap<Uuid, Vec<i32>>,
    /// What it is to read.
    target: BTreeMap<Uuid, Vec<i32>>,
    next_heartbeat: Instant,
}

impl<'a> ConsumerMember<'a> {
    /// Joins the group, and returns what it is to read.
    ///
    /// # Errors
    /// The group doesn't take it.
    pub fn join(
        cluster: &'a Cluster,
        group: &str,
        settings: MemberSettings,
        topics: &[String],
    ) -> Result<(Self, Vec<TopicPartition>), KafkaError> {
        let mut member = ConsumerMember {
            cluster,
            group: group.to_owned(),
            settings,
            coordinator: cluster.coordinator(Coordinated::Group, group)?,
            member_id: kafka_uuid::encode(Uuid::new_v4()),
            epoch: JOINING,
            topics: Vec::new(),
            owned: BTreeMap::new(),
            target: BTreeMap::new(),
            next_heartbeat: Instant::now(),
        };
        let assigned = member.rejoin(topics)?;
        Ok((member, assigned))
    }

    /// Takes over what it is to read now, tells the coordinator so, and returns it.
    ///
    /// # Errors
    /// The group doesn't take it.
    pub fn rejoin(&mut self, topics: &[String]) -> Result<Vec<TopicPartition>, KafkaError> {
        self.topics = topics.to_vec();
        loop {
            self.owned.clone_from(&self.target);
            self.beat()?;
            // An assignment comes with the answer to who joins, and when others have given theirs up.
            if self.owned == self.target && self.epoch > JOINING {
                return self.names();
            }
        }
    }

    /// Says that this member lives, if it is time. True when it is to read something else.
    ///
    /// # Errors
    /// The group has ended the membership for good.
    pub fn heartbeat(&mut self) -> Result<bool, KafkaError> {
        if Instant::now() >= self.next_heartbeat {
            self.beat()?;
        }
        Ok(self.owned != self.target || self.epoch == JOINING)
    }

    fn beat(&mut self) -> Result<(), KafkaError> {
        let answered = self.ask(self.epoch);
        self.next_heartbeat = Instant::now();
        match self.cluster.heard(answered, &self.group, &mut self.coordinator)? {
            Heard::Answer(answer) => {
                self.next_heartbeat += Duration::from_millis(answer.heartbeat_interval_ms.max(1) as u64);
                self.epoch = answer.member_epoch;
                if let Some(assignment) = answer.assignment {
                    self.target = by_id(assignment);
                }
            }
            Heard::Fenced => {
                self.epoch = JOINING;
                self.owned.clear();
                self.target.clear();
            }
            Heard::Moved => {}
        }
        Ok(())
    }

    fn ask(&self, epoch: i32) -> Result<ConsumerGroupHeartbeatResponse, KafkaError> {
        let owned = self.owned.iter().map(|(topic, partitions)| {
            TopicPartitions::default()
                .with_topic_id(*topic)
                .with_partitions(partitions.clone())
        });
        let is_member = epoch >= JOINING;
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(wire(&self.member_id))
            .with_member_epoch(epoch)
            .with_instance_id(self.settings.instance.as_deref().map(wire))
            .with_rebalance_timeout_ms(self.settings.rebalance_timeout.as_millis() as i32)
            .with_subscribed_topic_names(is_member.then(|| {
                let topics = self.topics.iter();
                topics.map(|topic| super::topic_name(topic)).collect()
            }))
            .with_topic_partitions(is_member.then(|| owned.collect()));
        let answer = self
            .cluster
            .ask(self.coordinator, "consumerGroupHeartbeat", &request)?;
        KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
        Ok(answer)
    }

    /// What it reads, by the topics' names.
    fn names(&self) -> Result<Vec<TopicPartition>, KafkaError> {
        let names = self.cluster.topic_names(self.owned.keys())?;
        let mut found = Vec::new();
        for (id, partitions) in &self.owned {
            // A topic that has gone meanwhile is no longer read, and the next assignment says so.
            if let Some(name) = names.get(id) {
                found.extend(partitions.iter().map(|index| (name.clone(), *index)));
            }
        }
        Ok(found)
    }

    /// Leaves the group.
    pub fn leave(&self) {
        let epoch = match self.settings.instance {
            Some(_) => PAUSING,
            None => LEAVING,
        };
        // The session ends by itself where nobody hears it.
        drop(self.ask(epoch));
    }
}

fn by_id(assignment: Assignment) -> BTreeMap<Uuid, Vec<i32>> {
    let topics = assignment.topic_partitions.into_iter();
    topics.map(|topic| (topic.topic_id, topic.partitions)).collect()
}
