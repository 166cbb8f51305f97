//! ProduceRequest 3–13 and ProduceResponse 3–13, by hand: the records stay where they were received.
//!
//! The request is parsed from the connection's buffer, each partition's records being a mutable slice of it, so that the log can
//! patch offsets in place. The parser proves its own bounds; what comes out needs no guard.
//!
//! ```text
//! request:   transactional_id │ acks i16 │ timeout_ms i32 │ topics: name (to v12) or id (from v13) │ partitions: index i32 │ records
//! response:  topics: name or id │ partitions (…) │ throttle_time_ms i32 │ tag 0: node_endpoints
//! partition: index i32 │ error i16 │ base_offset i64 │ log_append_time_ms i64 │ v5: log_start_offset i64
//!            │ v8: record_errors (index i32 │ message), error_message │ v10: tag 0: current_leader
//! ```

use bytes::{BufMut, BytesMut};
use uuid::Uuid;

use crate::api::ApiKey;
use crate::error::ErrorCode;
use crate::guard::ELEMENTS_MAX;
use crate::leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::malformed::{Malformed, Unencodable};
use crate::reader::Reader;
use crate::wire;

/// From this version on topics are named by their ids (KIP-516).
const TOPIC_ID_SINCE: i16 = 13;
/// From this version on a response explains errors (KIP-467).
const RECORD_ERRORS_SINCE: i16 = 8;
/// From this version on a response tells the leader that a client should have asked (KIP-951).
const CURRENT_LEADER_SINCE: i16 = 10;
/// From this version on a response tells where the log starts.
const LOG_START_OFFSET_SINCE: i16 = 5;

/// How a request names a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRef<'a> {
    /// By its name, up to version 12.
    Name(&'a str),
    /// By its id, from version 13 on.
    Id(Uuid),
}

/// One partition's part of a Produce.
#[derive(Debug, PartialEq, Eq)]
pub struct ProducePartition<'a> {
    /// The partition's topic.
    pub topic: TopicRef<'a>,
    /// The partition's index in its topic.
    pub index: i32,
    /// The record batches as the client sent them; `None` where it sent null.
    pub records: Option<&'a mut [u8]>,
}

/// A ProduceRequest, borrowed from its frame.
#[derive(Debug, PartialEq, Eq)]
pub struct ProduceRequest<'a> {
    /// The producer's transactional id, if it has one.
    pub transactional_id: Option<&'a str>,
    /// 0: no answer; 1: the leader has it; -1: all in-sync replicas have it. Other values are for the handler to refuse.
    pub acks: i16,
    /// How long the client waits for acknowledgments, in milliseconds.
    pub timeout_ms: i32,
    /// What is to be appended, in the order of the request. A topic without partitions leaves no trace, as in Apache Kafka.
    pub partitions: Vec<ProducePartition<'a>>,
}

impl<'a> ProduceRequest<'a> {
    /// Parses a request's body. Bytes after the message are ignored, as in Apache Kafka.
    pub fn parse(version: i16, body: &'a mut [u8]) -> Result<ProduceRequest<'a>, Malformed> {
        let api = ApiKey::Produce;
        if !api.supports(version) {
            return Err(Malformed::UnsupportedVersion { api, version });
        }
        let flexible = api.is_flexible(version);
        let mut parser = Parser { rest: body };
        let transactional_id = parser.nullable_string(flexible)?;
        let (acks, timeout_ms) = parser.read(|reader| Ok((reader.i16()?, reader.i32()?)))?;
        let mut partitions = Vec::new();
        for _ in 0..parser.count(flexible)? {
            let topic = if version >= TOPIC_ID_SINCE {
                TopicRef::Id(parser.read(|reader| reader.uuid())?)
            } else {
                TopicRef::Name(
                    parser
                        .nullable_string(flexible)?
                        .ok_or(Malformed::UnexpectedNull)?,
                )
            };
            for _ in 0..parser.count(flexible)? {
                let index = parser.read(|reader| reader.i32())?;
                let length = parser.read(|reader| reader.length(flexible))?;
                let records = length.map(|length| parser.take(length)).transpose()?;
                parser.skip_tagged_fields(flexible)?;
                if partitions.len() == ELEMENTS_MAX {
                    return Err(Malformed::TooManyElements);
                }
                partitions.push(ProducePartition {
                    topic,
                    index,
                    records,
                });
            }
            parser.skip_tagged_fields(flexible)?;
        }
        parser.skip_tagged_fields(flexible)?;
        Ok(ProduceRequest {
            transactional_id,
            acks,
            timeout_ms,
            partitions,
        })
    }
}

/// Takes a body apart from its front without losing the right to change it.
struct Parser<'a> {
    rest: &'a mut [u8],
}

