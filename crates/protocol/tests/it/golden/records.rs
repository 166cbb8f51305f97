//! Produce and Fetch, whose codecs leave records where they are.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::fetch::{
    AbortedTransaction, EpochEndOffset, FetchChunk, FetchPartitionResponse, FetchResponse, FetchTopicResponse,
};
use barnabas_protocol::leader::{LeaderIdAndEpoch, NodeEndpoint};
use barnabas_protocol::messages::Encodable;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::produce::{
    OnlyAt, ProducePartition, ProducePartitionResponse, ProduceRequest, ProduceResponse, RecordError,
    TopicRef,
};
use bytes::{Bytes, BytesMut};

use super::{THEN_MS, TOPIC_ID, covers_all_versions, golden};

fn topic_ref(version: i16) -> TopicRef<'static> {
    if version >= 13 {
        TopicRef::Id(TOPIC_ID)
    } else {
        TopicRef::Name("orders")
    }
}

#[test]
fn produce_requests() {
    covers_all_versions("ProduceRequest", ApiKey::Produce);
    for (version, bytes) in golden("ProduceRequest") {
        let mut body = bytes.to_vec();
        let request = ProduceRequest::parse(version, &mut body).unwrap();
        assert_eq!(
            (request.transactional_id, request.acks, request.timeout_ms),
            (Some("tx"), -1, 1500)
        );
        let topic = topic_ref(version);
        let mut hello = *b"hello";
        let expected = [
            ProducePartition {
                topic,
                index: 4,
                records: Some(&mut hello),
                only_at: None,
            },
            ProducePartition {
                topic,
                index: 5,
                records: None,
                only_at: None,
            },
        ];
        assert_eq!(request.partitions, expected, "v{version}");
    }
}

#[test]
fn a_broker_says_where_alone_its_batch_may_go() {
    let only_at = OnlyAt {
        leader_epoch: 7,
        offset: 1 << 40,
    };
    let mut partition = PartitionProduceData::default().with_records(Some(Bytes::from_static(b"hello")));
    // Beside what somebody else may say.
    let unknown = (3, Bytes::from_static(b"?"));
    partition.unknown_tagged_fields = [unknown, only_at.tagged()].into();
    let topic = TopicProduceData::default().with_partition_data(vec![partition]);
    let request = barnabas_protocol::messages::ProduceRequest::default().with_topic_data(vec![topic]);
    for version in [9, 13] {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).unwrap();
        let parsed = ProduceRequest::parse(version, &mut body).unwrap();
        assert_eq!(parsed.partitions[0].only_at, Some(only_at));
        assert_eq!(parsed.partitions[0].records.as_deref(), Some(&b"hello"[..]));
    }
    // A field that is too short for it.
    let mut body = BytesMut::new();
    let mut short = request.clone();
    let (tag, field) = only_at.tagged();
    let fields = &mut short.topic_data[0].partition_data[0].unknown_tagged_fields;
    fields.insert(tag, field.slice(..11));
    short.encode(&mut body, 13).unwrap();
    assert!(ProduceRequest::parse(13, &mut body).is_err());
}

#[test]
fn produce_responses() {
    covers_all_versions("ProduceResponse", ApiKey::Produce);
    for (version, expected) in golden("ProduceResponse") {
        let refused = ProducePartitionResponse {
            base_offset: 1000,
            log_append_time_ms: THEN_MS,
            log_start_offset: 12,
            record_errors: vec![
                RecordError {
                    batch_index: 2,
                    message: Some("bad".to_owned()),
                },
                RecordError {
                    batch_index: 3,
                    message: None,
                },
            ],
            error_message: Some("worse".to_owned()),
            current_leader: Some(LeaderIdAndEpoch {
                leader_id: 1,
                leader_epoch: 9,
            }),
            ..ProducePartitionResponse::error(4, ErrorCode::InvalidRecord)
        };
        let unknown = ProducePartitionResponse::error(5, ErrorCode::UnknownTopicOrPartition);
        let rack = Some("r1".to_owned());
        let response = ProduceResponse {
            partitions: vec![(topic_ref(version), refused), (topic_ref(version), unknown)],
            throttle_time_ms: 30,
            node_endpoints: vec![NodeEndpoint {
                node_id: 1,
                host: "h".to_owned(),
                port: 9092,
                rack,
            }],
        };
        let mut buffer = BytesMut::new();
        response.encode(version, &mut buffer).unwrap();
        assert_eq!(buffer, expected, "v{version}");
    }
}

#[test]
fn fetch_responses() {
    covers_all_versions("FetchResponse", ApiKey::Fetch);
    for (version, expected) in golden("FetchResponse") {
        let read_committed = FetchPartitionResponse {
            high_watermark: 100,
            last_stable_offset: 90,
            log_start_offset: 5,
            aborted_transactions: Some(vec![AbortedTransaction {
                producer_id: 7,
                first_offset: 80,
            }]),
            preferred_read_replica: if version >= 11 { 2 } else { -1 },
            records_bytes: 5,
            ..FetchPartitionResponse::error(4, ErrorCode::None)
        };
        let moved = FetchPartitionResponse {
            diverging_epoch: Some(EpochEndOffset {
                epoch: 3,
                end_offset: 44,
            }),
            current_leader: Some(LeaderIdAndEpoch {
                leader_id: 1,
                leader_epoch: 9,
            }),
            snapshot_id: Some(EpochEndOffset {
                epoch: 2,
                end_offset: 33,
            }),
            aborted_transactions: None,
            ..FetchPartitionResponse::error(5, ErrorCode::NotLeaderOrFollower)
        };
        let read_uncommitted = FetchPartitionResponse {
            high_watermark: 1,
            last_stable_offset: 1,
            log_start_offset: 0,
            aborted_transactions: None,
            records_bytes: 5,
            ..FetchPartitionResponse::error(0, ErrorCode::None)
        };
        let items = if version >= 13 {
            TopicRef::Id(TOPIC_ID)
        } else {
            TopicRef::Name("items")
        };
        let response = FetchResponse {
            throttle_time_ms: 30,
            error: ErrorCode::None,
            session_id: if version >= 7 { 55 } else { 0 },
            topics: vec![
                FetchTopicResponse {
                    topic: topic_ref(version),
                    partitions: vec![read_committed, moved],
                },
                FetchTopicResponse {
                    topic: items,
                    partitions: vec![read_uncommitted],
                },
            ],
            node_endpoints: vec![NodeEndpoint {
                node_id: 1,
                host: "h".to_owned(),
                port: 9092,
                rack: None,
            }],
        };
        let mut head = BytesMut::new();
        let chunks = response.encode(version, &mut head).unwrap();
        assert!(
            matches!(chunks[0], FetchChunk::Records { index: 0, len: 5 }),
            "{chunks:?}"
        );
        let mut whole = head.to_vec();
        for chunk in chunks {
            match chunk {
                FetchChunk::Bytes(bytes) => whole.extend_from_slice(&bytes),
                FetchChunk::Records { index, len } => {
                    whole.extend_from_slice(if index == 0 { b"hello" } else { b"world" });
                    assert_eq!((index == 0 || index == 2, len), (true, 5));
                }
            }
        }
        assert_eq!(whole, expected, "v{version}");
    }
}
