//! A client of a cluster: it finds leaders and coordinators, and asks until there is an answer that counts.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::metadata_request::MetadataRequestTopic;
use barnabas_protocol::messages::{
    FindCoordinatorRequest, MetadataRequest, MetadataResponse, Request, StrBytes, TopicName,
};
use barnabas_simulation::{Client, World};
use tokio::time::sleep;

const METADATA: i16 = 12;
const FIND_COORDINATOR: i16 = 4;
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// What a client asks again after.
pub const RETRIABLE: &[ErrorCode] = &[
    ErrorCode::UnknownTopicOrPartition,
    ErrorCode::LeaderNotAvailable,
    ErrorCode::NotLeaderOrFollower,
    ErrorCode::RequestTimedOut,
    ErrorCode::NetworkException,
    ErrorCode::CoordinatorLoadInProgress,
    ErrorCode::CoordinatorNotAvailable,
    ErrorCode::NotCoordinator,
    ErrorCode::NotEnoughReplicas,
    ErrorCode::NotEnoughReplicasAfterAppend,
    ErrorCode::NotController,
    ErrorCode::ConcurrentTransactions,
    ErrorCode::KafkaStorageError,
    ErrorCode::FencedLeaderEpoch,
    ErrorCode::UnknownLeaderEpoch,
    ErrorCode::OffsetNotAvailable,
];

/// Whom a request is for.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// Any node.
    Any,
    /// Who leads a partition.
    Leader(&'a str, i32),
    /// The coordinator of a group.
    Group(&'a str),
    /// The coordinator of a transactional id.
    Transactions(&'a str),
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// See the module.
pub struct ClusterClient {
    pub who: String,
    pub random: Random,
    nodes: Vec<i32>,
    connections: BTreeMap<i32, Client>,
    leaders: BTreeMap<(String, i32), i32>,
    /// The newest leader epochs that were seen: who says an older one has not heard of it yet (KIP-320).
    epochs: BTreeMap<(String, i32), i32>,
    coordinators: BTreeMap<(i8, String), i32>,
}

impl ClusterClient {
    /// The client of this number, which bootstraps from any of the nodes.
    pub fn new(world: &World, number: i32, nodes: &[i32]) -> ClusterClient {
        let connection = |node: &i32| {
            let to = (World::address_of(*node), 9092).into();
            let client = Client::new(world, World::address_of_client(number), to);
            (*node, client.patience(PATIENCE))
        };
        ClusterClient {
            who: format!("seed {} client {number}", world.seed),
            random: Random::seeded(world.random.u64()),
            nodes: nodes.to_vec(),
            connections: nodes.iter().map(connection).collect(),
            leaders: BTreeMap::new(),
            epochs: BTreeMap::new(),
            coordinators: BTreeMap::new(),
        }
    }

    /// Asks until the answer, as `code` reads it, is none to ask again after.
    pub async fn ask<R: Request>(
        &mut self,
        to: To<'_>,
        version: i16,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> (R::Response, ErrorCode) {
        loop {
            if let Ok(response) = self.try_ask(to, version, request).await {
                let code = ErrorCode::from_code(code(&response)).expect("an error code of Kafka's");
                if !RETRIABLE.contains(&code) {
                    return (response, code);
                }
            }
            self.forget(to);
            sleep(PAUSE).await;
        }
    }

    /// Asks once.
    pub async fn try_ask<R: Request>(
        &mut self,
        to: To<'_>,
        version: i16,
        request: &R,
    ) -> io::Result<R::Response> {
        let node = self.node(to).await?;
        self.at(node, version, request).await
    }

    /// Asks a node once.
    pub async fn at<R: Request>(&mut self, node: i32, version: i16, request: &R) -> io::Result<R::Response> {
        let connection = self.connections.get_mut(&node);
        let connection = connection.unwrap_or_else(|| panic!("{}: there is no node {node}", self.who));
        connection.call(version, request).await
    }

    /// What a node, or any, says of topics.
    pub async fn metadata(
        &mut self,
        node: Option<i32>,
        topics: Option<&[&str]>,
    ) -> io::Result<MetadataResponse> {
        let named = |name: &&str| MetadataRequestTopic::default().with_name(Some(TopicName(text(name))));
        let request = MetadataRequest::default()
            .with_allow_auto_topic_creation(false)
            .with_topics(topics.map(|topics| topics.iter().map(named).collect()));
        let node = node.unwrap_or_else(|| self.any());
        self.at(node, METADATA, &request).await
    }

    /// The node was the wrong one, or doesn't answer.
    pub fn forget(&mut self, to: To<'_>) {
        match to {
            To::Any => {}
            To::Leader(topic, partition) => drop(self.leaders.remove(&(topic.to_owned(), partition))),
            To::Group(key) => drop(self.coordinators.remove(&(0, key.to_owned()))),
            To::Transactions(key) => drop(self.coordinators.remove(&(1, key.to_owned()))),
        }
    }

    fn any(&self) -> i32 {
        self.nodes[self.random.below(self.nodes.len() as u64) as usize]
    }

    async fn node(&mut self, to: To<'_>) -> io::Result<i32> {
        let lacks = || io::Error::from(io::ErrorKind::NotFound);
        match to {
            To::Any => Ok(self.any()),
            To::Leader(topic, partition) => {
                let place = (topic.to_owned(), partition);
                if let Some(leader) = self.leaders.get(&place) {
                    return Ok(*leader);
                }
                let metadata = self.metadata(None, Some(&[topic])).await?;
                let partitions = metadata.topics.iter().flat_map(|topic| &topic.partitions);
                for found in partitions.filter(|found| found.leader_id.0 >= 0) {
                    let place = (topic.to_owned(), found.partition_index);
                    let newest = self.epochs.entry(place.clone()).or_insert(found.leader_epoch);
                    if found.leader_epoch >= *newest {
                        *newest = found.leader_epoch;
                        self.leaders.insert(place, found.leader_id.0);
                    }
                }
                self.leaders.get(&place).copied().ok_or_else(lacks)
            }
            To::Group(key) => self.coordinator(0, key).await,
            To::Transactions(key) => self.coordinator(1, key).await,
        }
    }

    async fn coordinator(&mut self, kind: i8, key: &str) -> io::Result<i32> {
        if let Some(node) = self.coordinators.get(&(kind, key.to_owned())) {
            return Ok(*node);
        }
        let request = FindCoordinatorRequest::default()
            .with_key_type(kind)
            .with_coordinator_keys(vec![text(key)]);
        let found = self.at(self.any(), FIND_COORDINATOR, &request).await?;
        match &found.coordinators[..] {
            [found] if found.error_code == 0 => {
                self.coordinators.insert((kind, key.to_owned()), found.node_id.0);
                Ok(found.node_id.0)
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