impl<'a> Parser<'a> {
    fn take(&mut self, length: usize) -> Result<&'a mut [u8], Malformed> {
        let remaining = self.rest.len();
        match std::mem::take(&mut self.rest).split_at_mut_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Malformed::Truncated {
                needed: length,
                remaining,
            }),
        }
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let mut reader = Reader::new(self.rest);
        let value = read(&mut reader)?;
        let position = reader.position();
        self.take(position)?;
        Ok(value)
    }

    fn nullable_string(&mut self, flexible: bool) -> Result<Option<&'a str>, Malformed> {
        let Some(length) = self.read(|reader| reader.string_length(flexible))? else {
            return Ok(None);
        };
        std::str::from_utf8(self.take(length)?)
            .map(Some)
            .map_err(|_| Malformed::NotUtf8)
    }

    /// An array's count, which can't exceed the bytes that remain.
    fn count(&mut self, flexible: bool) -> Result<usize, Malformed> {
        let count = self
            .read(|reader| reader.length(flexible))?
            .ok_or(Malformed::UnexpectedNull)?;
        let remaining = self.rest.len();
        if count > remaining {
            Err(Malformed::Truncated {
                needed: count,
                remaining,
            })
        } else {
            Ok(count)
        }
    }

    fn skip_tagged_fields(&mut self, flexible: bool) -> Result<(), Malformed> {
        if flexible {
            self.read(|reader| reader.skip_tagged_fields())
        } else {
            Ok(())
        }
    }
}

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

/// One topic's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopicResponse<'a> {
    /// As the request named it.
    pub topic: TopicRef<'a>,
    /// Its partitions.
    pub partitions: Vec<ProducePartitionResponse>,
}

/// A ProduceResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceResponse<'a> {
    /// The topics asked for.
    pub topics: Vec<ProduceTopicResponse<'a>>,
    /// How long the client was throttled, in milliseconds.
    pub throttle_time_ms: i32,
    /// Where the leaders named above are reached. Left out before version 10.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl ProduceResponse<'_> {
    /// Appends the body in this version. A topic given by name can't be sent in a version that has ids, nor the reverse.
    pub fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), Unencodable> {
        let api = ApiKey::Produce;
        if !api.supports(version) {
            return Err(Unencodable(format!("{api} has no version {version}")));
        }
        self.encode_in(version, api.is_flexible(version), buffer)
            .map_err(|error| Unencodable(error.to_string()))
    }

    fn encode_in(&self, version: i16, flexible: bool, buffer: &mut BytesMut) -> Result<(), anyhow::Error> {
        wire::put_array(buffer, flexible, Some(&self.topics), |buffer, topic| {
            match topic.topic {
                TopicRef::Name(name) if version < TOPIC_ID_SINCE => {
                    wire::put_string(buffer, flexible, Some(name))?
                }
                TopicRef::Id(id) if version >= TOPIC_ID_SINCE => wire::put_uuid(buffer, id),
                other => anyhow::bail!("version {version} can't carry {other:?}"),
            }
            wire::put_array(buffer, flexible, Some(&topic.partitions), |buffer, partition| {
                encode_partition(partition, version, flexible, buffer)
            })?;
            if flexible {
                wire::put_no_tagged_fields(buffer);
            }
            Ok(())
        })?;
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
