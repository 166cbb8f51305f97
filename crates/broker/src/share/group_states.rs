//! What share groups ask of the share coordinator, and what they note of its answers: states that begin, and
//! states that are forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::{GroupRefusal, NO_START_OFFSET, Partitions, ShareInitialization};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_share_group_state_request::DeleteStateData;
use barnabas_protocol::messages::initialize_share_group_state_request::InitializeStateData;
use barnabas_protocol::messages::{
    DeleteShareGroupStateRequest, InitializeShareGroupStateRequest, StrBytes,
    delete_share_group_state_request, initialize_share_group_state_request,
};
use uuid::Uuid;

use super::persister;
use crate::broker::Broker;

/// The errors of partitions that were not served.
pub type Failed = BTreeMap<(Uuid, i32), ErrorCode>;

/// Has states begin where the settings of the group will say, and notes those that have.
pub async fn begin(broker: &Arc<Broker>, group_id: &str, initialization: &ShareInitialization) {
    let failed = begin_at(broker, group_id, initialization, &BTreeMap::new()).await;
    if !failed.is_empty() {
        tracing::warn!(
            group = group_id,
            ?failed,
            "states of a share group have not begun"
        );
    }
}

/// Has states begin at these start offsets, and notes those that have.
pub async fn begin_at(
    broker: &Arc<Broker>,
    group_id: &str,
    initialization: &ShareInitialization,
    start_offsets: &BTreeMap<(Uuid, i32), i64>,
) -> Failed {
    let topics = initialization.partitions.iter().map(|(topic_id, partitions)| {
        let partitions = partitions.iter().map(|partition| {
            let start_offset = start_offsets.get(&(*topic_id, *partition));
            initialize_share_group_state_request::PartitionData::default()
                .with_partition(*partition)
                .with_state_epoch(initialization.state_epoch)
                .with_start_offset(start_offset.copied().unwrap_or(NO_START_OFFSET))
        });
        InitializeStateData::default()
            .with_topic_id(*topic_id)
            .with_partitions(partitions.collect())
    });
    let request = InitializeShareGroupStateRequest::default()
        .with_group_id(StrBytes::from_string(group_id.to_owned()))
        .with_topics(topics.collect());
    let (mut begun, mut not_begun) = (Partitions::new(), Partitions::new());
    let mut failed = Failed::new();
    for topic in persister::initialize(broker, request).await.results {
        for partition in topic.partitions {
            let error = ErrorCode::from_code(partition.error_code).unwrap_or(ErrorCode::UnknownServerError);
            let side = if error == ErrorCode::None {
                &mut begun
            } else {
                failed.insert((topic.topic_id, partition.partition), error);
                &mut not_begun
            };
            side.entry(topic.topic_id)
                .or_default()
                .insert(partition.partition);
        }
    }
    let noted = broker.groups().request(group_id, |core, _| {
        Ok((core.share_initialized(group_id, &begun, &not_begun), ()))
    });
    if let Err(error) = noted.await {
        // A heartbeat asks for it again.
        tracing::debug!(group = group_id, %error, "states that have begun were not noted");
    }
    failed
}

/// Forgets the states of the topics with these ids that a group has, or of all. Answers the topics that it
/// had, and what could not be forgotten.
///
/// # Errors
/// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, and the coordinator's own.
pub async fn forget(
    broker: &Arc<Broker>,
    group_id: &str,
    topics: Option<&[Uuid]>,
) -> Result<(Vec<Uuid>, Failed), GroupRefusal> {
    let planned = broker.groups().request(group_id, |core, _| {
        Ok(match core.share_delete_offsets(group_id, topics) {
            Ok(outcome) => (outcome.records, Ok(outcome.reply)),
            Err(refusal) => (Vec::new(), Err(refusal)),
        })
    });
    let partitions = planned.await??;
    let topics = partitions.iter().map(|(topic_id, partitions)| {
        let partitions = partitions.iter().map(|partition| {
            delete_share_group_state_request::PartitionData::default().with_partition(*partition)
        });
        DeleteStateData::default()
            .with_topic_id(*topic_id)
            .with_partitions(partitions.collect())
    });
    let request = DeleteShareGroupStateRequest::default()
        .with_group_id(StrBytes::from_string(group_id.to_owned()))
        .with_topics(topics.collect());
    let mut failed = Failed::new();
    for topic in persister::delete(broker, request).await.results {
        for partition in topic.partitions {
            match ErrorCode::from_code(partition.error_code) {
                // A topic that is gone has taken its states along.
                Some(ErrorCode::None | ErrorCode::UnknownTopicOrPartition) => {}
                error => {
                    let error = error.unwrap_or(ErrorCode::UnknownServerError);
                    failed.insert((topic.topic_id, partition.partition), error);
                }
            }
        }
    }
    let is_gone = |topic_id: &&Uuid| !failed.keys().any(|(failed, _)| failed == *topic_id);
    let gone: Vec<Uuid> = partitions.keys().filter(is_gone).copied().collect();
    let noted = broker
        .groups()
        .request(group_id, |core, _| Ok((core.share_deleted(group_id, &gone), ())));
    noted.await?;
    Ok((partitions.into_keys().collect(), failed))
}
