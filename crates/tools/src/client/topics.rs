//! Topics and their partitions, as Kafka's Admin tells of them.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{java_hash, sized_hash_map_order};
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use barnabas_protocol::messages::metadata_request::MetadataRequestTopic;
use barnabas_protocol::messages::metadata_response::MetadataResponseTopic;
use barnabas_protocol::messages::{
    BrokerId, DeleteTopicsRequest, DescribeTopicPartitionsRequest, MetadataRequest, MetadataResponse,
};
use uuid::Uuid;

use super::{Brokers, Cluster, KafkaError, To, topic_name};

/// So long the controller may take to delete a topic.
const DELETION_TIMEOUT_MS: i32 = 30_000;

/// A topic that there is.
#[derive(Clone, Debug)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id; nil where the cluster has none.
    pub id: Uuid,
    /// Whether it belongs to the cluster itself.
    pub is_internal: bool,
}

/// A partition and its replicas.
#[derive(Clone, Debug)]
pub struct PartitionInfo {
    /// Its number.
    pub index: i32,
    /// Who leads it.
    pub leader: Option<i32>,
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub isr: Vec<i32>,
    /// Replicas that may lead though they are not in sync (KIP-966), where the cluster tells.
    pub eligible: Option<Vec<i32>>,
    /// Those that were so last.
    pub last_known_eligible: Option<Vec<i32>>,
}

/// A topic and its partitions, in their order.
#[derive(Clone, Debug)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; nil where the cluster has none.
    pub id: Uuid,
    /// Its partitions by number.
    pub partitions: Vec<PartitionInfo>,
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.0).collect()
}

fn leader(id: BrokerId) -> Option<i32> {
    (id.0 >= 0).then_some(id.0)
}

