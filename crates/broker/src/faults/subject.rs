//! What a request names, read from its body for the rules.

use std::sync::Arc;

use barnabas_network::rpc::{RequestContext, decode};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ConsumerGroupHeartbeatRequest, EndTxnRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, SyncGroupRequest,
    TxnOffsetCommitRequest,
};
use barnabas_protocol::produce::ProduceRequest;
use uuid::Uuid;

use crate::broker::Broker;

/// A request that rules may be about, as far as they and the answers to it need it.
#[derive(Debug)]
pub enum Body {
    /// Of an API of which nothing is asked.
    Other,
    /// A Produce: its acks and its topics.
    Produce(i16, Vec<ProducedTopic>),
    /// A Fetch: the partitions that it names and those that its session reads.
    Fetch(Vec<(String, Uuid, i32)>),
    /// A ListOffsets.
    ListOffsets(ListOffsetsRequest),
    /// A Metadata.
    Metadata,
    /// An OffsetCommit.
    OffsetCommit(OffsetCommitRequest),
    /// A TxnOffsetCommit.
    TxnOffsetCommit(TxnOffsetCommitRequest),
    /// A Heartbeat.
    Heartbeat(HeartbeatRequest),
    /// A ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest),
    /// A JoinGroup.
    JoinGroup(JoinGroupRequest),
    /// A SyncGroup.
    SyncGroup,
    /// A LeaveGroup.
    LeaveGroup(LeaveGroupRequest),
    /// A FindCoordinator.
    FindCoordinator(FindCoordinatorRequest),
    /// An InitProducerId.
    InitProducerId,
    /// An AddPartitionsToTxn.
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    /// An AddOffsetsToTxn.
    AddOffsetsToTxn,
    /// An EndTxn.
    EndTxn,
}

/// A topic of a Produce.
#[derive(Debug)]
pub struct ProducedTopic {
    /// Its name; empty where the request gives an id that nobody knows.
    pub name: String,
    /// Its id; nil where the request gives a name.
    pub id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
}

/// What a request names.
#[derive(Debug)]
pub struct Named {
    /// What was read.
    pub body: Body,
    /// The partitions; -1 where only the topic is named.
    pub partitions: Vec<(String, i32)>,
    /// The group.
    pub group: Option<String>,
    /// The transactional id.
    pub transactional_id: Option<String>,
    /// Whether it comes from another broker.
    pub is_of_broker: bool,
}

impl Named {
    fn new(body: Body) -> Self {
        Named {
            body,
            partitions: Vec::new(),
            group: None,
            transactional_id: None,
            is_of_broker: false,
        }
    }

    fn of_group(body: Body, group: &str) -> Self {
        Named {
            group: Some(group.to_owned()),
            ..Named::new(body)
        }
    }

    fn of_transaction(body: Body, id: Option<&str>) -> Self {
        Named {
            transactional_id: id.map(str::to_owned),
            ..Named::new(body)
        }
    }

