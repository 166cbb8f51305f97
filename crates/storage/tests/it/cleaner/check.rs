//! Compares a compacted log with what was appended to it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use barnabas_protocol::records::{Batch, TimestampType, batches, compression};
use barnabas_storage::{Disk, Log, LogDir, OpenFiles, ReadBound};

use super::{History, Sent};

impl History {
    /// What was cleaned holds each key once, and nothing that was aborted.
    pub fn check_compact(&mut self, end_offset: i64) {
        let log = self.log.as_mut().unwrap();
        let mut seen = HashSet::new();
        let mut offset = 0;
        while offset < end_offset {
            let bytes = log
                .read(offset, 1 << 20, ReadBound::LogEnd, true)
                .unwrap()
                .to_vec()
                .unwrap();
            for batch in batches(&bytes) {
                let batch = batch.unwrap();
                offset = batch.header.next_offset();
                if batch.header.is_control() {
                    continue;
                }
                for (offset, record) in records(&batch) {
                    let cleaned = offset < end_offset;
                    assert!(
                        !cleaned || !self.aborted.contains(&offset),
                        "offset {offset} was aborted"
                    );
                    assert!(
                        !cleaned || seen.insert(record.key),
                        "offset {offset} has an old key"
                    );
                }
            }
        }
    }

    /// What a start after a crash finds in a copy is as good as the log.
    pub fn check_copy(&mut self, root: &Path) {
        let log_dir = LogDir::open(&Disk::Real, root, Arc::new(OpenFiles::new(4))).unwrap();
        let loaded = log_dir.load(&|_, _| self.fixture.config.clone(), 2).unwrap();
        let mut log = loaded.logs.into_iter().next().unwrap();
        let end = log.log_end_offset();
        log.high_watermark_updated(end);
        self.check_log(&mut log);
        let names: Vec<_> = std::fs::read_dir(root.join("orders-0"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".cleaned") || name.ends_with(".swap"))
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }

    pub fn check(&mut self) {
        let mut log = self.log.take().unwrap();
        self.check_log(&mut log);
        self.log = Some(log);
    }

    /// The last decided value of each key is there, all that is there is as it was sent, and nothing is out
    /// of order.
    pub fn check_log(&self, log: &mut Log) {
        let end = log.log_end_offset();
        let stable = log.last_stable_offset(end);
        let mut read: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
        let mut last_offset = -1;
        let mut offset = 0;
        while offset < stable {
            let slice = log
                .read(offset, 700, ReadBound::LastStable(stable), true)
                .unwrap();
            let aborted = slice.aborted_transactions.clone().unwrap();
            let bytes = slice.to_vec().unwrap();
            let before = offset;
            for batch in batches(&bytes) {
                let batch = batch.unwrap();
                let header = &batch.header;
                batch.verify_crc().unwrap();
                assert!(header.base_offset > last_offset, "batches rise");
                last_offset = header.last_offset();
                offset = header.next_offset();
                if header.is_control() {
                    continue;
                }
                let ranges = aborted.iter().filter(|txn| txn.producer_id == header.producer_id);
                let skipped = header.is_transactional()
                    && ranges
                        .into_iter()
                        .any(|txn| (txn.first_offset..txn.last_offset).contains(&header.base_offset));
                for (offset, record) in records(&batch) {
                    assert_eq!(Some(&record), self.sent.get(&offset), "offset {offset}");
                    assert_eq!(skipped, self.aborted.contains(&offset), "offset {offset}");
                    if !skipped {
                        read.insert(record.key, record.value);
                    }
                }
            }
            if offset == before {
                // The rest of the stable part is a gap.
                break;
            }
        }
        let mut expected: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
        for (_, sent) in self
            .sent
            .range(..stable)
            .filter(|(offset, _)| !self.aborted.contains(offset))
        {
            expected.insert(sent.key.clone(), sent.value.clone());
        }
        // A tombstone may be gone.
        read.retain(|_, value| value.is_some());
        expected.retain(|_, value| value.is_some());
        let wrong: Vec<_> = read
            .iter()
            .filter(|(key, value)| expected.get(*key) != Some(value))
            .chain(
                expected
                    .iter()
                    .filter(|(key, value)| read.get(*key) != Some(value)),
            )
            .map(|(key, _)| String::from_utf8_lossy(key))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?} of the records below {stable}");
        let producers = log.active_producers().unwrap();
        for (producer_id, known) in &self.producers {
            let found = producers
                .iter()
                .find(|entry| entry.producer_id == *producer_id)
                .unwrap();
            assert_eq!(
                found.last_sequence(),
                known.sequence - 1,
                "producer {producer_id}"
            );
        }
    }
}

/// A batch's records with their offsets.
fn records(batch: &Batch<'_>) -> Vec<(i64, Sent)> {
    let header = &batch.header;
    let mut plain = Vec::new();
    compression::decompress(
        header.compression().unwrap(),
        batch.payload(),
        1 << 20,
        &mut plain,
    )
    .unwrap();
    batch
        .records_in(&plain)
        .map(|record| {
            let record = record.unwrap();
            let headers: Vec<_> = record.headers().collect();
            assert_eq!((headers.len(), headers[1].value), (2, None));
            let timestamp = match header.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => header.base_timestamp + record.timestamp_delta,
            };
            let sent = Sent {
                key: record.key.unwrap().to_vec(),
                value: record.value.map(<[u8]>::to_vec),
                timestamp,
                header: headers[0].value.unwrap().to_vec(),
            };
            (header.base_offset + i64::from(record.offset_delta), sent)
        })
        .collect()
}