impl Cluster {
    /// What the cluster says of topics; of all without names. Also remembers the brokers.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn metadata(
        &self,
        name: &str,
        topics: Option<&[String]>,
        may_create: bool,
    ) -> Result<MetadataResponse, KafkaError> {
        let request = |_| {
            let topics = topics.map(|topics| {
                let topic = |name: &String| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
                topics.iter().map(topic).collect()
            });
            MetadataRequest::default()
                .with_topics(topics)
                .with_allow_auto_topic_creation(may_create)
        };
        let (_, response) = self.ask_with(To::Any, name, request)?;
        let brokers = Brokers::of(&response);
        if !brokers.list.is_empty() {
            self.remember(brokers);
        }
        Ok(response)
    }

    /// The names of the topics with these ids. Topics that there are not are passed over.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn topic_names<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i Uuid>,
    ) -> Result<BTreeMap<Uuid, String>, KafkaError> {
        let wanted = ids
            .into_iter()
            .map(|id| MetadataRequestTopic::default().with_topic_id(*id).with_name(None));
        let wanted: Vec<MetadataRequestTopic> = wanted.collect();
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let request = MetadataRequest::default().with_topics(Some(wanted));
        let response = self.ask(To::Any, "metadata", &request)?;
        let named = response.topics.iter().filter_map(|topic| {
            let name = topic.name.as_ref()?;
            Some((topic.topic_id, name.to_string()))
        });
        Ok(named.collect())
    }

    /// All topics that this client may see, by name.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn list_topics(&self) -> Result<Vec<TopicListing>, KafkaError> {
        let response = self.metadata("listTopics", None, true)?;
        let listing = |topic: &MetadataResponseTopic| {
            Some(TopicListing {
                name: topic.name.as_ref()?.to_string(),
                id: topic.topic_id,
                is_internal: topic.is_internal,
            })
        };
        let mut topics: Vec<TopicListing> = response.topics.iter().filter_map(listing).collect();
        topics.sort_by(|a, b| a.name.encode_utf16().cmp(b.name.encode_utf16()));
        Ok(topics)
    }

    /// Describes topics, in the order in which Kafka's Admin lists them.
    ///
    /// # Errors
    /// One of them can't be described, or nobody answers.
    pub fn describe_topics(&self, names: &[String], page: i32) -> Result<Vec<TopicDescription>, KafkaError> {
        let mut found = match self.describe_topic_partitions(names, page) {
            Err(error) if error.is(ErrorCode::UnsupportedVersion) => self.describe_by_metadata(names)?,
            found => found?,
        };
        let room = found.len();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        sized_hash_map_order(&mut found, room, |topic| java_hash(&topic.name));
        Ok(found)
    }

    fn describe_topic_partitions(
        &self,
        names: &[String],
        page: i32,
    ) -> Result<Vec<TopicDescription>, KafkaError> {
        let mut names = names.to_vec();
        names.sort();
        let mut found: BTreeMap<String, TopicDescription> = BTreeMap::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let topics = names
                .iter()
                .map(|name| TopicRequest::default().with_name(topic_name(name)));
            let request = DescribeTopicPartitionsRequest::default()
                .with_topics(topics.collect())
                .with_response_partition_limit(page)
                .with_cursor(cursor.take());
            let response = self.ask(To::Any, "describeTopics", &request)?;
            for topic in response.topics {
                KafkaError::check(topic.error_code, None)?;
                let name = topic.name.map(|name| name.to_string()).unwrap_or_default();
                let described = found.entry(name.clone()).or_insert_with(|| TopicDescription {
                    name,
                    id: topic.topic_id,
                    partitions: Vec::new(),
                });
                described
                    .partitions
                    .extend(topic.partitions.iter().map(|partition| {
                        PartitionInfo {
                            index: partition.partition_index,
                            leader: leader(partition.leader_id),
                            replicas: ids(&partition.replica_nodes),
                            isr: ids(&partition.isr_nodes),
                            eligible: Some(
                                partition
                                    .eligible_leader_replicas
                                    .as_deref()
                                    .map(ids)
                                    .unwrap_or_default(),
                            ),
                            last_known_eligible: Some(
                                partition.last_known_elr.as_deref().map(ids).unwrap_or_default(),
                            ),
                        }
                    }));
            }
            let Some(next) = response.next_cursor else {
                break;
            };
            names.retain(|name| name.as_str() >= next.topic_name.as_str());
            let next = Cursor::default()
                .with_topic_name(next.topic_name)
                .with_partition_index(next.partition_index);
            cursor = Some(next);
        }
        Ok(found.into_values().map(in_order).collect())
    }

    /// As a cluster tells that is older than DescribeTopicPartitions.
    fn describe_by_metadata(&self, names: &[String]) -> Result<Vec<TopicDescription>, KafkaError> {
        let response = self.metadata("describeTopics", Some(names), false)?;
        response.topics.iter().map(described).collect()
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// There is none, or it may not be deleted.
    pub fn delete_topic(&self, name: &str) -> Result<(), KafkaError> {
        let request = |version| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(DELETION_TIMEOUT_MS);
            match version {
                6.. => request.with_topics(vec![
                    DeleteTopicState::default().with_name(Some(topic_name(name))),
                ]),
                _ => request.with_topic_names(vec![topic_name(name)]),
            }
        };
        let (_, response) = self.ask_with(To::Controller, "deleteTopics", request)?;
        let mut results = response.responses.iter();
        results.try_for_each(|topic| KafkaError::check(topic.error_code, topic.error_message.as_deref()))
    }

    /// Describes the topic with an id.
    ///
    /// # Errors
    /// There is none, or nobody answers.
    pub fn describe_topic_by_id(&self, id: Uuid) -> Result<TopicDescription, KafkaError> {
        let topic = MetadataRequestTopic::default().with_topic_id(id).with_name(None);
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(false);
        let response = self.ask(To::Any, "describeTopicsWithIds", &request)?;
        match response.topics.first() {
            Some(topic) => described(topic),
            None => Err(KafkaError::of_code(ErrorCode::UnknownTopicId.code(), None)),
        }
    }
}

fn described(topic: &MetadataResponseTopic) -> Result<TopicDescription, KafkaError> {
    KafkaError::check(topic.error_code, None)?;
    let partition =
        |partition: &barnabas_protocol::messages::metadata_response::MetadataResponsePartition| {
            PartitionInfo {
                index: partition.partition_index,
                leader: leader(partition.leader_id),
                replicas: ids(&partition.replica_nodes),
                isr: ids(&partition.isr_nodes),
                eligible: None,
                last_known_eligible: None,
            }
        };
    Ok(in_order(TopicDescription {
        name: topic
            .name
            .as_ref()
            .map(|name| name.to_string())
            .unwrap_or_default(),
        id: topic.topic_id,
        partitions: topic.partitions.iter().map(partition).collect(),
    }))
}

fn in_order(mut topic: TopicDescription) -> TopicDescription {
    topic.partitions.sort_by_key(|partition| partition.index);
    topic
}