    /// Reads a body. `None` where it can't be read: its handler says so.
    pub fn of(broker: &Arc<Broker>, context: &RequestContext, bytes: &[u8]) -> Option<Named> {
        let image = broker.image();
        let name_of = |id: Uuid| image.topics.by_id(&id).map(|topic| topic.name.to_string());
        let topic = |name: &str, id: Uuid| match name {
            "" => name_of(id).unwrap_or_default(),
            name => name.to_owned(),
        };
        Some(match context.api_key {
            ApiKey::Produce => produce(context, bytes, &name_of)?,
            ApiKey::Fetch => fetch(broker, context, bytes, &topic)?,
            ApiKey::ListOffsets => {
                let request: ListOffsetsRequest = decode(context, bytes)?;
                let partitions = request.topics.iter().flat_map(|topic| {
                    let partitions = topic.partitions.iter();
                    partitions.map(|partition| (topic.name.to_string(), partition.partition_index))
                });
                let (partitions, is_of_broker) = (partitions.collect(), request.replica_id.0 >= 0);
                Named {
                    partitions,
                    is_of_broker,
                    ..Named::new(Body::ListOffsets(request))
                }
            }
            ApiKey::Metadata => {
                let request: MetadataRequest = decode(context, bytes)?;
                let topics = request.topics.iter().flatten();
                let named = topics.map(|wanted| {
                    let name = wanted.name.as_ref().map_or("", |name| name.as_str());
                    (topic(name, wanted.topic_id), -1)
                });
                let partitions = named.collect();
                Named {
                    partitions,
                    ..Named::new(Body::Metadata)
                }
            }
            ApiKey::OffsetCommit => {
                let request: OffsetCommitRequest = decode(context, bytes)?;
                let partitions = request.topics.iter().flat_map(|committed| {
                    let name = topic(&committed.name, committed.topic_id);
                    let partitions = committed.partitions.iter();
                    partitions.map(move |partition| (name.clone(), partition.partition_index))
                });
                let (partitions, group) = (partitions.collect(), Some(request.group_id.to_string()));
                Named {
                    partitions,
                    group,
                    ..Named::new(Body::OffsetCommit(request))
                }
            }
            ApiKey::TxnOffsetCommit => {
                let request: TxnOffsetCommitRequest = decode(context, bytes)?;
                let partitions = request.topics.iter().flat_map(|committed| {
                    let name = topic(&committed.name, Uuid::nil());
                    let partitions = committed.partitions.iter();
                    partitions.map(move |partition| (name.clone(), partition.partition_index))
                });
                Named {
                    partitions: partitions.collect(),
                    group: Some(request.group_id.to_string()),
                    transactional_id: Some(request.transactional_id.to_string()),
                    ..Named::new(Body::TxnOffsetCommit(request))
                }
            }
            ApiKey::Heartbeat => {
                let request: HeartbeatRequest = decode(context, bytes)?;
                let group = request.group_id.to_string();
                Named::of_group(Body::Heartbeat(request), &group)
            }
            ApiKey::ConsumerGroupHeartbeat => {
                let request: ConsumerGroupHeartbeatRequest = decode(context, bytes)?;
                let group = request.group_id.to_string();
                Named::of_group(Body::ConsumerGroupHeartbeat(request), &group)
            }
            ApiKey::JoinGroup => {
                let request: JoinGroupRequest = decode(context, bytes)?;
                let group = request.group_id.to_string();
                Named::of_group(Body::JoinGroup(request), &group)
            }
            ApiKey::SyncGroup => {
                let request: SyncGroupRequest = decode(context, bytes)?;
                let group = request.group_id.to_string();
                Named::of_group(Body::SyncGroup, &group)
            }
            ApiKey::LeaveGroup => {
                let request: LeaveGroupRequest = decode(context, bytes)?;
                let group = request.group_id.to_string();
                Named::of_group(Body::LeaveGroup(request), &group)
            }
            ApiKey::FindCoordinator => Named::new(Body::FindCoordinator(decode(context, bytes)?)),
            ApiKey::InitProducerId => {
                let request: InitProducerIdRequest = decode(context, bytes)?;
                let id = request.transactional_id.as_ref().map(|id| id.to_string());
                Named::of_transaction(Body::InitProducerId, id.as_deref())
            }
            ApiKey::AddPartitionsToTxn => {
                let request: AddPartitionsToTxnRequest = decode(context, bytes)?;
                let topics = request.v3_and_below_topics.iter();
                let partitions = topics.flat_map(|topic| {
                    topic
                        .partitions
                        .iter()
                        .map(|index| (topic.name.to_string(), *index))
                });
                Named {
                    partitions: partitions.collect(),
                    transactional_id: Some(request.v3_and_below_transactional_id.to_string()),
                    // From version 4 on brokers ask for clients.
                    is_of_broker: context.api_version >= 4,
                    ..Named::new(Body::AddPartitionsToTxn(request))
                }
            }
            ApiKey::AddOffsetsToTxn => {
                let request: AddOffsetsToTxnRequest = decode(context, bytes)?;
                let (group, id) = (request.group_id.to_string(), request.transactional_id.to_string());
                Named {
                    group: Some(group),
                    ..Named::of_transaction(Body::AddOffsetsToTxn, Some(&id))
                }
            }
            ApiKey::EndTxn => {
                let request: EndTxnRequest = decode(context, bytes)?;
                let id = request.transactional_id.to_string();
                Named::of_transaction(Body::EndTxn, Some(&id))
            }
            _ => Named::new(Body::Other),
        })
    }
}

fn produce(
    context: &RequestContext,
    bytes: &[u8],
    name_of: &impl Fn(Uuid) -> Option<String>,
) -> Option<Named> {
    // The parser works in place, and the handler is to find the body as it came.
    let mut copy = bytes.to_vec();
    let request = ProduceRequest::parse(context.api_version, &mut copy).ok()?;
    let id = request.transactional_id.map(str::to_owned);
    let mut topics: Vec<ProducedTopic> = Vec::new();
    let mut partitions = Vec::new();
    for partition in &request.partitions {
        let (name, id) = match partition.topic {
            barnabas_protocol::topic_ref::TopicRef::Name(name) => (name.to_owned(), Uuid::nil()),
            barnabas_protocol::topic_ref::TopicRef::Id(id) => (name_of(id).unwrap_or_default(), id),
        };
        partitions.push((name.clone(), partition.index));
        match topics
            .last_mut()
            .filter(|last| last.name == name && last.id == id)
        {
            Some(last) => last.partitions.push(partition.index),
            None => topics.push(ProducedTopic {
                name,
                id,
                partitions: vec![partition.index],
            }),
        }
    }
    Some(Named {
        partitions,
        ..Named::of_transaction(Body::Produce(request.acks, topics), id.as_deref())
    })
}

fn fetch(
    broker: &Arc<Broker>,
    context: &RequestContext,
    bytes: &[u8],
    topic: &impl Fn(&str, Uuid) -> String,
) -> Option<Named> {
    let request: FetchRequest = decode(context, bytes)?;
    let mut read: Vec<(String, Uuid, i32)> = Vec::new();
    for wanted in &request.topics {
        let name = topic(&wanted.topic, wanted.topic_id);
        let partitions = wanted.partitions.iter();
        read.extend(partitions.map(|partition| (name.clone(), wanted.topic_id, partition.partition)));
    }
    for key in broker.fetch_sessions().partitions(request.session_id) {
        let known = (topic(&key.topic, key.topic_id), key.topic_id, key.partition);
        if !read.contains(&known) {
            read.push(known);
        }
    }
    let is_of_broker = request.replica_id.0 >= 0 || request.replica_state.replica_id.0 >= 0;
    let partitions = read
        .iter()
        .map(|(topic, _, index)| (topic.clone(), *index))
        .collect();
    Some(Named {
        partitions,
        is_of_broker,
        ..Named::new(Body::Fetch(read))
    })
}
