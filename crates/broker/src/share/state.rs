//! Reading and writing the state of a share partition, through the persister.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::read_share_group_state_request::{
    PartitionData as ReadPartition, ReadStateData,
};
use barnabas_protocol::messages::write_share_group_state_request::{
    PartitionData as WritePartition, StateBatch as WireBatch, WriteStateData,
};
use barnabas_protocol::messages::{ReadShareGroupStateRequest, StrBytes, WriteShareGroupStateRequest};
use barnabas_share::{RecordState, StateBatch};

use super::held::{Held, ShareKey};
use super::persister;
use crate::broker::Broker;

/// What the share coordinator knows of a share partition.
#[derive(Debug)]
pub struct ReadState {
    /// The epoch of the state.
    pub state_epoch: i32,
    /// `None` while none is decided.
    pub start_offset: Option<i64>,
    /// Its batches.
    pub batches: Vec<StateBatch>,
}

/// What is written at once.
#[derive(Debug)]
pub struct WriteState {
    /// The epoch of the state.
    pub state_epoch: i32,
    /// Below it all is done.
    pub start_offset: i64,
    /// How many records from there on are done.
    pub delivery_complete_count: i32,
    /// In the order in which they came to be so.
    pub batches: Vec<StateBatch>,
}

/// Reads the state, in the epoch in which this broker leads.
///
/// # Errors
/// What a fetch is told: COORDINATOR_NOT_AVAILABLE, GROUP_ID_NOT_FOUND, UNKNOWN_TOPIC_OR_PARTITION,
/// NOT_LEADER_OR_FOLLOWER, UNKNOWN_SERVER_ERROR.
pub async fn read(broker: &Arc<Broker>, held: &Held) -> Result<ReadState, ErrorCode> {
    let ShareKey {
        topic_id, partition, ..
    } = held.key;
    let wanted = ReadPartition::default()
        .with_partition(partition)
        .with_leader_epoch(held.leader_epoch);
    let topic = ReadStateData::default()
        .with_topic_id(topic_id)
        .with_partitions(vec![wanted]);
    let request = ReadShareGroupStateRequest::default()
        .with_group_id(group_id(&held.key))
        .with_topics(vec![topic]);
    let response = persister::read(broker, request).await;
    let read = response
        .results
        .into_iter()
        .flat_map(|topic| topic.partitions)
        .next();
    let read = read.ok_or(ErrorCode::UnknownServerError)?;
    check(read.error_code)?;
    let batches = read.state_batches.iter().map(|batch| {
        let delivery_state = RecordState::of(batch.delivery_state).ok_or(ErrorCode::UnknownServerError)?;
        Ok(StateBatch {
            first_offset: batch.first_offset,
            last_offset: batch.last_offset,
            delivery_state,
            delivery_count: batch.delivery_count,
            cause: None,
        })
    });
    Ok(ReadState {
        state_epoch: read.state_epoch,
        start_offset: (read.start_offset >= 0).then_some(read.start_offset),
        batches: batches.collect::<Result<_, ErrorCode>>()?,
    })
}

/// Writes state.
///
/// # Errors
/// As [`read`].
pub async fn write(broker: &Arc<Broker>, held: &Held, state: WriteState) -> Result<(), ErrorCode> {
    let ShareKey {
        topic_id, partition, ..
    } = held.key;
    let batches = state.batches.iter().map(|batch| {
        WireBatch::default()
            .with_first_offset(batch.first_offset)
            .with_last_offset(batch.last_offset)
            .with_delivery_state(batch.delivery_state.id())
            .with_delivery_count(batch.delivery_count)
    });
    let written = WritePartition::default()
        .with_partition(partition)
        .with_state_epoch(state.state_epoch)
        .with_leader_epoch(held.leader_epoch)
        .with_start_offset(state.start_offset)
        .with_delivery_complete_count(state.delivery_complete_count)
        .with_state_batches(batches.collect());
    let topic = WriteStateData::default()
        .with_topic_id(topic_id)
        .with_partitions(vec![written]);
    let request = WriteShareGroupStateRequest::default()
        .with_group_id(group_id(&held.key))
        .with_topics(vec![topic]);
    let response = persister::write(broker, request).await;
    let written = response
        .results
        .into_iter()
        .flat_map(|topic| topic.partitions)
        .next();
    check(written.ok_or(ErrorCode::UnknownServerError)?.error_code)
}

fn group_id(key: &ShareKey) -> StrBytes {
    StrBytes::from_string(key.group.to_string())
}

/// What a client is told of an error of the share coordinator's.
fn check(code: i16) -> Result<(), ErrorCode> {
    Err(match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => return Ok(()),
        Some(
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress,
        ) => ErrorCode::CoordinatorNotAvailable,
        Some(error @ (ErrorCode::GroupIdNotFound | ErrorCode::UnknownTopicOrPartition)) => error,
        Some(ErrorCode::FencedLeaderEpoch | ErrorCode::FencedStateEpoch) => ErrorCode::NotLeaderOrFollower,
        _ => ErrorCode::UnknownServerError,
    })
}
