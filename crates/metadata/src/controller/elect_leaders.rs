//! ElectLeaders (key 43): preferred and unclean elections (KIP-460). Kafka's
//! `ReplicationControlManager.electLeaders`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use barnabas_protocol::messages::{ElectLeadersRequest, StrBytes, TopicName};

use serde::{Deserialize, Serialize};

use super::api_error::code_and_message;
use super::partition_change::{Election, Moved, PartitionChange, TopicRules};
use super::{ApiError, Decide, DecideContext, Decision, check_deadline, fence, wire};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// Elects leaders. An error is about the whole request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElectLeaders(#[serde(with = "wire::request")] pub ElectLeadersRequest);

impl Decide for ElectLeaders {
    type Reply = Result<Vec<ReplicaElectionResult>, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        // Nothing is asked for, so nothing is wrong.
        if self.0.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
            return Decision {
                records: Vec::new(),
                reply: Ok(Vec::new()),
            };
        }
        if let Err(error) = check_deadline(self.0.timeout_ms) {
            return Decision {
                records: Vec::new(),
                reply: Err(error),
            };
        }
        let election = match self.0.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            other => {
                let message = format!("Unknown election type {other}");
                let reply = Err(ApiError::new(ErrorCode::InvalidRequest, message));
                return Decision {
                    records: Vec::new(),
                    reply,
                };
            }
        };
        let mut records = Vec::new();
        let mut elect = |topic: &str, partition: i32| {
            let outcome = elect(topic, partition, election, image, ctx);
            let (code, message) = code_and_message(&outcome);
            records.extend(outcome);
            PartitionResult::default()
                .with_partition_id(partition)
                .with_error_code(code)
                .with_error_message(message)
        };
        let mut results = Vec::new();
        match self.0.topic_partitions {
            // All partitions: those that need no election aren't mentioned, their topics are.
            None => {
                for topic in image.topics.iter() {
                    let partitions = (0..topic.partitions.len() as i32).map(|id| elect(&topic.name, id));
                    let needed =
                        partitions.filter(|result| result.error_code != ErrorCode::ElectionNotNeeded.code());
                    let name = TopicName(StrBytes::from_string(topic.name.to_string()));
                    results.push(result_of(name, needed.collect()));
                }
            }
            Some(topics) => {
                for topic in topics {
                    let partitions = topic
                        .partitions
                        .iter()
                        .map(|id| elect(&topic.topic.0, *id))
                        .collect();
                    results.push(result_of(topic.topic, partitions));
                }
            }
        }
        Decision {
            records,
            reply: Ok(results),
        }
    }
}

fn result_of(topic: TopicName, partitions: Vec<PartitionResult>) -> ReplicaElectionResult {
    ReplicaElectionResult::default()
        .with_topic(topic)
        .with_partition_result(partitions)
}

fn elect(
    topic_name: &str,
    partition_id: i32,
    election: Election,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<MetadataRecord, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = image.topics.by_name(topic_name);
    let topic = topic.ok_or_else(|| unknown(format!("No such topic as {topic_name}")))?;
    let partition = topic.partition(partition_id);
    let partition =
        partition.ok_or_else(|| unknown(format!("No such partition as {topic_name}-{partition_id}")))?;
    let needed = match election {
        Election::Preferred => !partition.has_preferred_leader(),
        _ => !partition.has_leader(),
    };
    if !needed {
        return Err(ApiError::new(
            ErrorCode::ElectionNotNeeded,
            "Leader election not needed for topic partition.",
        ));
    }
    let (rules, node_id) = fence::rules(ctx);
    let rules = TopicRules::of(topic, image, rules, node_id);
    let mut change = PartitionChange::new(image, partition, rules, Moved::default());
    change.election = election;
    change
        .build(topic.id, partition_id)
        .ok_or_else(|| match election {
            Election::Preferred => ApiError::new(
                ErrorCode::PreferredLeaderNotAvailable,
                "The preferred leader was not available.",
            ),
            _ => ApiError::new(
                ErrorCode::EligibleLeadersNotAvailable,
                "Eligible topic partition leaders are not available.",
            ),
        })
}
