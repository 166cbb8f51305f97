//! ProduceResponse 3–13, encoded.
//!
//! ```text
//! response:  topics: name (to v12) or id (from v13) │ partitions (…) │ throttle_time_ms i32 │ v10: tag 0: node_endpoints
//! partition: index i32 │ error i16 │ base_offset i64 │ log_append_time_ms i64 │ v5: log_start_offset i64
//!            │ v8: record_errors (index i32 │ message), error_message │ v10: tag 0: current_leader
//! ```

use bytes::{BufMut, BytesMut};

use crate::api::ApiKey;
use crate::error::ErrorCode;
use crate::leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::malformed::Unencodable;
use crate::topic_ref::TopicRef;
use crate::wire;

/// From this version on a response explains errors (KIP-467).
const RECORD_ERRORS_SINCE: i16 = 8;
/// From this version on a response tells the leader that a client should have asked (KIP-951).
const CURRENT_LEADER_SINCE: i16 = 10;
/// From this version on a response tells where the log starts.
const LOG_START_OFFSET_SINCE: i16 = 5;

/// A record that is at fault for a refused batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The record's index in the batch.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: Option<String>,
}

/// One partition's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartitionResponse {
    /// The partition's index in its topic.
    pub index: i32,
    /// What happened.
    pub error: ErrorCode,
    /// The offset of the first record; -1 with most errors.
    pub base_offset: i64,
    /// When the broker appended, if the topic's timestamps are LogAppendTime, else -1.
    pub log_append_time_ms: i64,
    /// The log's first offset; -1 with most errors. Left out before version 5.
    pub log_start_offset: i64,
    /// Records at fault. Left out before version 8.
    pub record_errors: Vec<RecordError>,
    /// What is wrong as a whole. Left out before version 8.
    pub error_message: Option<String>,
    /// The leader to ask instead. Left out before version 10.
    pub current_leader: Option<LeaderIdAndEpoch>,
}

impl ProducePartitionResponse {
    /// The answer for a partition to which nothing was appended.
    pub fn error(index: i32, error: ErrorCode) -> Self {
        ProducePartitionResponse {
            index,
            error,
            base_offset: -1,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: None,
        }
    }
}

/// A ProduceResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceResponse<'a> {
    /// The partitions' answers, each with its topic as the request named it. A topic is named once for a run
    /// of its partitions.
    pub partitions: Vec<(TopicRef<'a>, ProducePartitionResponse)>,
    /// How long the client was throttled, in milliseconds.
    pub throttle_time_ms: i32,
    /// Where the leaders named above are reached. Left out before version 10.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl ProduceResponse<'_> {
    /// Appends the body in this version. A topic given by name can't be sent in a version that has ids, nor
    /// the reverse.
    pub fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), Unencodable> {
        let api = ApiKey::Produce;
        if !api.supports(version) {
            return Err(Unencodable(format!("{api} has no version {version}")));
        }
        self.encode_in(version, api.is_flexible(version), buffer)
            .map_err(|error| Unencodable(error.to_string()))
    }

    fn encode_in(&self, version: i16, flexible: bool, buffer: &mut BytesMut) -> Result<(), anyhow::Error> {
        let topics = || self.partitions.chunk_by(|a, b| a.0 == b.0);
        wire::put_length(buffer, flexible, Some(topics().count()))?;
        for partitions in topics() {
            partitions[0].0.put(version, flexible, buffer)?;
            wire::put_length(buffer, flexible, Some(partitions.len()))?;
            for (_, partition) in partitions {
                encode_partition(partition, version, flexible, buffer)?;
            }
            if flexible {
                wire::put_no_tagged_fields(buffer);
            }
        }
        buffer.put_i32(self.throttle_time_ms);
        if flexible {
            let mut tagged = wire::TaggedFields::default();
            if version >= CURRENT_LEADER_SINCE {
                NodeEndpoint::put_tagged(&self.node_endpoints, &mut tagged)?;
            }
            tagged.write(buffer);
        }
        Ok(())
    }
}

fn encode_partition(
    partition: &ProducePartitionResponse,
    version: i16,
    flexible: bool,
    buffer: &mut BytesMut,
) -> Result<(), anyhow::Error> {
    buffer.put_i32(partition.index);
    buffer.put_i16(partition.error.code());
    buffer.put_i64(partition.base_offset);
    buffer.put_i64(partition.log_append_time_ms);
    if version >= LOG_START_OFFSET_SINCE {
        buffer.put_i64(partition.log_start_offset);
    }
    if version >= RECORD_ERRORS_SINCE {
        wire::put_array(
            buffer,
            flexible,
            Some(&partition.record_errors),
            |buffer, record| {
                buffer.put_i32(record.batch_index);
                wire::put_string(buffer, flexible, record.message.as_deref())?;
                if flexible {
                    wire::put_no_tagged_fields(buffer);
                }
                Ok(())
            },
        )?;
        wire::put_string(buffer, flexible, partition.error_message.as_deref())?;
    }
    if flexible {
        let mut tagged = wire::TaggedFields::default();
        if let Some(leader) = partition
            .current_leader
            .filter(|_| version >= CURRENT_LEADER_SINCE)
        {
            leader.put_tagged(0, &mut tagged)?;
        }
        tagged.write(buffer);
    }
    Ok(())
}
