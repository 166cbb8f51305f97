//! Our codecs against bytes that Apache Kafka 4.4.0's own classes wrote.
//!
//! `golden/kafka-4.4.0.txt` has a line per message and version; the functions below build the same values. Each message is checked in
//! all of its versions: what we encode is Kafka's bytes, and what we decode from them encodes to them again.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec::{decode_request, encode_response};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::fetch::{
    AbortedTransaction, EpochEndOffset, FetchChunk, FetchPartitionResponse, FetchResponse, FetchTopicResponse,
};
use barnabas_protocol::header::{RequestHeader, encode_response_header};
use barnabas_protocol::internal_records::{
    GroupMetadataKey, GroupMetadataValue, GroupRecordKey, MemberMetadata, OffsetCommitKey, OffsetCommitValue,
    decode_value, encode_value,
};
use barnabas_protocol::leader::{LeaderIdAndEpoch, NodeEndpoint};
use barnabas_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use barnabas_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use barnabas_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use barnabas_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use barnabas_protocol::messages::{
    BrokerId, Decodable, DescribeLogDirsRequest, DescribeLogDirsResponse, Encodable, GroupId,
    ListOffsetsRequest, ListOffsetsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse, Request, StrBytes, TopicName,
};
use barnabas_protocol::produce::{
    ProducePartition, ProducePartitionResponse, ProduceRequest, ProduceResponse, RecordError, TopicRef,
};
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

const TOPIC_ID: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_1112_1314_1516_1718);
const THEN_MS: i64 = 1_700_000_000_000;

/// The bytes behind a hexadecimal text.
pub fn unhex(hex: &str) -> Bytes {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The versions of a message in the golden file, with its bytes.
fn golden(name: &str) -> Vec<(i16, Bytes)> {
    let lines = include_str!("../golden/kafka-4.4.0.txt").lines();
    let of_name = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let versions: Vec<_> = of_name
        .map(|rest| {
            let (version, hex) = rest.split_once(' ').unwrap();
            (version.parse().unwrap(), unhex(hex))
        })
        .collect();
    assert!(!versions.is_empty(), "no golden {name}");
    versions
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn topic(name: &'static str) -> TopicName {
    TopicName(text(name))
}

fn check<T: Encodable + Decodable>(name: &str, build: impl Fn(i16) -> T) {
    for (version, expected) in golden(name) {
        let mut encoded = BytesMut::new();
        encode_response(&build(version), version, &mut encoded).unwrap();
        assert_eq!(encoded, expected, "{name} v{version}");
        let mut bytes = expected.clone();
        let decoded = T::decode(&mut bytes, version).unwrap();
        assert!(bytes.is_empty(), "{name} v{version} leaves bytes");
        let mut again = BytesMut::new();
        encode_response(&decoded, version, &mut again).unwrap();
        assert_eq!(again, expected, "{name} v{version} decoded");
    }
}

/// As [`check`], and the request passes the guard, in every version that Apache Kafka serves.
fn check_request<T: Request>(name: &str, build: impl Fn(i16) -> T) {
    check(name, build);
    for (version, bytes) in golden(name) {
        decode_request::<T>(version, bytes).unwrap();
    }
}

fn covers_all_versions(name: &str, api: ApiKey) {
    let versions: Vec<i16> = golden(name).iter().map(|(version, _)| *version).collect();
    assert_eq!(
        versions,
        (api.min_version()..=api.max_version()).collect::<Vec<_>>(),
        "{name}"
    );
}

#[test]
fn headers() {
    for (version, bytes) in golden("RequestHeader") {
        let api_version = if version == 2 { 9 } else { 8 };
        let mut frame = bytes.to_vec();
        frame[3] = api_version;
        let header = RequestHeader::decode(&frame).unwrap();
        assert_eq!(
            (header.api_key, header.api_version),
            (ApiKey::Metadata, i16::from(api_version))
        );
        assert_eq!(
            (header.correlation_id, header.client_id, header.size),
            (77, "kcat", frame.len())
        );
    }
    for (version, bytes) in golden("ResponseHeader") {
        let mut buffer = BytesMut::new();
        encode_response_header(ApiKey::Metadata, 8 + version, 77, &mut buffer);
        assert_eq!(buffer, bytes);
    }
}

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
            },
            ProducePartition {
                topic,
                index: 5,
                records: None,
            },
        ];
        assert_eq!(request.partitions, expected, "v{version}");
    }
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

