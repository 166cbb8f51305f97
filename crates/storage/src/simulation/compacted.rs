//! What compaction may leave of a log: every record that is there is one that was written there, and every
//! one that is not was outdated, deleted or aborted.

use std::collections::{BTreeMap, HashMap};

use barnabas_protocol::records::Batch;

use super::model::{Model, Sent, Written, records_in};

/// The compacted part of a log, as it is read.
pub struct Compacted<'a> {
    model: &'a Model,
    records: BTreeMap<i64, Sent>,
}

impl<'a> Compacted<'a> {
    pub fn new(model: &'a Model) -> Self {
        Compacted {
            model,
            records: BTreeMap::new(),
        }
    }

    /// Takes a batch: what is in it, and whose it says to be, must be as it was written.
    pub fn take(&mut self, batch: &Batch<'_>) {
        let header = &batch.header;
        batch.verify_crc().unwrap();
        let Some(written) = self.model.batch_at(header.base_offset) else {
            panic!("nobody wrote {header:?}");
        };
        let identity = |header: &barnabas_protocol::records::BatchHeader| {
            (
                (
                    header.base_offset,
                    header.last_offset_delta,
                    header.partition_leader_epoch,
                ),
                (header.producer_id, header.producer_epoch, header.base_sequence),
                (header.is_transactional(), header.is_control()),
            )
        };
        assert_eq!(identity(header), identity(&written.header));
        for (offset, sent) in records_in(batch) {
            let place = usize::try_from(offset - header.base_offset).unwrap();
            assert_eq!(written.records.get(place), Some(&sent), "at {offset}");
            self.records.insert(offset, sent);
        }
    }

    /// All was taken, from `start` on. Answers offset and timestamp of what is there.
    pub fn finish(self, start: i64) -> Vec<(i64, i64)> {
        let aborted = self.model.aborted_batches();
        let cleaned = |batch: &&Written| batch.header.last_offset() < self.model.cleaned;
        let mut last: HashMap<&[u8], i64> = HashMap::new();
        for batch in self.model.batches.iter().filter(cleaned) {
            if batch.commits.is_none() && !aborted.contains(&batch.header.base_offset) {
                let keys = batch
                    .numbered()
                    .filter_map(|(offset, sent)| Some((sent.key.as_deref()?, offset)));
                last.extend(keys);
            }
        }
        for batch in self.model.batches.iter().filter(cleaned) {
            let may_go = batch.commits.is_some() || aborted.contains(&batch.header.base_offset);
            for (offset, sent) in batch.numbered().filter(|(offset, _)| *offset >= start) {
                let outdated = sent.key.as_deref().and_then(|key| last.get(key)) > Some(&offset);
                let deleted = sent.value.is_none() && self.model.tombstones_go;
                let there = self.records.contains_key(&offset);
                assert!(
                    there || may_go || outdated || deleted,
                    "{sent:?} at {offset} was promised and is gone"
                );
            }
        }
        self.records
            .into_iter()
            .map(|(offset, sent)| (offset, sent.timestamp))
            .collect()
    }
}
