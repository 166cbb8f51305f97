//! What the logs hold at the end, and whether it is what everybody was told.

use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::messages::MetadataResponse;
use barnabas_protocol::records::{EndTxnMarker, batches};
use barnabas_simulation::{Machine, World};

use super::producers::{Fate, Transaction};
use super::readers::Read;
use super::{PARTITIONS, TOPIC};

/// The values of one partition's final log by offset: all, and those that are committed.
#[derive(Debug, Default)]
pub struct Final {
    pub all: BTreeMap<i64, String>,
    pub committed: BTreeMap<i64, String>,
}

/// The bytes of a replica, with where they begin and end; `None` where there is no log.
fn bytes_of(machine: &Machine, topic: &str, partition: i32) -> Option<((i64, i64), Vec<u8>)> {
    let partitions = machine.server()?.broker()?.partitions();
    let replica = partitions.by_name(topic, partition).ok()?;
    let (start, end) = replica.offsets();
    let mut bytes = Vec::new();
    let mut next = start;
    while next < end {
        let read = replica.read(next, 1 << 20).ok()?.to_vec().ok()?;
        let last = batches(&read).filter_map(Result::ok).last()?;
        next = last.header.next_offset();
        bytes.extend_from_slice(&read);
    }
    Some(((start, end), bytes))
}

/// Holds the replicas of all topics against each other: they are the same, byte for byte.
pub fn replicas_are_equal(who: &str, machines: &[Machine], metadata: &MetadataResponse) {
    for topic in &metadata.topics {
        let name = topic.name.as_ref().expect("a topic has a name");
        for found in &topic.partitions {
            let partition = found.partition_index;
            let has_replica = |machine: &&Machine| {
                let mut replicas = found.replica_nodes.iter();
                replicas.any(|id| World::address_of(id.0) == machine.address())
            };
            let replicas = machines.iter().filter(has_replica);
            let replicas: Vec<_> = replicas
                .map(|machine| bytes_of(machine, name, partition))
                .collect();
            assert_eq!(
                replicas.len(),
                found.replica_nodes.len(),
                "{who}: {name:?}-{partition}"
            );
            for (index, replica) in replicas.iter().enumerate() {
                let [ends, first] =
                    [replica, &replicas[0]].map(|replica| replica.as_ref().map(|(ends, _)| *ends));
                assert!(ends.is_some(), "{who}: {name:?}-{partition}: no replica {index}");
                assert_eq!(ends, first, "{who}: {name:?}-{partition}, replica {index}");
                assert!(
                    *replica == replicas[0],
                    "{who}: {name:?}-{partition}: replica {index} has other bytes"
                );
            }
        }
    }
}

/// What the log of each partition holds. No transaction is open.
pub fn read_final(who: &str, machines: &[Machine]) -> BTreeMap<i32, Final> {
    let mut all = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let mut replicas = machines
            .iter()
            .filter_map(|machine| bytes_of(machine, TOPIC, partition));
        let ((start, end), bytes) = replicas.next().expect("there is a replica");
        let mut found = Final::default();
        let mut open: BTreeMap<i64, Vec<(i64, String)>> = BTreeMap::new();
        let mut next = start;
        for batch in batches(&bytes) {
            let batch = batch.expect("batches are well-formed");
            batch.verify_crc().expect("batches are whole");
            let header = &batch.header;
            assert_eq!(header.base_offset, next, "{who}: a gap in partition {partition}");
            next = header.next_offset();
            for record in batch.records_in(batch.payload()) {
                let record = record.expect("records are well-formed");
                if header.is_control() {
                    let marker = EndTxnMarker::decode(record.key.unwrap_or_default(), record.value);
                    let values = open.remove(&header.producer_id).unwrap_or_default();
                    if marker.expect("a marker").committed {
                        found.committed.extend(values);
                    }
                    continue;
                }
                let offset = header.base_offset + i64::from(record.offset_delta);
                let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                found.all.insert(offset, value.clone());
                if header.is_transactional() {
                    open.entry(header.producer_id).or_default().push((offset, value));
                } else {
                    found.committed.insert(offset, value);
                }
            }
        }
        assert_eq!(next, end, "{who}: partition {partition}");
        assert!(
            open.is_empty(),
            "{who}: open transactions in partition {partition}: {open:?}"
        );
        all.insert(partition, found);
    }
    all
}

/// Everything that was acknowledged is there once and in order, and nothing else of this producer.
pub fn idempotent(who: &str, name: &str, written: &BTreeMap<i32, Vec<String>>, logs: &BTreeMap<i32, Final>) {
    for (partition, log) in logs {
        let prefix = format!("{name}:");
        let found: Vec<&String> = log
            .all
            .values()
            .filter(|value| value.starts_with(&prefix))
            .collect();
        let expected: Vec<&String> = written.get(partition).into_iter().flatten().collect();
        assert_eq!(found, expected, "{who}: {name} in partition {partition}");
    }
}

/// Transactions are there as a whole or not at all.
pub fn transactional(who: &str, name: &str, transactions: &[Transaction], logs: &BTreeMap<i32, Final>) {
    let mut expected: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for transaction in transactions {
        let is_there = |(partition, value): &(i32, String)| {
            logs[partition].committed.values().any(|found| found == value)
        };
        let there: Vec<bool> = transaction.values.iter().map(is_there).collect();
        let is_committed = match transaction.fate {
            Fate::Committed => true,
            Fate::Aborted => false,
            Fate::Unknown => there.iter().any(|there| *there),
        };
        assert!(
            there.iter().all(|there| *there == is_committed),
            "{who}: {name}: {transaction:?}: {there:?}"
        );
        for (partition, value) in transaction.values.iter().filter(|_| is_committed) {
            expected.entry(*partition).or_default().push(value);
        }
    }
    for (partition, log) in logs {
        let prefix = format!("{name}:");
        let found: Vec<&str> = log
            .committed
            .values()
            .map(String::as_str)
            .filter(|value| value.starts_with(&prefix))
            .collect();
        let expected = expected.remove(partition).unwrap_or_default();
        assert_eq!(found, expected, "{who}: {name} in partition {partition}");
    }
}

/// Nobody read what is not in the final log, and who read to the end has read all.
pub fn readers(who: &str, is_committed: bool, read: &Read, logs: &BTreeMap<i32, Final>) {
    let mut expected = Read::new();
    for (partition, log) in logs {
        let values = if is_committed { &log.committed } else { &log.all };
        expected.extend(
            values
                .iter()
                .map(|(offset, value)| ((*partition, *offset), value.clone())),
        );
    }
    let (read, expected): (BTreeSet<_>, BTreeSet<_>) = (read.iter().collect(), expected.iter().collect());
    let wrong: Vec<_> = read.difference(&expected).take(5).collect();
    let missed: Vec<_> = expected.difference(&read).take(5).collect();
    let level = if is_committed { "committed" } else { "uncommitted" };
    assert!(
        wrong.is_empty() && missed.is_empty(),
        "{who}: reader of {level}: read {wrong:?} that is not there, missed {missed:?}"
    );
}
