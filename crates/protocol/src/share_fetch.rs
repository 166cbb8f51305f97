//! ShareFetchResponse 1–2, by hand: the records never pass through here, as in [`crate::fetch`].
//!
//! ```text
//! response:  throttle_time_ms i32 │ error i16 │ error_message │ acquisition_lock_timeout_ms i32
//!            │ topics: id │ partitions │ node_endpoints │ tags
//! partition: index i32 │ error i16 │ message │ acknowledge error i16 │ message │ leader_id i32 │ leader_epoch i32
//!            │ records │ acquired (first i64 │ last i64 │ delivery_count i16) │ tags
//! ```

use bytes::{BufMut, BytesMut};
use uuid::Uuid;

use crate::api::ApiKey;
use crate::error::ErrorCode;
use crate::fetch::FetchChunk;
use crate::leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::malformed::Unencodable;
use crate::wire;

/// Records that were acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// Offset of the first.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// How often they were delivered, this time included.
    pub delivery_count: i16,
}

/// One partition's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareFetchPartitionResponse {
    /// The partition's index in its topic.
    pub index: i32,
    /// What stands in the way of records, if anything.
    pub error: ErrorCode,
    /// In words, where there is more to say.
    pub error_message: Option<String>,
    /// What stands in the way of its acknowledgements, if anything.
    pub acknowledge_error: ErrorCode,
    /// In words, where there is more to say.
    pub acknowledge_error_message: Option<String>,
    /// The leader to ask instead.
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// Bytes of records that go here.
    pub records_bytes: usize,
    /// What of the records was acquired.
    pub acquired: Vec<AcquiredRecords>,
}

/// A ShareFetchResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareFetchResponse {
    /// How long the client was throttled, in milliseconds.
    pub throttle_time_ms: i32,
    /// The error of the whole response.
    pub error: ErrorCode,
    /// In words, where there is more to say.
    pub error_message: Option<String>,
    /// How long acquired records are locked, in milliseconds.
    pub acquisition_lock_timeout_ms: i32,
    /// The topics and their partitions that have something to tell.
    pub topics: Vec<(Uuid, Vec<ShareFetchPartitionResponse>)>,
    /// Where the leaders named above are reached.
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl ShareFetchResponse {
    /// Encodes the body. What comes before the first records is appended to `head` (which may hold the
    /// frame's size and header already); the rest is returned, and begins with records if there are any.
    pub fn encode(&self, version: i16, head: &mut BytesMut) -> Result<Vec<FetchChunk>, Unencodable> {
        let api = ApiKey::ShareFetch;
        if !api.supports(version) {
            return Err(Unencodable(format!("{api} has no version {version}")));
        }
        let mut chunks = Vec::new();
        let mut tail = BytesMut::new();
        self.put(head, &mut tail, &mut chunks)
            .map_err(|error| Unencodable(error.to_string()))?;
        if !tail.is_empty() {
            chunks.push(FetchChunk::Bytes(tail));
        }
        Ok(chunks)
    }

    fn put(
        &self,
        head: &mut BytesMut,
        tail: &mut BytesMut,
        chunks: &mut Vec<FetchChunk>,
    ) -> Result<(), anyhow::Error> {
        head.put_i32(self.throttle_time_ms);
        head.put_i16(self.error.code());
        wire::put_string(head, true, self.error_message.as_deref())?;
        head.put_i32(self.acquisition_lock_timeout_ms);
        wire::put_length(head, true, Some(self.topics.len()))?;
        let mut index = 0;
        for (topic_id, partitions) in &self.topics {
            let out = if chunks.is_empty() { &mut *head } else { &mut *tail };
            wire::put_uuid(out, *topic_id);
            wire::put_length(out, true, Some(partitions.len()))?;
            for partition in partitions {
                let out = if chunks.is_empty() { &mut *head } else { &mut *tail };
                partition.put_before_records(out)?;
                if partition.records_bytes > 0 {
                    if !tail.is_empty() {
                        chunks.push(FetchChunk::Bytes(std::mem::take(tail)));
                    }
                    let len = partition.records_bytes;
                    chunks.push(FetchChunk::Records { index, len });
                }
                index += 1;
                let out = if chunks.is_empty() { &mut *head } else { &mut *tail };
                partition.put_after_records(out)?;
            }
            let out = if chunks.is_empty() { &mut *head } else { &mut *tail };
            wire::put_no_tagged_fields(out);
        }
        let out = if chunks.is_empty() { head } else { tail };
        wire::put_array(out, true, Some(&self.node_endpoints[..]), |out, endpoint| {
            out.put_i32(endpoint.node_id);
            wire::put_string(out, true, Some(&endpoint.host))?;
            out.put_i32(endpoint.port);
            wire::put_string(out, true, endpoint.rack.as_deref())?;
            wire::put_no_tagged_fields(out);
            Ok(())
        })?;
        wire::put_no_tagged_fields(out);
        Ok(())
    }
}