#[test]
fn list_offsets() {
    covers_all_versions("ListOffsetsRequest", ApiKey::ListOffsets);
    check_request("ListOffsetsRequest", |version| {
        let partition = ListOffsetsPartition {
            partition_index: 4,
            current_leader_epoch: 9,
            timestamp: -2,
        };
        ListOffsetsRequest {
            replica_id: BrokerId(-1),
            isolation_level: i8::from(version >= 2),
            topics: vec![ListOffsetsTopic {
                name: topic("orders"),
                partitions: vec![partition],
            }],
            timeout_ms: 500,
        }
    });
    covers_all_versions("ListOffsetsResponse", ApiKey::ListOffsets);
    check("ListOffsetsResponse", |version| {
        let partition = ListOffsetsPartitionResponse {
            partition_index: 4,
            error_code: 3,
            timestamp: THEN_MS,
            offset: 77,
            leader_epoch: if version >= 4 { 9 } else { -1 },
        };
        let topics = vec![ListOffsetsTopicResponse {
            name: topic("orders"),
            partitions: vec![partition],
        }];
        ListOffsetsResponse {
            throttle_time_ms: 30,
            topics,
        }
    });
}

#[test]
fn offset_commit() {
    covers_all_versions("OffsetCommitRequest", ApiKey::OffsetCommit);
    check_request("OffsetCommitRequest", |version| {
        let first = OffsetCommitRequestPartition {
            partition_index: 4,
            committed_offset: 1000,
            committed_leader_epoch: 9,
            committed_metadata: Some(text("note")),
        };
        let second = OffsetCommitRequestPartition {
            partition_index: 5,
            committed_offset: 1001,
            committed_metadata: None,
            ..Default::default()
        };
        OffsetCommitRequest {
            group_id: GroupId(text("g")),
            generation_id_or_member_epoch: 3,
            member_id: text("m"),
            group_instance_id: (version >= 7).then(|| text("static")),
            retention_time_ms: 99,
            topics: vec![OffsetCommitRequestTopic {
                name: topic("orders"),
                topic_id: TOPIC_ID,
                partitions: vec![first, second],
            }],
        }
    });
    check("OffsetCommitResponse", |version| {
        let partition = OffsetCommitResponsePartition::default()
            .with_partition_index(4)
            .with_error_code(27);
        let mut answered = OffsetCommitResponseTopic::default().with_partitions(vec![partition]);
        if version >= 10 {
            answered.topic_id = TOPIC_ID;
        } else {
            answered.name = topic("orders");
        }
        OffsetCommitResponse::default()
            .with_throttle_time_ms(if version >= 3 { 30 } else { 0 })
            .with_topics(vec![answered])
    });
}

#[test]
fn offset_fetch() {
    covers_all_versions("OffsetFetchRequest", ApiKey::OffsetFetch);
    check_request("OffsetFetchRequest", |version| {
        let require_stable = version >= 7;
        if version < 8 {
            let topics = vec![OffsetFetchRequestTopic {
                name: topic("orders"),
                partition_indexes: vec![4, 5],
            }];
            let group_id = GroupId(text("g"));
            return OffsetFetchRequest {
                group_id,
                topics: Some(topics),
                require_stable,
                ..Default::default()
            };
        }
        let topics = OffsetFetchRequestTopics {
            name: topic("orders"),
            topic_id: TOPIC_ID,
            partition_indexes: vec![4, 5],
        };
        let some = OffsetFetchRequestGroup {
            group_id: GroupId(text("g")),
            member_id: Some(text("m")),
            member_epoch: 3,
            topics: Some(vec![topics]),
        };
        let all = OffsetFetchRequestGroup {
            group_id: GroupId(text("h")),
            topics: None,
            ..Default::default()
        };
        OffsetFetchRequest {
            groups: vec![some, all],
            require_stable,
            ..Default::default()
        }
    });
    check_request("OffsetFetchRequestAll", |_| OffsetFetchRequest {
        group_id: GroupId(text("g")),
        topics: None,
        ..Default::default()
    });
    check("OffsetFetchResponse", |version| {
        let response =
            OffsetFetchResponse::default().with_throttle_time_ms(if version >= 3 { 30 } else { 0 });
        if version < 8 {
            let partition = OffsetFetchResponsePartition::default()
                .with_partition_index(4)
                .with_committed_offset(1000)
                .with_committed_leader_epoch(if version >= 5 { 9 } else { -1 })
                .with_metadata(Some(text("note")));
            let answered = OffsetFetchResponseTopic::default()
                .with_name(topic("orders"))
                .with_partitions(vec![partition]);
            return response
                .with_topics(vec![answered])
                .with_error_code(if version >= 2 { 16 } else { 0 });
        }
        let partition = OffsetFetchResponsePartitions::default()
            .with_partition_index(4)
            .with_committed_offset(1000)
            .with_committed_leader_epoch(9)
            .with_metadata(Some(text("note")))
            .with_error_code(3);
        let mut answered = OffsetFetchResponseTopics::default().with_partitions(vec![partition]);
        if version >= 10 {
            answered.topic_id = TOPIC_ID;
        } else {
            answered.name = topic("orders");
        }
        let group = OffsetFetchResponseGroup::default()
            .with_group_id(GroupId(text("g")))
            .with_error_code(16)
            .with_topics(vec![answered]);
        response.with_groups(vec![group])
    });
}

