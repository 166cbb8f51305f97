//! FetchResponse 4–18, by hand: the records never pass through here.
//!
//! The encoder yields bytes up to a partition's records, then a place where so many bytes of records come
//! from elsewhere (a file's range), and so on. Requests are decoded by [`crate::codec::decode_request`].
//!
//! ```text
//! response:  throttle_time_ms i32 │ v7: error i16, session_id i32 │ topics: name (to v12) or id (from v13) │ partitions │ tags
//! partition: index i32 │ error i16 │ high_watermark i64 │ last_stable_offset i64 │ v5: log_start_offset i64
//!            │ aborted_transactions (producer_id i64 │ first_offset i64) │ v11: preferred_read_replica i32 │ records │ tags
//! ```

use bytes::{BufMut, BytesMut};

use crate::api::ApiKey;
use crate::error::ErrorCode;
use crate::leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::malformed::Unencodable;
use crate::topic_ref::TopicRef;
use crate::wire::{self, TaggedFields};

/// From this version on there are sessions (KIP-227).
const SESSIONS_SINCE: i16 = 7;
/// From this version on a response tells where the log starts.
const LOG_START_OFFSET_SINCE: i16 = 5;
/// From this version on a response may name a nearer replica (KIP-392).
const PREFERRED_READ_REPLICA_SINCE: i16 = 11;
/// From this version on a response tells where leaders are reached (KIP-951).
const NODE_ENDPOINTS_SINCE: i16 = 16;

const DIVERGING_EPOCH_TAG: u32 = 0;
const CURRENT_LEADER_TAG: u32 = 1;
const SNAPSHOT_ID_TAG: u32 = 2;

/// An epoch and the offset at which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The leader epoch.
    pub epoch: i32,
    /// The first offset after it.
    pub end_offset: i64,
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
}

/// One partition's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartitionResponse {
    /// The partition's index in its topic.
    pub index: i32,
    /// What stands in the way, if anything.
    pub error: ErrorCode,
    /// The offset up to which consumers may read.
    pub high_watermark: i64,
    /// The offset up to which all transactions are decided.
    pub last_stable_offset: i64,
    /// The log's first offset. Left out before version 5.
    pub log_start_offset: i64,
    /// Where the client's log has left this one (KIP-595). Left out before version 12.
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader to ask instead. Left out before version 12.
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// The snapshot to fetch instead, of the metadata log only. Left out before version 12.
    pub snapshot_id: Option<EpochEndOffset>,
    /// Apache Kafka sends null to a read_uncommitted client, and an empty list with an error.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The replica to read from, -1 for this one. Left out before version 11.
    pub preferred_read_replica: i32,
    /// Bytes of records that go here. Without any the length is 0, as in Apache Kafka, and never null.
    pub records_bytes: usize,
}

impl FetchPartitionResponse {
    /// The answer for a partition that can't be read.
    pub fn error(index: i32, error: ErrorCode) -> Self {
        FetchPartitionResponse {
            index,
            error,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: None,
            current_leader: None,
            snapshot_id: None,
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records_bytes: 0,
        }
    }
}

/// One topic's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopicResponse<'a> {
    /// As the request named it.
    pub topic: TopicRef<'a>,
    /// Its partitions.
    pub partitions: Vec<FetchPartitionResponse>,
}

/// A FetchResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse<'a> {
    /// How long the client was throttled, in milliseconds.
    pub throttle_time_ms: i32,
    /// The error of the whole response. Left out before version 7.
    pub error: ErrorCode,
    /// The session's id, 0 without one.
    pub session_id: i32,
    /// The topics that have something to tell.
    pub topics: Vec<FetchTopicResponse<'a>>,
    /// Where the leaders named above are reached. Left out before version 16.
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// A piece of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchChunk {
    /// Encoded bytes.
    Bytes(BytesMut),
    /// So many bytes of records go here.
    Records {
        /// Which partition's: its place among all partitions of the response, over the topics.
        index: usize,
        /// How many bytes.
        len: usize,
    },
}

impl FetchResponse<'_> {
    /// Encodes the body in this version. What comes before the first records is appended to `head` (which may
    /// hold the frame's size and header already); the rest is returned, and begins with records if there are
    /// any.
    pub fn encode(&self, version: i16, head: &mut BytesMut) -> Result<Vec<FetchChunk>, Unencodable> {
        let api = ApiKey::Fetch;
        if !api.supports(version) {
            return Err(Unencodable(format!("{api} has no version {version}")));
        }
        let mut encoder = Encoder {
            version,
            flexible: api.is_flexible(version),
            buffer: head,
            tail: BytesMut::new(),
            chunks: Vec::new(),
        };
        encoder
            .response(self)
            .map_err(|error| Unencodable(error.to_string()))?;
        Ok(encoder.finish())
    }
}

