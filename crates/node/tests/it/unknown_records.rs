//! Records in a coordinator's topic that it can't read: of a newer release, of kinds of groups that are not kept here, or broken.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::internal_records::{GroupMetadataKey, OffsetCommitKey, TransactionLogKey};
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::{
    FindCoordinatorRequest, GroupId, InitProducerIdRequest, OffsetCommitRequest, OffsetFetchRequest, Request,
    StrBytes, TopicName, TransactionalId,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use barnabas_replica::partition::append::{AppendAs, RequiredAcks};
use barnabas_storage::{AppendOrigin, Verified};

use crate::node::{Client, Node};

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn call<R: Request>(client: &mut Client, version: i16, request: &R) -> R::Response {
    client.send(version, request);
    client.receive::<R>(version).1
}

/// Has the coordinator's topic created.
fn find_coordinator(client: &mut Client, key_type: i8) {
    let request = FindCoordinatorRequest::default()
        .with_key_type(key_type)
        .with_coordinator_keys(vec![text("x")]);
    assert_eq!(call(client, 4, &request).coordinators[0].error_code, 0);
}

/// Puts records into every partition of a topic that has any, behind the back of its coordinator.
fn append(node: &Node, topic: &str, records: &[(&[u8], Option<&[u8]>)]) {
    let used = node.broker.partitions().all().into_iter().filter(|partition| {
        let (start, end) = partition.offsets();
        &*partition.id().topic == topic && start < end
    });
    let mut count = 0;
    for partition in used {
        let mut builder = BatchBuilder::new(Compression::None);
        for (key, value) in records {
            builder.append(&RecordFields {
                timestamp: 1,
                key: Some(key),
                value: *value,
                headers: &[],
            });
        }
        let mut batch = builder.build().unwrap();
        let how = AppendAs {
            origin: AppendOrigin::Coordinator,
            acks: RequiredAcks::AllLater,
            leader_epoch: None,
            end_offset: None,
            verified: Verified::NotAsked,
            now_ms: 1,
        };
        partition.append(&mut batch, &how).unwrap();
        count += 1;
    }
    assert!(count > 0, "nothing was written to {topic}");
}

#[test]
fn groups_are_loaded_beside_records_that_nobody_can_read() {
    let commit = |client: &mut Client, offset: i64| {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text("t")))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text("x")))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        call(client, 9, &request).topics[0].partitions[0].error_code
    };
    let committed = |client: &mut Client| {
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text("x")))
            .with_topics(None);
        loop {
            let answer = call(
                client,
                9,
                &OffsetFetchRequest::default().with_groups(vec![group.clone()]),
            );
            if answer.groups[0].error_code != ErrorCode::CoordinatorLoadInProgress.code() {
                return answer.groups[0].topics[0].partitions[0].committed_offset;
            }
        }
    };
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    find_coordinator(&mut client, 0);
    assert_eq!(commit(&mut client, 7), 0);
    let offset_key = OffsetCommitKey::default()
        .with_group(text("x"))
        .with_topic(text("u"))
        .to_record_key()
        .unwrap();
    let group_key = GroupMetadataKey::default()
        .with_group(text("y"))
        .to_record_key()
        .unwrap();
    append(
        &node,
        "__consumer_offsets",
        &[
            // A share group's metadata, a streams group's, a type that nobody has thought of.
            (b"\x00\x0b\x00\x01s", Some(b"\x00\x00\x00\x00\x00\x01\x00")),
            (b"\x00\x11\x00\x01s", Some(b"\x00\x00")),
            (b"\x7f\xff", None),
            (b"", Some(b"x")),
            (b"\x00", Some(b"x")),
            (b"\x00\x01\x00\x09x", Some(b"a key that ends too early")),
            (&offset_key, Some(b"\x00\x63a version from the future")),
            (&offset_key, Some(b"\x00\x04cut")),
            (&group_key, Some(b"\xff\xff")),
        ],
    );
    let node = Node::start_in(node.stop(), &[]);
    let mut client = node.connect();
    find_coordinator(&mut client, 0);
    assert_eq!(committed(&mut client), 7);
    assert_eq!(commit(&mut client, 8), 0);
    let node = Node::start_in(node.stop(), &[]);
    assert_eq!(committed(&mut node.connect()), 8);
}

#[test]
fn transactional_ids_are_loaded_beside_records_that_nobody_can_read() {
    let init = |client: &mut Client| {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(text("x"))))
            .with_transaction_timeout_ms(60_000);
        loop {
            let answer = call(client, 4, &request);
            if answer.error_code != ErrorCode::CoordinatorLoadInProgress.code() {
                return (answer.error_code, answer.producer_id.0, answer.producer_epoch);
            }
        }
    };
    let node = Node::start();
    let mut client = node.connect();
    find_coordinator(&mut client, 1);
    let (error, id, epoch) = init(&mut client);
    assert_eq!((error, epoch), (0, 0));
    let key = TransactionLogKey::default()
        .with_transactional_id(text("y"))
        .to_record_key()
        .unwrap();
    append(
        &node,
        "__transaction_state",
        &[
            (b"\x00\x01\x00\x01t", Some(b"\x00\x00")),
            (b"\x00\x00\x00\x09t", Some(b"\x00\x00")),
            (b"", None),
            (&key, Some(b"\x00\x63a version from the future")),
            (&key, Some(b"\x00\x00cut")),
        ],
    );
    let node = Node::start_in(node.stop(), &[]);
    let mut client = node.connect();
    find_coordinator(&mut client, 1);
    assert_eq!(init(&mut client), (0, id, 1));
}
