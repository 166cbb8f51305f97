//! From what a Fetch has read to its response frame: encoded parts in memory, the records in their files.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::fetch::{
    AbortedTransaction, EpochEndOffset, FetchChunk, FetchPartitionResponse, FetchResponse, FetchTopicResponse,
};
use barnabas_protocol::header::encode_response_header;
use barnabas_protocol::leader::NodeEndpoint;
use barnabas_protocol::messages::FetchRequest;
use barnabas_protocol::produce::TopicRef;

use super::session::FetchKey;
use super::session_cache::{FetchContext, INVALID_SESSION_ID};
use crate::request::RequestContext;
use barnabas_network::response::{Chunk, Reply, frame_buffer};
use barnabas_replica::partition::fetch::FetchedPartition;

/// Encodes the reply to one Fetch.
pub struct FetchReply {
    /// The request's.
    pub context: RequestContext,
    /// Whether topics are given by id.
    pub uses_topic_ids: bool,
}

impl FetchReply {
    /// A reply that is an error as a whole.
    pub fn error(&self, error: ErrorCode) -> Reply {
        self.encode(error, INVALID_SESSION_ID, Vec::new(), (&[], Vec::new()))
    }

    /// A reply without records to a client that pauses for so long. Its session stays as it is.
    pub fn throttled(&self, session: &FetchContext, throttle_time_ms: i32) -> Reply {
        let session_id = match session {
            FetchContext::Incremental { session_id, .. } => *session_id,
            FetchContext::Sessionless | FetchContext::Full => INVALID_SESSION_ID,
        };
        let response = FetchResponse {
            throttle_time_ms,
            error: ErrorCode::None,
            session_id,
            topics: Vec::new(),
            node_endpoints: Vec::new(),
        };
        self.write(&response, &[])
    }

    /// A reply that is an error as a whole and, where topics have names, of every partition as it was asked
    /// for.
    pub fn failure(&self, error: ErrorCode, request: &FetchRequest) -> Reply {
        let named = request.topics.iter().filter(|_| !self.uses_topic_ids);
        let topics = named.map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let failed = FetchedPartition::unknown(error);
                partition(asked.partition, &failed)
            });
            FetchTopicResponse {
                topic: TopicRef::Name(&topic.topic),
                partitions: partitions.collect(),
            }
        });
        self.encode(error, request.session_id, topics.collect(), (&[], Vec::new()))
    }

    /// A reply with these partitions, and where the leaders are that they name.
    pub fn partitions(
        &self,
        session_id: i32,
        partitions: Vec<(FetchKey, FetchedPartition)>,
        node_endpoints: Vec<NodeEndpoint>,
    ) -> Reply {
        // A topic is named once for a run of its partitions; the order is the session's.
        let same_topic =
            |a: &(FetchKey, _), b: &(FetchKey, _)| a.0.topic_id == b.0.topic_id && a.0.topic == b.0.topic;
        let topics = partitions.chunk_by(same_topic).map(|run| FetchTopicResponse {
            topic: self.topic(&run[0].0),
            partitions: run
                .iter()
                .map(|(key, fetched)| partition(key.partition, fetched))
                .collect(),
        });
        self.encode(
            ErrorCode::None,
            session_id,
            topics.collect(),
            (&partitions, node_endpoints),
        )
    }

    fn encode(
        &self,
        error: ErrorCode,
        session_id: i32,
        topics: Vec<FetchTopicResponse<'_>>,
        (partitions, node_endpoints): (&[(FetchKey, FetchedPartition)], Vec<NodeEndpoint>),
    ) -> Reply {
        let response = FetchResponse {
            throttle_time_ms: 0,
            error,
            session_id,
            topics,
            node_endpoints,
        };
        self.write(&response, partitions)
    }

    fn write(&self, response: &FetchResponse<'_>, partitions: &[(FetchKey, FetchedPartition)]) -> Reply {
        let context = &self.context;
        let mut head = frame_buffer(HEAD_BYTES);
        encode_response_header(
            context.api_key,
            context.api_version,
            context.correlation_id,
            &mut head,
        );
        let encoded = response.encode(context.api_version, &mut head);
        let chunks = encoded.map(|chunks| {
            chunks.into_iter().map(|chunk| match chunk {
                FetchChunk::Bytes(bytes) => Some(Chunk::Bytes(bytes)),
                FetchChunk::Records { index, .. } => partitions[index].1.records.clone().map(Chunk::File),
            })
        });
        match chunks.map(|chunks| chunks.collect::<Option<Vec<_>>>()) {
            Ok(Some(chunks)) => Reply::chunked(head, chunks),
            Ok(None) => Reply::Close,
            Err(error) => {
                tracing::error!(%error, "could not encode a Fetch response");
                Reply::Close
            }
        }
    }

    fn topic<'a>(&self, key: &'a FetchKey) -> TopicRef<'a> {
        if self.uses_topic_ids {
            TopicRef::Id(key.topic_id)
        } else {
            TopicRef::Name(&key.topic)
        }
    }
}

/// First capacity of a response's head: that of a few partitions.
const HEAD_BYTES: usize = 256;

fn partition(index: i32, fetched: &FetchedPartition) -> FetchPartitionResponse {
    FetchPartitionResponse {
        index,
        error: fetched.error,
        high_watermark: fetched.high_watermark,
        last_stable_offset: fetched.last_stable_offset,
        log_start_offset: fetched.log_start_offset,
        diverging_epoch: fetched
            .diverging
            .map(|(epoch, end_offset)| EpochEndOffset { epoch, end_offset }),
        current_leader: fetched.current_leader,
        snapshot_id: None,
        aborted_transactions: fetched.aborted_transactions.as_ref().map(|aborted| {
            aborted
                .iter()
                .map(|txn| AbortedTransaction {
                    producer_id: txn.producer_id,
                    first_offset: txn.first_offset,
                })
                .collect()
        }),
        preferred_read_replica: fetched.preferred_read_replica.unwrap_or(-1),
        records_bytes: fetched.records_len(),
    }
}
