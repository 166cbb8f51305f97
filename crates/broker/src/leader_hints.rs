//! Who leads a partition, for clients that have asked another broker (KIP-951): they need no Metadata to find
//! out.

use barnabas_metadata::image::{MetadataImage, TopicImage};
use barnabas_network::ConnectionContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::leader::{LeaderIdAndEpoch, NodeEndpoint};
use barnabas_protocol::produce::{ProducePartitionResponse, TopicRef};
use barnabas_replica::partition::fetch::FetchedPartition;
use uuid::Uuid;

use crate::broker::Broker;
use crate::fetch::session::FetchKey;
use crate::request::{RequestContext, endpoint};

/// First versions whose answers tell who leads instead.
const PRODUCE_SINCE: i16 = 10;
const FETCH_SINCE: i16 = 16;

/// Tells where the leaders are of partitions that this broker does not lead (KIP-951).
pub fn of_produce(
    broker: &Broker,
    context: &RequestContext,
    answers: &mut [(TopicRef<'_>, ProducePartitionResponse)],
) -> Vec<NodeEndpoint> {
    let is_elsewhere = |answer: &ProducePartitionResponse| answer.error == ErrorCode::NotLeaderOrFollower;
    if context.api_version < PRODUCE_SINCE || !answers.iter().any(|(_, answer)| is_elsewhere(answer)) {
        return Vec::new();
    }
    let image = broker.image();
    let mut hints = LeaderHints::new(&image, &context.connection, broker.node_id);
    for (topic, answer) in answers.iter_mut().filter(|(_, answer)| is_elsewhere(answer)) {
        let topic = match topic {
            TopicRef::Name(name) => image.topics.by_name(name),
            TopicRef::Id(id) => image.topics.by_id(id),
        };
        answer.current_leader = hints.name(topic.map(|topic| &**topic), answer.index);
    }
    hints.into_endpoints()
}

/// Tells where the leaders are of partitions that this broker does not lead (KIP-951).
pub fn of_fetch(
    broker: &Broker,
    context: &RequestContext,
    sent: &mut [(FetchKey, FetchedPartition)],
) -> Vec<NodeEndpoint> {
    if context.api_version < FETCH_SINCE || !sent.iter().any(|(_, fetched)| is_elsewhere(fetched.error)) {
        return Vec::new();
    }
    let image = broker.image();
    let mut hints = LeaderHints::new(&image, &context.connection, broker.node_id);
    for (key, fetched) in sent.iter_mut().filter(|(_, fetched)| is_elsewhere(fetched.error)) {
        let topic = image.topics.by_id(&key.topic_id);
        fetched.current_leader = hints.name(topic.map(|topic| &**topic), key.partition);
    }
    hints.into_endpoints()
}

/// Whether another broker should have been asked.
pub fn is_elsewhere(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch
    )
}

/// A partition by its topic's id, and who leads it.
type Led = ((Uuid, i32), LeaderIdAndEpoch);

/// Who leads these partitions, and where they are reached (KIP-932).
pub fn of_ids(
    broker: &Broker,
    context: &RequestContext,
    elsewhere: &[(Uuid, i32)],
) -> (Vec<Led>, Vec<NodeEndpoint>) {
    if elsewhere.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let image = broker.image();
    let mut hints = LeaderHints::new(&image, &context.connection, broker.node_id);
    let leaders = elsewhere.iter().filter_map(|(topic_id, partition)| {
        let topic = image.topics.by_id(topic_id);
        let leader = hints.name(topic.map(|topic| &**topic), *partition)?;
        Some(((*topic_id, *partition), leader))
    });
    let leaders = leaders.collect();
    (leaders, hints.into_endpoints())
}

/// The leaders that a response names, and where each is reached.
struct LeaderHints<'a> {
    image: &'a MetadataImage,
    connection: &'a ConnectionContext,
    node_id: i32,
    endpoints: Vec<NodeEndpoint>,
}

impl<'a> LeaderHints<'a> {
    /// None yet, for a client of this connection to this node.
    fn new(image: &'a MetadataImage, connection: &'a ConnectionContext, node_id: i32) -> Self {
        LeaderHints {
            image,
            connection,
            node_id,
            endpoints: Vec::new(),
        }
    }

    /// Names the leader of a partition; `None` if there is no such partition.
    fn name(&mut self, topic: Option<&TopicImage>, partition: i32) -> Option<LeaderIdAndEpoch> {
        let partition = topic?.partition(partition)?;
        let leader_id = partition.leader;
        let is_new = self.endpoints.iter().all(|known| known.node_id != leader_id);
        if is_new
            && let Some(broker) = self.image.alive_broker(leader_id)
            && let Some((host, port)) = endpoint(self.connection, self.node_id, broker)
        {
            self.endpoints.push(NodeEndpoint {
                node_id: leader_id,
                host: host.to_owned(),
                port: i32::from(port),
                rack: broker.rack.clone(),
            });
        }
        Some(LeaderIdAndEpoch {
            leader_id,
            leader_epoch: partition.leader_epoch,
        })
    }

    /// Where those that were named are reached.
    fn into_endpoints(self) -> Vec<NodeEndpoint> {
        self.endpoints
    }
}
