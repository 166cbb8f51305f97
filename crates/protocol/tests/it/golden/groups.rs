//! What groups commit: the requests, and the records of `__consumer_offsets`.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::internal_records::{
    GroupMetadataKey, GroupMetadataValue, GroupRecordKey, MemberMetadata, OffsetCommitKey, OffsetCommitValue,
    decode_value, encode_value,
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
    GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};
use bytes::Bytes;

use super::{THEN_MS, TOPIC_ID, check, check_request, covers_all_versions, golden, text, topic};

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
