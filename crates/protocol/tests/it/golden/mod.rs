//! Our codecs against bytes that Apache Kafka 4.4.0's own classes wrote.
//!
//! `golden/kafka-4.4.0.txt` has a line per message and version; the functions below build the same values. Each message is checked in
//! all of its versions: what we encode is Kafka's bytes, and what we decode from them encodes to them again.

mod groups;
mod records;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec::{decode_request, encode_response};
use barnabas_protocol::header::{RequestHeader, encode_response_header};
use barnabas_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use barnabas_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use barnabas_protocol::messages::{
    BrokerId, Decodable, DescribeLogDirsRequest, DescribeLogDirsResponse, Encodable, ListOffsetsRequest,
    ListOffsetsResponse, Request, StrBytes, TopicName,
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
    let lines = include_str!("../../golden/kafka-4.4.0.txt").lines();
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
