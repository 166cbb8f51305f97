//! Metadata (key 3): brokers, topics, and who leads which partition; creates topics that are asked for and
//! missing.
//!
//! Versions 0–13. Errors of the whole: INVALID_REQUEST for a topic without a name or with an id before
//! version 12. Of a topic: TOPIC_AUTHORIZATION_FAILED (asked for all, topics that the client may not describe
//! are left out), UNKNOWN_TOPIC_OR_PARTITION (also while it is being created), UNKNOWN_TOPIC_ID,
//! INVALID_TOPIC_EXCEPTION. Of a partition: LEADER_NOT_AVAILABLE, LISTENER_NOT_FOUND (from version 6),
//! REPLICA_NOT_AVAILABLE (version 0).

use std::collections::BTreeSet;

use barnabas_metadata::controller::topic_name;
use barnabas_metadata::image::{MetadataImage, PartitionImage, TopicImage};
use barnabas_network::ConnectionContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use barnabas_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, StrBytes, TopicName};
use barnabas_security::{AclOperation, ResourceType, Rights};
use uuid::Uuid;

use crate::awaited_leaders;
use crate::broker::Broker;
use crate::request::{RequestContext, endpoint, offline_replicas};
use crate::topic_creation;

/// First version that finds topics by id.
const TOPIC_IDS_SINCE: i16 = 12;
/// First version with an error of the whole.
const ERROR_CODE_SINCE: i16 = 13;
/// First version that tells a listener that the leader lacks from a leader that is down.
const LISTENER_ERRORS_SINCE: i16 = 6;

/// Answers from the latest image, after creating what is missing and may be created.
pub async fn handle(broker: &Broker, context: &RequestContext, request: MetadataRequest) -> MetadataResponse {
    if let Err(error) = check(&request, context.api_version) {
        return refused(&request, error, context.api_version);
    }
    let rights = broker.rights(context);
    let may_describe = |topic: &str| rights.on_topic(AclOperation::Describe, topic);
    let mut wanted = Wanted::of(&request, context.api_version);
    let mut forbidden: Vec<&str> = match &mut wanted {
        Wanted::Names(names) => names.extract_if(.., |name| !may_describe(name)).collect(),
        Wanted::All | Wanted::Ids(_) => Vec::new(),
    };
    let create = request.allow_auto_topic_creation && broker.config().auto_create_topics_enable;
    let mut created = BTreeSet::new();
    let mut uncreatable = Vec::new();
    if let (Wanted::Names(names), true) = (&mut wanted, create) {
        let missing =
            |name: &&str| broker.image().topics.by_name(name).is_none() && topic_name::validate(name).is_ok();
        created = names.iter().copied().filter(missing).collect();
        if !rights.on_cluster(AclOperation::Create) {
            let may_not_create = |name: &&str| !rights.on_topic(AclOperation::Create, name);
            uncreatable.extend(names.extract_if(.., |name| may_not_create(name) && created.remove(name)));
        }
        topic_creation::create_topics(broker, context, created.iter().copied()).await;
    }
    awaited_leaders::settle(broker, |image, id| wanted.names_leader(image, id)).await;
    let image = broker.image();
    let answer = Answer {
        broker,
        image: &image,
        connection: &context.connection,
        rights,
        version: context.api_version,
    };
    let mut topics = match &wanted {
        Wanted::All => {
            let visible = image.topics.iter().filter(|topic| may_describe(&topic.name));
            visible.map(|topic| answer.topic(topic)).collect()
        }
        Wanted::Ids(ids) => answer.by_ids(ids),
        // A topic that this request creates is reported missing, as Apache Kafka does: the client asks again.
        Wanted::Names(names) => {
            let existing = names.difference(&created).copied();
            let (known, unknown): (Vec<_>, Vec<_>) =
                existing.partition(|name| image.topics.by_name(name).is_some());
            let known = known.into_iter().filter_map(|name| image.topics.by_name(name));
            let mut topics: Vec<_> = known.map(|topic| answer.topic(topic)).collect();
            topics.extend(unknown.into_iter().chain(created).map(missing));
            topics
        }
    };
    if request.include_topic_authorized_operations {
        for topic in topics.iter_mut().filter(|topic| !is_forbidden(topic)) {
            if let Some(name) = &topic.name {
                topic.topic_authorized_operations = rights.operations(ResourceType::Topic, &name.0);
            }
        }
    }
    let may_not_create = uncreatable.into_iter().map(|name| {
        let internal = topic_name::is_internal(name);
        refused_topic(name).with_is_internal(internal)
    });
    topics.extend(may_not_create.chain(forbidden.drain(..).map(refused_topic)));
    let mut response = answer.cluster().with_topics(topics);
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = rights.cluster_operations();
    }
    response
}

