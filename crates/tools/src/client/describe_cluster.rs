//! What a cluster says of itself.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use barnabas_protocol::messages::describe_quorum_response::{Node, PartitionData as Quorum};
use barnabas_protocol::messages::{DescribeClusterRequest, DescribeQuorumRequest};

use super::{Broker, Cluster, KafkaError, To, topic_name};

/// A cluster and its nodes.
#[derive(Clone, Debug, Default)]
pub struct ClusterDescription {
    /// Its id.
    pub id: Option<String>,
    /// Its brokers, or its controllers where those were asked; and whether each is fenced.
    pub nodes: Vec<(Broker, bool)>,
}

impl Cluster {
    /// Describes the cluster, also brokers that are fenced if they are asked for.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn describe_cluster(&self, with_fenced: bool) -> Result<ClusterDescription, KafkaError> {
        let of_controllers = self.settings().of_controllers;
        let request = |version| {
            DescribeClusterRequest::default()
                .with_endpoint_type(if of_controllers { 2 } else { 1 })
                .with_include_fenced_brokers(with_fenced && version >= 2)
        };
        let response = match self.ask_with(To::Any, "listNodes", request) {
            Ok((_, response)) => response,
            Err(error) if error.is(ErrorCode::UnsupportedVersion) && !with_fenced && !of_controllers => {
                let known = self.metadata("listNodes", Some(&[]), false)?;
                return Ok(ClusterDescription {
                    id: known.cluster_id.as_ref().map(ToString::to_string),
                    nodes: super::Brokers::of(&known)
                        .list
                        .into_iter()
                        .map(|broker| (broker, false))
                        .collect(),
                });
            }
            Err(error) => return Err(error),
        };
        KafkaError::check(response.error_code, response.error_message.as_deref())?;
        let nodes = response.brokers.iter().map(|broker| {
            let found = Broker {
                id: broker.broker_id.0,
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.as_ref().map(ToString::to_string),
            };
            (found, broker.is_fenced)
        });
        Ok(ClusterDescription {
            id: Some(response.cluster_id.to_string()),
            nodes: nodes.collect(),
        })
    }

    /// Describes the quorum of controllers, and where its nodes are.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn describe_quorum(&self) -> Result<(Quorum, Vec<Node>), KafkaError> {
        let partition = PartitionData::default().with_partition_index(0);
        let topic = TopicData::default()
            .with_topic_name(topic_name("__cluster_metadata"))
            .with_partitions(vec![partition]);
        let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
        let to = if self.settings().of_controllers {
            To::Controller
        } else {
            To::Any
        };
        let response = self.ask(to, "describeMetadataQuorum", &request)?;
        KafkaError::check(response.error_code, response.error_message.as_deref())?;
        let mut partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
        let missing = || KafkaError::plain("the answer says nothing of the quorum");
        let quorum = partitions.next().ok_or_else(missing)?;
        KafkaError::check(quorum.error_code, quorum.error_message.as_deref())?;
        Ok((quorum, response.nodes))
    }
}
