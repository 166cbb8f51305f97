//! Metadata logs as Apache Kafka writes them, whole and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use barnabas_inspect::cluster::Cluster;
use barnabas_protocol::messages::{BrokerId, Encodable, StrBytes, TopicName};
use barnabas_protocol::metadata_records::{
    ConfigRecord, FeatureLevelRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord,
    RemoveTopicRecord, TopicRecord,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(5);

fn value<T: Encodable>(kind: u8, version: u8, record: &T) -> Vec<u8> {
    let mut bytes = vec![1, kind, version];
    record.encode(&mut bytes, i16::from(version)).unwrap();
    bytes
}

fn topic(name: &'static str) -> Vec<u8> {
    let record = TopicRecord::default()
        .with_name(TopicName(StrBytes::from_static_str(name)))
        .with_topic_id(ID);
    value(2, 0, &record)
}

fn partition(number: i32) -> Vec<u8> {
    let record = PartitionRecord::default()
        .with_topic_id(ID)
        .with_partition_id(number)
        .with_replicas(vec![BrokerId(1), BrokerId(2)])
        .with_isr(vec![1, 2])
        .with_leader(BrokerId(1))
        .with_leader_epoch(0)
        .with_partition_epoch(0)
        .with_directories(vec![Uuid::nil(), Uuid::nil()]);
    value(3, 2, &record)
}

fn change(leader: i32, isr: Option<Vec<BrokerId>>) -> Vec<u8> {
    let record = PartitionChangeRecord::default()
        .with_topic_id(ID)
        .with_leader(BrokerId(leader))
        .with_partition_id(0)
        .with_isr(isr);
    value(5, 2, &record)
}

fn config(name: &'static str, text: Option<&'static str>) -> Vec<u8> {
    let record = ConfigRecord::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_static_str("orders"))
        .with_name(StrBytes::from_static_str(name))
        .with_value(text.map(StrBytes::from_static_str));
    value(4, 0, &record)
}

/// A batch of records from `offset` on.
fn batch(offset: i64, values: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None).base_offset(offset);
    for value in values {
        builder.append(&RecordFields {
            value: Some(value),
            ..RecordFields::default()
        });
    }
    builder.build().unwrap()
}

fn control(offset: i64, kind: u8) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None).base_offset(offset).control();
    builder.append(&RecordFields {
        key: Some(&[0, 0, 0, kind]),
        value: Some(&[0, 0]),
        ..RecordFields::default()
    });
    builder.build().unwrap()
}

fn write(folder: &Path, name: &str, batches: &[Vec<u8>]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, batches.concat()).unwrap();
    path
}

const LOG: &str = "00000000000000000000.log";

#[test]
fn records_make_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Cluster::read(folder.path()).unwrap(), None);
    let gone = value(9, 0, &RemoveTopicRecord::default().with_topic_id(ID));
    let ids = value(15, 0, &ProducerIdsRecord::default().with_next_producer_id(3000));
    let level = FeatureLevelRecord::default()
        .with_name(StrBytes::from_static_str("group.version"))
        .with_feature_level(1);
    let batches = [
        control(0, 2),
        batch(1, &[topic("old"), partition(0), config("a", Some("1")), gone]),
        batch(
            5,
            &[
                topic("orders"),
                partition(0),
                partition(1),
                config("a", Some("1")),
                config("b", Some("2")),
            ],
        ),
        batch(
            10,
            &[
                config("a", None),
                change(2, Some(vec![BrokerId(2)])),
                change(-2, None),
                ids,
            ],
        ),
        batch(14, &[value(12, 0, &level)]),
    ];
    write(folder.path(), LOG, &batches);
    let cluster = Cluster::read(folder.path()).unwrap().unwrap();
    let topic = &cluster.topics[ID.as_bytes()];
    assert_eq!(
        (topic.name.as_str(), topic.partitions.len(), cluster.topics.len()),
        ("orders", 2, 1)
    );
    let changed = &topic.partitions[&0];
    assert_eq!(
        (changed.leader_epoch, changed.partition_epoch, &changed.isr[..]),
        (1, 2, &[2][..])
    );
    assert_eq!(cluster.configs.len(), 1);
    assert_eq!(cluster.configs[&(2, "orders".to_owned())]["b"], "2");
    assert_eq!(
        (cluster.next_producer_id, cluster.features["group.version"]),
        (3000, 1)
    );
}

#[test]
fn a_transaction_counts_when_it_ends() {
    let table: &[(&[u8], usize)] = &[(&[1, 24, 0, 0], 1), (&[1, 25, 0, 0], 0), (&[1, 20, 0, 0], 0)];
    for (end, topics) in table {
        let folder = tempfile::tempdir().unwrap();
        let values = [vec![1, 23, 0, 0], topic("orders"), end.to_vec()];
        write(folder.path(), LOG, &[batch(0, &values)]);
        assert_eq!(
            Cluster::read(folder.path()).unwrap().unwrap().topics.len(),
            *topics,
            "{end:?}"
        );
    }
}

#[test]
fn the_log_goes_on_behind_the_latest_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = [
        control(0, 3),
        batch(1, &[topic("orders"), partition(0)]),
        control(3, 4),
    ];
    write(
        folder.path(),
        "00000000000000000010-0000000001.checkpoint",
        &snapshot,
    );
    write(
        folder.path(),
        "00000000000000000099-0000000001.checkpoint.part",
        &[],
    );
    let log = [
        batch(8, &[topic("never"), topic("never")]),
        batch(10, &[partition(1)]),
    ];
    write(folder.path(), "00000000000000000008.log", &log);
    let cluster = Cluster::read(folder.path()).unwrap().unwrap();
    assert_eq!(cluster.topics[ID.as_bytes()].name, "orders");
    assert_eq!(cluster.topics[ID.as_bytes()].partitions.len(), 2);
}

#[test]
fn a_torn_end_is_told_and_anything_else_refused() {
    let whole = [
        batch(0, &[topic("orders")]),
        batch(1, &[partition(0)]),
        batch(2, &[partition(1)]),
    ];
    let bytes = whole.concat();
    let first = whole[0].len();
    // Cut anywhere in the last batch.
    for cut in [1, 30, 70] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOG), &bytes[..bytes.len() - cut]).unwrap();
        let cluster = Cluster::read(folder.path()).unwrap().unwrap();
        assert!(cluster.torn.is_some());
        assert_eq!(cluster.topics[ID.as_bytes()].partitions.len(), 1);
    }
    let refused = |name: &str, content: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        let message = Cluster::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        message
    };
    let mut flipped = bytes.clone();
    flipped[first + 70] ^= 1;
    assert!(refused(LOG, &flipped).contains(&format!("at byte {first}: the CRC")));
    assert!(
        refused("00000000000000000007.log", &batch(7, &[]))
            .contains("no snapshot holds what was before offset 7")
    );
    let newer = batch(0, &[vec![1, 2, 9, 0]]);
    assert!(refused(LOG, &newer).contains("the metadata record at offset 0: unknown record version 9"));
    let snapshot = "00000000000000000010-0000000001.checkpoint";
    assert!(refused(snapshot, &control(0, 3)).contains("its footer is missing"));
}