/// Which topics are asked for.
enum Wanted<'a> {
    All,
    Ids(BTreeSet<Uuid>),
    Names(BTreeSet<&'a str>),
}

impl<'a> Wanted<'a> {
    fn of(request: &'a MetadataRequest, version: i16) -> Self {
        let Some(topics) = &request.topics else {
            return Self::All;
        };
        if version == 0 && topics.is_empty() {
            return Self::All;
        }
        let ids: BTreeSet<Uuid> = topics
            .iter()
            .map(|topic| topic.topic_id)
            .filter(|id| !id.is_nil())
            .collect();
        if ids.is_empty() {
            Self::Names(
                topics
                    .iter()
                    .filter_map(|topic| topic.name.as_ref())
                    .map(|name| &*name.0)
                    .collect(),
            )
        } else {
            Self::Ids(ids)
        }
    }
}

impl Wanted<'_> {
    /// Whether a broker leads something that is asked for.
    fn names_leader(&self, image: &MetadataImage, broker_id: i32) -> bool {
        let leads = |topic: &TopicImage| topic.partitions.iter().any(|one| one.leader == broker_id);
        match self {
            Self::All => image.topics.iter().any(|topic| leads(topic)),
            Self::Ids(ids) => ids
                .iter()
                .any(|id| image.topics.by_id(id).is_some_and(|topic| leads(topic))),
            Self::Names(names) => names
                .iter()
                .any(|name| image.topics.by_name(name).is_some_and(|topic| leads(topic))),
        }
    }
}

fn check(request: &MetadataRequest, version: i16) -> Result<(), ErrorCode> {
    let topics = request.topics.as_deref().unwrap_or_default();
    let by_id = version >= TOPIC_IDS_SINCE;
    if !by_id
        && topics
            .iter()
            .any(|topic| topic.name.is_none() || !topic.topic_id.is_nil())
    {
        return Err(ErrorCode::InvalidRequest);
    }
    // Neither a name nor an id, and no other topic with an id: there is nothing to look up.
    let named = |topic: &_| -> bool {
        let topic: &barnabas_protocol::messages::metadata_request::MetadataRequestTopic = topic;
        topic.name.is_some()
    };
    if topics.iter().all(|topic| topic.topic_id.is_nil()) && !topics.iter().all(named) {
        return Err(ErrorCode::UnknownServerError);
    }
    Ok(())
}

/// The answer to a request that is wrong as a whole: every topic has the error, nothing else is told.
fn refused(request: &MetadataRequest, error: ErrorCode, version: i16) -> MetadataResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        MetadataResponseTopic::default()
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_topic_id(topic.topic_id)
            .with_error_code(error.code())
    });
    let code = if version >= ERROR_CODE_SINCE {
        error.code()
    } else {
        0
    };
    MetadataResponse::default()
        .with_topics(topics.collect())
        .with_error_code(code)
}

/// A topic that the client may not describe, or not create: whether it exists is not told.
fn refused_topic(name: &str) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(ErrorCode::TopicAuthorizationFailed.code())
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
}

fn is_forbidden(topic: &MetadataResponseTopic) -> bool {
    topic.error_code == ErrorCode::TopicAuthorizationFailed.code()
}

fn missing(name: &str) -> MetadataResponseTopic {
    let error = match topic_name::validate(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
        .with_is_internal(topic_name::is_internal(name))
}

struct Answer<'a> {
    broker: &'a Broker,
    image: &'a MetadataImage,
    connection: &'a ConnectionContext,
    rights: Rights<'a>,
    version: i16,
}

