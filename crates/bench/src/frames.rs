//! Requests as whole frames, built once and sent many times: size, header, body.
//!
//! Versions are those Java clients of 4.4 speak (topics by id). Answers keep the order of requests on a
//! connection, so that all frames may carry the same correlation id.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{
    ApiVersionsRequest, Encodable, FetchRequest, GroupId, OffsetCommitRequest, ProduceRequest, RequestHeader,
    StrBytes, TopicName, TransactionalId, fetch_request, offset_commit_request, produce_request,
};
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use crate::error::Failure;

/// The version of Produce that is sent.
pub const PRODUCE: i16 = 13;
/// The version of Fetch that is sent.
pub const FETCH: i16 = 17;
/// The version of OffsetCommit that is sent.
pub const OFFSET_COMMIT: i16 = 9;
/// The correlation id of every frame.
pub const CORRELATION_ID: i32 = 1;
/// Bytes of the size in front of a frame.
pub const SIZE_PREFIX: usize = 4;
/// Bytes behind the records of a Produce with one partition: the tagged fields of partition, topic and
/// request.
pub const PRODUCE_TRAILER: usize = 3;

/// The error code's place in the answer to a Produce of one partition (without the size): correlation id and
/// tags, one topic with its id, one partition with its index.
pub const PRODUCE_ERROR_AT: usize = 4 + 1 + 1 + 16 + 1 + 4;
/// The error code's place in the answer to an OffsetCommit of one partition without the topic's name: header,
/// throttle time, one topic, its name's length, one partition with its index.
pub const OFFSET_COMMIT_ERROR_AT: usize = 4 + 1 + 4 + 1 + 1 + 1 + 4;
/// The error code's place in the answer to ApiVersions, whose header has no tags.
pub const API_VERSIONS_ERROR_AT: usize = 4;

/// A frame with this request.
pub fn request<T: Encodable>(api: ApiKey, version: i16, body: &T) -> Result<BytesMut, Failure> {
    let header_version = api.request_header_version(version);
    let header = RequestHeader::default()
        .with_request_api_key(api.key())
        .with_request_api_version(version)
        .with_correlation_id(CORRELATION_ID)
        .with_client_id(Some(StrBytes::from_static_str("bench")));
    let mut frame = BytesMut::zeroed(SIZE_PREFIX);
    barnabas_protocol::codec::encode_response(&header, header_version, &mut frame)?;
    barnabas_protocol::codec::encode_response(body, version, &mut frame)?;
    let size = (frame.len() - SIZE_PREFIX) as i32;
    frame[..SIZE_PREFIX].copy_from_slice(&size.to_be_bytes());
    Ok(frame)
}

/// A Produce of one batch.
pub fn produce(
    topic_id: Uuid,
    partition: i32,
    acks: i16,
    transactional_id: Option<&str>,
    batch: Vec<u8>,
) -> Result<BytesMut, Failure> {
    let partition = produce_request::PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(Bytes::from(batch)));
    let topic = produce_request::TopicProduceData::default()
        .with_topic_id(topic_id)
        .with_partition_data(vec![partition]);
    let id = transactional_id.map(|id| TransactionalId(StrBytes::from_string(id.to_owned())));
    let body = ProduceRequest::default()
        .with_transactional_id(id)
        .with_acks(acks)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic]);
    request(ApiKey::Produce, PRODUCE, &body)
}

/// Where the records lie in a frame made by [`produce`].
pub fn records_of(frame: &mut BytesMut, batch_bytes: usize) -> &mut [u8] {
    let end = frame.len() - PRODUCE_TRAILER;
    &mut frame[end - batch_bytes..end]
}

/// What a consumer asks for in each Fetch.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// How long the server may wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// Bytes worth an answer.
    pub min_bytes: i32,
    /// Most bytes of a partition in an answer.
    pub partition_bytes_max: i32,
}

/// A Fetch's place in a session (KIP-227).
#[derive(Debug, Clone, Copy)]
pub struct FetchSession {
    /// The session's id; 0 to have none or a new one.
    pub id: i32,
    /// The request's number in the session; 0 to open one, -1 for none.
    pub epoch: i32,
}

impl FetchSession {
    /// Fetches that stand for themselves.
    pub const NONE: FetchSession = FetchSession { id: 0, epoch: -1 };
}

/// A Fetch of these partitions, each from its offset.
pub fn fetch(
    topic_id: Uuid,
    from: impl IntoIterator<Item = (i32, i64)>,
    session: FetchSession,
    limits: FetchLimits,
) -> Result<Bytes, Failure> {
    let partitions: Vec<_> = from
        .into_iter()
        .map(|(partition, offset)| {
            fetch_request::FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(limits.partition_bytes_max)
        })
        .collect();
    let topics = if partitions.is_empty() {
        Vec::new()
    } else {
        let topic = fetch_request::FetchTopic::default().with_topic_id(topic_id);
        vec![topic.with_partitions(partitions)]
    };
    let body = FetchRequest::default()
        .with_max_wait_ms(limits.max_wait_ms)
        .with_min_bytes(limits.min_bytes)
        .with_max_bytes(50 << 20)
        .with_session_id(session.id)
        .with_session_epoch(session.epoch)
        .with_topics(topics);
    Ok(request(ApiKey::Fetch, FETCH, &body)?.freeze())
}

/// An OffsetCommit of a consumer outside any group's membership.
pub fn offset_commit(group: &str, topic: &str, partition: i32, offset: i64) -> Result<Bytes, Failure> {
    let partition = offset_commit_request::OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset);
    let topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partitions(vec![partition]);
    let body = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    Ok(request(ApiKey::OffsetCommit, OFFSET_COMMIT, &body)?.freeze())
}

/// An ApiVersions, the smallest request.
pub fn api_versions() -> Result<Bytes, Failure> {
    let body = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("barnabas-bench"))
        .with_client_software_version(StrBytes::from_static_str("1"));
    Ok(request(ApiKey::ApiVersions, 3, &body)?.freeze())
}