#[test]
fn describe_log_dirs() {
    covers_all_versions("DescribeLogDirsRequest", ApiKey::DescribeLogDirs);
    check_request("DescribeLogDirsRequest", |_| DescribeLogDirsRequest {
        topics: Some(vec![DescribableLogDirTopic {
            topic: topic("orders"),
            partitions: vec![4, 5],
        }]),
    });
    check_request("DescribeLogDirsRequestAll", |_| DescribeLogDirsRequest {
        topics: None,
    });
    covers_all_versions("DescribeLogDirsResponse", ApiKey::DescribeLogDirs);
    check("DescribeLogDirsResponse", |_| {
        let partition = DescribeLogDirsPartition {
            partition_index: 4,
            partition_size: 500,
            offset_lag: 1,
            is_future_key: true,
        };
        let result = DescribeLogDirsResult {
            error_code: 56,
            log_dir: text("/d"),
            topics: vec![DescribeLogDirsTopic {
                name: topic("orders"),
                partitions: vec![partition],
            }],
            total_bytes: 10,
            usable_bytes: 9,
            is_cordoned: true,
        };
        DescribeLogDirsResponse {
            throttle_time_ms: 30,
            error_code: 31,
            results: vec![result],
        }
    });
}

fn offset_commit_value() -> OffsetCommitValue {
    OffsetCommitValue {
        offset: 1000,
        leader_epoch: 9,
        metadata: text("note"),
        commit_timestamp: THEN_MS,
        expire_timestamp: THEN_MS + 1,
        topic_id: TOPIC_ID,
    }
}

#[test]
fn group_records() {
    let offset = OffsetCommitKey {
        group: text("g"),
        topic: text("orders"),
        partition: 4,
    };
    check("OffsetCommitKey", |_| offset.clone());
    let group = GroupMetadataKey { group: text("g") };
    check("GroupMetadataKey", |_| group.clone());
    check("OffsetCommitValue", |_| offset_commit_value());
    check("GroupMetadataValue", |_| {
        let member = MemberMetadata {
            member_id: text("m"),
            group_instance_id: Some(text("static")),
            client_id: text("kcat"),
            client_host: text("/127.0.0.1"),
            rebalance_timeout: 300_000,
            session_timeout: 45_000,
            subscription: Bytes::from_static(&[1, 2]),
            assignment: Bytes::from_static(&[3]),
        };
        GroupMetadataValue {
            protocol_type: text("consumer"),
            generation: 3,
            protocol: Some(text("range")),
            leader: None,
            current_state_timestamp: THEN_MS,
            members: vec![member],
        }
    });
}

#[test]
fn group_records_stand_behind_their_type_and_version() {
    let offset = OffsetCommitKey {
        group: text("g"),
        topic: text("orders"),
        partition: 4,
    };
    let key = offset.to_record_key().unwrap();
    assert_eq!(key[..2], [0, 1]);
    assert_eq!(key[2..], golden("OffsetCommitKey")[0].1);
    assert_eq!(
        GroupRecordKey::decode(&key),
        Ok(GroupRecordKey::OffsetCommit(offset))
    );
    let group = GroupMetadataKey { group: text("g") };
    let key = group.to_record_key().unwrap();
    assert_eq!(key[..2], [0, 2]);
    assert_eq!(
        GroupRecordKey::decode(&key),
        Ok(GroupRecordKey::GroupMetadata(group))
    );
    assert_eq!(
        GroupRecordKey::decode(&[0, 99, 1, 2]),
        Ok(GroupRecordKey::Unknown(99))
    );

    let value = encode_value(&offset_commit_value(), 4).unwrap();
    assert_eq!(value[..2], [0, 4]);
    let decoded: OffsetCommitValue = decode_value(&value).unwrap();
    assert_eq!(
        decoded,
        OffsetCommitValue {
            expire_timestamp: -1,
            ..offset_commit_value()
        }
    );
    assert!(decode_value::<OffsetCommitValue>(&[0, 5, 0]).is_err());
    for cut in 0..value.len() {
        assert!(decode_value::<OffsetCommitValue>(&value[..cut]).is_err(), "{cut}");
    }
}