impl Answer<'_> {
    fn cluster(&self) -> MetadataResponse {
        let told = self.image.brokers.values();
        let brokers: Vec<_> = told
            .filter(|broker| self.broker.is_told(broker))
            .filter_map(|broker| {
                let (host, port) = endpoint(self.connection, self.broker.node_id, broker)?;
                let answer = MetadataResponseBroker::default()
                    .with_node_id(BrokerId(broker.broker_id))
                    .with_host(StrBytes::from_string(host.to_owned()))
                    .with_port(port.into())
                    .with_rack(broker.rack.clone().map(StrBytes::from_string));
                Some(answer)
            })
            .collect();
        // Any broker forwards what is for the controller.
        let is_alive = |id: &BrokerId| self.image.alive_broker(id.0).is_some();
        let mut ids = brokers.iter().map(|broker| broker.node_id);
        let controller = ids.find(is_alive).unwrap_or(BrokerId(-1));
        MetadataResponse::default()
            .with_brokers(brokers)
            .with_cluster_id(Some(StrBytes::from_string(self.image.cluster_id.to_string())))
            .with_controller_id(controller)
    }

    fn by_ids(&self, ids: &BTreeSet<Uuid>) -> Vec<MetadataResponseTopic> {
        let may_describe = |topic: &str| self.rights.on_topic(AclOperation::Describe, topic);
        let answer = |id: &Uuid| match self.image.topics.by_id(id) {
            Some(topic) if may_describe(&topic.name) => self.topic(topic),
            Some(_) => MetadataResponseTopic::default()
                .with_error_code(ErrorCode::TopicAuthorizationFailed.code())
                .with_name(None)
                .with_topic_id(*id),
            None => MetadataResponseTopic::default()
                .with_error_code(ErrorCode::UnknownTopicId.code())
                .with_name(None)
                .with_topic_id(*id),
        };
        ids.iter().map(answer).collect()
    }

    fn topic(&self, topic: &TopicImage) -> MetadataResponseTopic {
        let partitions = (0..)
            .zip(&topic.partitions)
            .map(|(index, partition)| self.partition(&topic.id, index, partition));
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_string(topic.name.to_string()))))
            .with_topic_id(topic.id)
            .with_is_internal(topic_name::is_internal(&topic.name))
            .with_partitions(partitions.collect())
    }

    fn partition(
        &self,
        topic_id: &Uuid,
        index: i32,
        partition: &PartitionImage,
    ) -> MetadataResponsePartition {
        let offline_here = self.broker.partitions().is_offline(topic_id, index);
        let reachable = |id: i32| {
            let broker = self.image.alive_broker(id);
            broker.is_some_and(|broker| broker.endpoint(&self.connection.listener.name).is_some())
                && !(offline_here && id == self.broker.node_id)
        };
        // Version 0 leaves out replicas that can't be reached, and says so.
        let shown = |ids: &[i32]| -> Vec<BrokerId> {
            ids.iter()
                .copied()
                .filter(|id| self.version > 0 || reachable(*id))
                .map(BrokerId)
                .collect()
        };
        let mut offline = offline_replicas(self.image, partition, &self.connection.listener.name);
        if offline_here && !offline.contains(&self.broker.node_id) {
            offline.push(self.broker.node_id);
        }
        let (replicas, isr) = (shown(&partition.replicas), shown(&partition.isr));
        let (leader, error) = if reachable(partition.leader) {
            let whole = replicas.len() == partition.replicas.len() && isr.len() == partition.isr.len();
            (
                partition.leader,
                if whole {
                    ErrorCode::None
                } else {
                    ErrorCode::ReplicaNotAvailable
                },
            )
        } else {
            let listener_lacks = !offline_here
                && self.image.brokers.contains_key(&partition.leader)
                && self.version >= LISTENER_ERRORS_SINCE;
            (
                -1,
                if listener_lacks {
                    ErrorCode::ListenerNotFound
                } else {
                    ErrorCode::LeaderNotAvailable
                },
            )
        };
        MetadataResponsePartition::default()
            .with_error_code(error.code())
            .with_partition_index(index)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(partition.leader_epoch)
            .with_offline_replicas(offline.into_iter().map(BrokerId).collect())
            .with_replica_nodes(replicas)
            .with_isr_nodes(isr)
    }
}