/// Writes to the caller's head until records come, to a tail of its own from then on.
struct Encoder<'b> {
    version: i16,
    flexible: bool,
    buffer: &'b mut BytesMut,
    tail: BytesMut,
    chunks: Vec<FetchChunk>,
}

impl Encoder<'_> {
    fn out(&mut self) -> &mut BytesMut {
        if self.chunks.is_empty() {
            self.buffer
        } else {
            &mut self.tail
        }
    }

    fn finish(mut self) -> Vec<FetchChunk> {
        self.cut();
        self.chunks
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            self.chunks
                .push(FetchChunk::Bytes(std::mem::take(&mut self.tail)));
        }
    }

    fn response(&mut self, response: &FetchResponse<'_>) -> Result<(), anyhow::Error> {
        let (version, flexible) = (self.version, self.flexible);
        let out = self.out();
        out.put_i32(response.throttle_time_ms);
        if version >= SESSIONS_SINCE {
            out.put_i16(response.error.code());
            out.put_i32(response.session_id);
        } else if response.session_id != 0 {
            return Err(wire::not_in_version("session_id", version));
        }
        wire::put_length(out, flexible, Some(response.topics.len()))?;
        let mut index = 0;
        for topic in &response.topics {
            let out = self.out();
            topic.topic.put(version, flexible, out)?;
            wire::put_length(out, flexible, Some(topic.partitions.len()))?;
            for partition in &topic.partitions {
                self.partition(partition, index)?;
                index += 1;
            }
            if flexible {
                wire::put_no_tagged_fields(self.out());
            }
        }
        if flexible {
            let mut tagged = TaggedFields::default();
            if version >= NODE_ENDPOINTS_SINCE {
                NodeEndpoint::put_tagged(&response.node_endpoints, &mut tagged)?;
            }
            tagged.write(self.out());
        }
        Ok(())
    }

    fn partition(&mut self, partition: &FetchPartitionResponse, index: usize) -> Result<(), anyhow::Error> {
        let (version, flexible) = (self.version, self.flexible);
        let out = self.out();
        out.put_i32(partition.index);
        out.put_i16(partition.error.code());
        out.put_i64(partition.high_watermark);
        out.put_i64(partition.last_stable_offset);
        if version >= LOG_START_OFFSET_SINCE {
            out.put_i64(partition.log_start_offset);
        }
        wire::put_array(
            out,
            flexible,
            partition.aborted_transactions.as_deref(),
            |out, aborted| {
                out.put_i64(aborted.producer_id);
                out.put_i64(aborted.first_offset);
                if flexible {
                    wire::put_no_tagged_fields(out);
                }
                Ok(())
            },
        )?;
        if version >= PREFERRED_READ_REPLICA_SINCE {
            out.put_i32(partition.preferred_read_replica);
        } else if partition.preferred_read_replica != -1 {
            return Err(wire::not_in_version("preferred_read_replica", version));
        }
        wire::put_length(out, flexible, Some(partition.records_bytes))?;
        if partition.records_bytes > 0 {
            self.cut();
            self.chunks.push(FetchChunk::Records {
                index,
                len: partition.records_bytes,
            });
        }
        if flexible {
            partition.put_tagged_fields(self.out())?;
        }
        Ok(())
    }
}

impl FetchPartitionResponse {
    fn put_tagged_fields(&self, out: &mut BytesMut) -> Result<(), anyhow::Error> {
        let mut tagged = TaggedFields::default();
        if let Some(EpochEndOffset { epoch, end_offset }) = self.diverging_epoch {
            tagged.put(DIVERGING_EPOCH_TAG, |out| {
                out.put_i32(epoch);
                out.put_i64(end_offset);
                wire::put_no_tagged_fields(out);
                Ok(())
            })?;
        }
        if let Some(leader) = self.current_leader {
            leader.put_tagged(CURRENT_LEADER_TAG, &mut tagged)?;
        }
        if let Some(EpochEndOffset { epoch, end_offset }) = self.snapshot_id {
            tagged.put(SNAPSHOT_ID_TAG, |out| {
                out.put_i64(end_offset);
                out.put_i32(epoch);
                wire::put_no_tagged_fields(out);
                Ok(())
            })?;
        }
        tagged.write(out);
        Ok(())
    }
}
