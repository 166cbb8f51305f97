//! What every version wrote stays readable. `tests/golden` holds a log and a snapshot of each format; a
//! format is never changed, a new one gets files of its own.

use std::collections::BTreeMap;

use openraft::{CommittedLeaderId, EntryPayload, Membership};

use super::snapshot_file::SnapshotContent;
use super::types::{Entry, LogId, Node, RecordBatch};
use crate::image::MetadataImage;
use crate::records::{MetadataRecord, samples};

const LOG_1: &str = include_str!("../../tests/golden/log-1.jsonl");
const LOG_2: &str = include_str!("../../tests/golden/log-2.jsonl");
const SNAPSHOT_1: &str = include_str!("../../tests/golden/snapshot-1.json");
const SNAPSHOT_2: &str = include_str!("../../tests/golden/snapshot-2.json");

fn image_of_log(log: &str) -> MetadataImage {
    let mut image = MetadataImage::empty();
    for line in log.lines() {
        let entry: Entry = serde_json::from_str(line).unwrap();
        let records = match entry.payload {
            EntryPayload::Normal(batch) => batch.records,
            _ => Vec::new(),
        };
        let odd = |record: &&MetadataRecord| {
            matches!(record, MetadataRecord::Unknown(_) | MetadataRecord::Extended(_))
        };
        assert_eq!(records.iter().find(odd), None);
        let (offset, epoch) = (entry.log_id.index as i64, entry.log_id.leader_id.term as i32);
        image = image.apply(&records, offset, epoch).0;
    }
    image
}

#[test]
fn logs_and_snapshots_of_every_format_are_read() {
    for (log, snapshot, partitions) in [(LOG_1, SNAPSHOT_1, 1), (LOG_2, SNAPSHOT_2, 2)] {
        let image = image_of_log(log);
        let snapshot: SnapshotContent = serde_json::from_str(snapshot).unwrap();
        assert_eq!(snapshot.image(), image);
        assert_eq!((image.offset, image.epoch), (2, 3));
        assert_eq!(image.next_producer_id, 1000);
        assert_eq!(
            image.topics.by_name("orders").unwrap().partitions.len(),
            partitions
        );
        assert_eq!(image.brokers[&1].rack.as_deref(), Some("a"));
        assert!(!image.brokers[&1].fenced && !image.scram.is_empty() && !image.quotas.is_empty());
    }
}

#[test]
fn what_is_written_now_is_what_the_golden_log_says() {
    let id = |index| LogId::new(CommittedLeaderId::new(3, 1), index);
    let nodes = BTreeMap::from([(1u64, Node::default())]);
    let entries = [
        Entry {
            log_id: LogId::default(),
            payload: EntryPayload::Membership(Membership::new(vec![[1u64].into()], nodes)),
        },
        Entry {
            log_id: id(1),
            payload: EntryPayload::Blank,
        },
        Entry {
            log_id: id(2),
            payload: EntryPayload::Normal(RecordBatch {
                epoch: Some(3),
                records: samples::records(),
            }),
        },
    ];
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap())
        .collect();
    assert_eq!(lines.join("\n") + "\n", LOG_2);
    let records = image_of_log(LOG_2).to_records();
    let snapshot: SnapshotContent = serde_json::from_str(SNAPSHOT_2).unwrap();
    assert_eq!(records.len(), snapshot.records.len());
}