impl ShareFetchPartitionResponse {
    fn put_before_records(&self, out: &mut BytesMut) -> Result<(), anyhow::Error> {
        out.put_i32(self.index);
        out.put_i16(self.error.code());
        wire::put_string(out, true, self.error_message.as_deref())?;
        out.put_i16(self.acknowledge_error.code());
        wire::put_string(out, true, self.acknowledge_error_message.as_deref())?;
        // Apache Kafka sends zeros where it names no leader.
        let leader = self.current_leader.unwrap_or(LeaderIdAndEpoch {
            leader_id: 0,
            leader_epoch: 0,
        });
        out.put_i32(leader.leader_id);
        out.put_i32(leader.leader_epoch);
        wire::put_no_tagged_fields(out);
        wire::put_length(out, true, Some(self.records_bytes))
    }

    fn put_after_records(&self, out: &mut BytesMut) -> Result<(), anyhow::Error> {
        wire::put_array(out, true, Some(&self.acquired[..]), |out, acquired| {
            out.put_i64(acquired.first_offset);
            out.put_i64(acquired.last_offset);
            out.put_i16(acquired.delivery_count);
            wire::put_no_tagged_fields(out);
            Ok(())
        })?;
        wire::put_no_tagged_fields(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ShareFetchResponse as Read;
    use kafka_protocol::protocol::Decodable;

    use super::*;

    #[test]
    fn what_is_encoded_reads_back_with_the_records_in_their_places() {
        let partition = |index, records_bytes| ShareFetchPartitionResponse {
            index,
            records_bytes,
            acknowledge_error: ErrorCode::InvalidRecordState,
            acknowledge_error_message: Some("no".to_owned()),
            acquired: vec![AcquiredRecords {
                first_offset: 3,
                last_offset: 7,
                delivery_count: 2,
            }],
            ..ShareFetchPartitionResponse::default()
        };
        let leader = LeaderIdAndEpoch {
            leader_id: 2,
            leader_epoch: 5,
        };
        let elsewhere = ShareFetchPartitionResponse {
            error: ErrorCode::NotLeaderOrFollower,
            current_leader: Some(leader),
            ..partition(9, 0)
        };
        let response = ShareFetchResponse {
            acquisition_lock_timeout_ms: 30_000,
            topics: vec![
                (
                    Uuid::from_u128(1),
                    vec![partition(0, 0), partition(1, 3), partition(2, 2)],
                ),
                (Uuid::from_u128(2), vec![elsewhere]),
            ],
            node_endpoints: vec![NodeEndpoint {
                node_id: 2,
                host: "h".to_owned(),
                port: 9092,
                rack: None,
            }],
            ..ShareFetchResponse::default()
        };
        let mut bytes = BytesMut::new();
        let chunks = response.encode(1, &mut bytes).unwrap();
        for chunk in chunks {
            match chunk {
                FetchChunk::Bytes(more) => bytes.extend_from_slice(&more),
                FetchChunk::Records { index, len } => bytes.extend(vec![index as u8; len]),
            }
        }
        let read = Read::decode(&mut bytes.freeze(), 1).unwrap();
        assert_eq!(read.acquisition_lock_timeout_ms, 30_000);
        let first = &read.responses[0];
        assert_eq!(first.topic_id, Uuid::from_u128(1));
        let records: Vec<_> = first
            .partitions
            .iter()
            .map(|read| read.records.clone().unwrap_or_default())
            .collect();
        assert_eq!(records, [&b""[..], &[1, 1, 1], &[2, 2]]);
        assert_eq!(first.partitions[1].acquired_records[0].last_offset, 7);
        assert_eq!(
            first.partitions[1].acknowledge_error_message.as_deref(),
            Some("no")
        );
        let last = &read.responses[1].partitions[0];
        assert_eq!(
            (last.current_leader.leader_id, last.current_leader.leader_epoch),
            (2, 5)
        );
        assert_eq!(read.node_endpoints[0].port, 9092);
    }
}
