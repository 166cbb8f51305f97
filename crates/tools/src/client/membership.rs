//! Membership in a group of the classic protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use barnabas_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use barnabas_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, Decodable, Encodable, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest, TopicName,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use super::coordinators::Coordinated;
use super::leaders::{TopicPartition, by_topic};
use super::range::{Subscriber, assign};
use super::{Cluster, KafkaError, To, group_id, topic_name, wire};

/// The protocol's name for Kafka's `RangeAssignor`, the first that Kafka's consumers offer.
const ASSIGNOR: &str = "range";
const PROTOCOL_TYPE: &str = "consumer";
/// The newest OffsetCommit that names topics by their names.
const COMMIT_BY_NAME: i16 = 9;
/// The version of subscriptions and assignments that is written.
const WRITTEN: i16 = 0;

/// How a member behaves.
#[derive(Clone, Debug)]
pub struct MemberSettings {
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`.
    pub rebalance_timeout: Duration,
    /// `group.instance.id`.
    pub instance: Option<String>,
    /// Whether `group.protocol` is consumer rather than classic.
    pub by_consumer_protocol: bool,
}

impl Default for MemberSettings {
    fn default() -> Self {
        MemberSettings {
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(300),
            instance: None,
            by_consumer_protocol: false,
        }
    }
}

/// A member of a group.
pub struct Membership<'a> {
    cluster: &'a Cluster,
    group: String,
    settings: MemberSettings,
    coordinator: To,
    member_id: String,
    generation: i32,
    next_heartbeat: Instant,
}

impl<'a> Membership<'a> {
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
        let mut member = Membership {
            cluster,
            group: group.to_owned(),
            settings,
            coordinator: cluster.coordinator(Coordinated::Group, group)?,
            member_id: String::new(),
            generation: -1,
            next_heartbeat: Instant::now(),
        };
        let assigned = member.rejoin(topics)?;
        Ok((member, assigned))
    }

    /// The group's id.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Takes part in a rebalance, and returns what it is to read now.
    ///
    /// # Errors
    /// The group doesn't take it.
    pub fn rejoin(&mut self, topics: &[String]) -> Result<Vec<TopicPartition>, KafkaError> {
        let deadline = Instant::now() + self.settings.rebalance_timeout;
        loop {
            match self.join_once(topics) {
                Ok(assigned) => {
                    self.next_heartbeat = Instant::now() + self.settings.heartbeat_interval;
                    return Ok(assigned);
                }
                Err(error) => {
                    self.begin_anew(error, deadline)?;
                }
            }
        }
    }

    /// What to do before the next attempt to join.
    fn begin_anew(&mut self, error: KafkaError, deadline: Instant) -> Result<(), KafkaError> {
        match error.code {
            Some(ErrorCode::MemberIdRequired) => return Ok(()),
            Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => self.member_id.clear(),
            Some(ErrorCode::RebalanceInProgress) => {}
            Some(code) if code.retriable() => {
                self.cluster.pause(Duration::from_millis(100));
                self.coordinator = self.cluster.coordinator(Coordinated::Group, &self.group)?;
            }
            _ => return Err(error),
        }
        if Instant::now() >= deadline {
            Err(error)
        } else {
            Ok(())
        }
    }

    fn join_once(&mut self, topics: &[String]) -> Result<Vec<TopicPartition>, KafkaError> {
        let subscription = ConsumerProtocolSubscription::default()
            .with_topics(topics.iter().map(|topic| wire(topic)).collect());
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(wire(ASSIGNOR))
            .with_metadata(versioned(&subscription)?);
        let settings = &self.settings;
        let request = |version| {
            JoinGroupRequest::default()
                .with_group_id(group_id(&self.group))
                .with_session_timeout_ms(settings.session_timeout.as_millis() as i32)
                .with_rebalance_timeout_ms(settings.rebalance_timeout.as_millis() as i32)
                .with_member_id(wire(&self.member_id))
                .with_group_instance_id(settings.instance.as_deref().filter(|_| version >= 5).map(wire))
                .with_protocol_type(wire(PROTOCOL_TYPE))
                .with_protocols(vec![protocol.clone()])
        };
        // The answer comes when all members have joined.
        let patience = settings.rebalance_timeout + Duration::from_secs(5);
        let (_, joined) = self
            .cluster
            .ask_patiently(self.coordinator, "joinGroup", patience, request)?;
        if joined.error_code == ErrorCode::MemberIdRequired.code() {
            self.member_id = joined.member_id.to_string();
        }
        KafkaError::check(joined.error_code, None)?;
        self.member_id = joined.member_id.to_string();
        self.generation = joined.generation_id;
        let assignments = if joined.leader == joined.member_id && !joined.skip_assignment {
            self.assign(&joined)?
        } else {
            Vec::new()
        };
        let request = |version| {
            let protocol = |name: &str| Some(wire(name)).filter(|_| version >= 5);
            SyncGroupRequest::default()
                .with_group_id(group_id(&self.group))
                .with_generation_id(self.generation)
                .with_member_id(wire(&self.member_id))
                .with_group_instance_id(
                    self.settings
                        .instance
                        .as_deref()
                        .filter(|_| version >= 3)
                        .map(wire),
                )
                .with_protocol_type(protocol(PROTOCOL_TYPE))
                .with_protocol_name(protocol(ASSIGNOR))
                .with_assignments(assignments.clone())
        };
        let (_, synced) = self
            .cluster
            .ask_patiently(self.coordinator, "syncGroup", patience, request)?;
        KafkaError::check(synced.error_code, None)?;
        assigned_of(synced.assignment)
    }

    /// As the group's leader: who reads what.
    fn assign(&self, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>, KafkaError> {
        let mut members = Vec::new();
        for member in &joined.members {
            let subscription: ConsumerProtocolSubscription = of_version(member.metadata.clone())?;
            members.push(Subscriber {
                id: member.member_id.to_string(),
                instance: member.group_instance_id.as_ref().map(ToString::to_string),
                topics: subscription.topics.iter().map(ToString::to_string).collect(),
            });
        }
        let mut topics: Vec<String> = members
            .iter()
            .flat_map(|member| member.topics.iter().cloned())
            .collect();
        topics.sort();
        topics.dedup();
        let mut partitions_of: BTreeMap<String, i32> = BTreeMap::new();
        for (topic, _) in self.cluster.leaders(&topics, true)?.into_keys() {
            *partitions_of.entry(topic).or_default() += 1;
        }
        let encode = |(id, partitions): (String, Vec<TopicPartition>)| {
            let partitions = partitions.into_iter().map(|partition| (partition, ()));
            let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
                Assigned::default()
                    .with_topic(topic_name(&topic))
                    .with_partitions(partitions.into_iter().map(|(index, ())| index).collect())
            });
            let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
            let assignment = versioned(&assignment)?;
            Ok(SyncGroupRequestAssignment::default()
                .with_member_id(wire(&id))
                .with_assignment(assignment))
        };
        assign(&partitions_of, members).into_iter().map(encode).collect()
    }

    /// Says that this member lives, if it is time. True when it has to take part in a rebalance.
    ///
    /// # Errors
    /// The group has ended the membership for good.
    pub fn heartbeat(&mut self) -> Result<bool, KafkaError> {
        if Instant::now() < self.next_heartbeat {
            return Ok(false);
        }
        self.next_heartbeat = Instant::now() + self.settings.heartbeat_interval;
        let request = |version| {
            HeartbeatRequest::default()
                .with_group_id(group_id(&self.group))
                .with_generation_id(self.generation)
                .with_member_id(wire(&self.member_id))
                .with_group_instance_id(
                    self.settings
                        .instance
                        .as_deref()
                        .filter(|_| version >= 3)
                        .map(wire),
                )
        };
        let answered = self.cluster.ask_with(self.coordinator, "heartbeat", request);
        let Err(error) = answered.and_then(|(_, answer)| KafkaError::check(answer.error_code, None)) else {
            return Ok(false);
        };
        match error.code {
            Some(ErrorCode::RebalanceInProgress) => Ok(true),
            Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                self.member_id.clear();
                Ok(true)
            }
            Some(code) if code.retriable() => {
                self.coordinator = self.cluster.coordinator(Coordinated::Group, &self.group)?;
                Ok(false)
            }
            _ => Err(error),
        }
    }

    /// Commits the next offsets to read.
    ///
    /// # Errors
    /// They are not committed.
    pub fn commit(&self, offsets: &Offsets) -> Result<(), KafkaError> {
        let (epoch, instance) = (self.generation, self.settings.instance.as_deref());
        let member = (self.member_id.as_str(), epoch, instance);
        commit(self.cluster, &self.group, member, offsets)
    }

    /// Leaves the group, unless this member keeps its place by a `group.instance.id`.
    pub fn leave(&self) {
        if self.settings.instance.is_some() {
            return;
        }
        let request = |version| {
            let request = LeaveGroupRequest::default().with_group_id(group_id(&self.group));
            if version >= 3 {
                request.with_members(vec![
                    MemberIdentity::default().with_member_id(wire(&self.member_id)),
                ])
            } else {
                request.with_member_id(wire(&self.member_id))
            }
        };
        // The session ends by itself where nobody hears it.
        drop(self.cluster.ask_with(self.coordinator, "leaveGroup", request));
    }
}

/// The next offset to read of each partition, with the epoch of the record before it, or -1.
pub type Offsets = BTreeMap<TopicPartition, (i64, i32)>;

/// Commits offsets for a member: its id, its generation or epoch, and its `group.instance.id`.
///
/// # Errors
/// They are not committed.
pub fn commit(
    cluster: &Cluster,
    group: &str,
    (id, epoch, instance): (&str, i32, Option<&str>),
    offsets: &Offsets,
) -> Result<(), KafkaError> {
    if offsets.is_empty() {
        return Ok(());
    }
    let offsets = offsets.iter().map(|(at, offset)| (at.clone(), *offset));
    let topics = by_topic(offsets).into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(index, (offset, epoch))| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(epoch)
                .with_committed_metadata(Some(wire("")))
        });
        OffsetCommitRequestTopic::default()
            .with_name(TopicName(wire(&topic)))
            .with_partitions(partitions.collect())
    });
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(epoch)
        .with_member_id(wire(id))
        .with_group_instance_id(instance.map(wire))
        .with_retention_time_ms(-1)
        .with_topics(topics.collect());
    cluster.at_coordinator(group, "offsetCommit", |coordinator| {
        let answer = cluster.ask_up_to(coordinator, "offsetCommit", COMMIT_BY_NAME, &request)?;
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.try_for_each(|partition| KafkaError::check(partition.error_code, None))
    })
}

/// The partitions in an assignment of the classic protocol.
///
/// # Errors
/// It can't be read.
pub fn assigned_of(assignment: Bytes) -> Result<Vec<TopicPartition>, KafkaError> {
    if assignment.is_empty() {
        return Ok(Vec::new());
    }
    let assignment: ConsumerProtocolAssignment = of_version(assignment)?;
    let of_topic = |topic: &Assigned| {
        let partitions = topic.partitions.iter();
        partitions
            .map(|index| (topic.topic.to_string(), *index))
            .collect::<Vec<_>>()
    };
    Ok(assignment.assigned_partitions.iter().flat_map(of_topic).collect())
}

fn versioned<T: Encodable>(message: &T) -> Result<Bytes, KafkaError> {
    let mut bytes = BytesMut::new();
    bytes.put_i16(WRITTEN);
    message
        .encode(&mut bytes, WRITTEN)
        .map_err(|error| KafkaError::plain(error.to_string()))?;
    Ok(bytes.freeze())
}

/// What other members wrote; fields of a version newer than ours follow those that are known.
fn of_version<T: Decodable>(mut bytes: Bytes) -> Result<T, KafkaError> {
    let unreadable = || KafkaError::plain("a member's subscription or assignment can't be read");
    if bytes.len() < 2 {
        return Err(unreadable());
    }
    let version = bytes.get_i16().clamp(0, 3);
    T::decode(&mut bytes, version).map_err(|_| unreadable())
}
