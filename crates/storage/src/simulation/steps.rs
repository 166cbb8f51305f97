//! The steps of a history that append to the log, flush it and take from it.

use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};

use super::history::{History, NOW_MS, PRODUCERS};
use super::model::Sent;
use crate::log::{AppendOrigin, ReadBound};

/// Keys of a compacted log.
const KEYS: usize = 8;
/// Producers that write in transactions; the others only number what they send.
const TRANSACTIONAL: usize = 2;

impl History {
    pub fn append(&mut self) {
        self.tell("append");
        let who = self.random.index(PRODUCERS + 2);
        let mut builder = BatchBuilder::new(if self.random.once_in(3) {
            Compression::Lz4
        } else {
            Compression::None
        });
        let count = 1 + self.random.index(4);
        let mut commits = None;
        let mut origin = AppendOrigin::Client;
        let mut after = None;
        if let Some(mut producer) = self.producers.get(who).copied() {
            let id = 1_000 + who as i64;
            if producer.in_transaction && self.random.once_in(3) {
                commits = Some(self.random.once_in(2));
                origin = AppendOrigin::Coordinator;
                producer.in_transaction = false;
                builder = BatchBuilder::new(Compression::None)
                    .producer(id, producer.epoch, -1)
                    .transactional()
                    .control();
            } else {
                builder = builder.producer(id, producer.epoch, producer.next_sequence);
                producer.next_sequence += count as i32;
                if who < TRANSACTIONAL {
                    builder = builder.transactional();
                    producer.in_transaction = true;
                }
            }
            after = Some(producer);
        }
        let records = self.fill(&mut builder, count, commits);
        let mut bytes = builder.build().unwrap();
        let (leader_epoch, end) = (self.leader_epoch, self.log().log_end_offset());
        let appended = match self.log().append(&mut bytes, leader_epoch, origin, NOW_MS) {
            Ok(appended) => appended,
            Err(error) => {
                assert!(self.faulty, "{error}");
                assert!(self.log().log_end_offset() == end || self.log().summary(end).is_err());
                return self.model.append_failed(&bytes, &records, commits);
            }
        };
        assert!(!appended.duplicate);
        self.model.append(&bytes, &records, commits);
        assert_eq!(appended.last_offset + 1, self.model.log_end_offset());
        if let Some(after) = after {
            self.producers[who] = after;
        }
    }

    /// Fills a batch with records of their own, or with a marker; answers them.
    fn fill(&mut self, builder: &mut BatchBuilder, count: usize, commits: Option<bool>) -> Vec<Sent> {
        let records: Vec<Sent> = match commits {
            Some(commits) => vec![Sent {
                timestamp: 100,
                key: Some(vec![0, 0, 0, u8::from(commits)]),
                value: Some(vec![0; 6]),
            }],
            None => (0..count).map(|_| self.record()).collect(),
        };
        for sent in &records {
            builder.append(&RecordFields {
                timestamp: sent.timestamp,
                key: sent.key.as_deref(),
                value: sent.value.as_deref(),
                headers: &[],
            });
        }
        records
    }

    fn record(&mut self) -> Sent {
        self.unique += 1;
        let timestamp = self.random.index(5_000) as i64;
        let mut value = self.unique.to_be_bytes().to_vec();
        value.resize(4 + self.random.index(90), self.unique as u8);
        if !self.config.cleanup_compact {
            let (key, value) = (None, Some(value));
            return Sent {
                timestamp,
                key,
                value,
            };
        }
        Sent {
            timestamp,
            key: Some(vec![b'k', self.random.index(KEYS) as u8]),
            value: Some(value).filter(|_| !self.random.once_in(6)),
        }
    }

    /// What was flushed is promised, if the power was still there. What is appended meanwhile is not, however
    /// long the disk takes.
    pub fn flush(&mut self) {
        self.tell("flush");
        let flush = match self.log().begin_flush() {
            Ok(Some(flush)) => flush,
            Ok(None) => return,
            Err(error) => return assert!(self.faulty, "{error}"),
        };
        let began = self.disk.moment();
        for _ in 0..self.random.index(3) {
            match self.random.index(6) {
                0 => self.move_on(),
                // Another that begins later and is done sooner.
                1 => self.flush(),
                _ => self.append(),
            }
        }
        if self.random.once_in(2) {
            self.disk.syncs_began(Some(began));
        }
        let outcome = flush.run();
        self.disk.syncs_began(None);
        match self.log().flushed(&flush, outcome) {
            Ok(()) => self.promise(),
            Err(error) => assert!(self.faulty, "{error}"),
        }
    }

    pub fn flush_rolled(&mut self) {
        self.tell("flush_rolled");
        if let Some(flush) = self.log().begin_rolled_flush().unwrap() {
            let outcome = flush.run();
            self.log().flushed(&flush, outcome).unwrap();
            self.promise();
        }
    }

    pub fn promise(&mut self) {
        if self.disk.has_power() {
            let recovery_point = self.log().recovery_point();
            self.model.promise(recovery_point);
        }
    }

    pub fn truncate(&mut self) {
        self.tell("truncate");
        let count = self.model.batches.len();
        let Some(first_gone) = count.checked_sub(1 + self.random.index(4)) else {
            return;
        };
        let offset = self.model.batches[first_gone].header.base_offset;
        // What was compacted was replicated, and no leader takes it back.
        if offset < self.model.log_start_offset.max(self.model.settled) {
            return;
        }
        self.give_up_move();
        // Whoever cuts a log notes before that less of it may be believed.
        let recovery_point = self.log().recovery_point().min(offset);
        self.checkpoint(recovery_point);
        self.log().truncate_to(offset).unwrap();
        self.model.truncate(offset);
        assert_eq!(self.log().log_end_offset(), offset);
        // A new leader has decided so.
        self.leader_epoch += 1;
        self.forget_transactions();
    }

    pub fn delete_records(&mut self) {
        self.tell("delete_records");
        if !self.config.cleanup_delete {
            return;
        }
        let (start, end) = (self.model.log_start_offset, self.model.log_end_offset());
        let offset = start + self.random.index((end - start).min(10) as usize + 1) as i64;
        self.log().advance_log_start_offset(offset, end).unwrap();
        self.model.log_start_offset = offset;
    }

    pub fn retain(&mut self) {
        self.tell("retain");
        let high_watermark = self.model.log_end_offset();
        let Some(check) = self.log().retention_check(high_watermark, NOW_MS) else {
            return;
        };
        let verdict = check.judge(NOW_MS).unwrap();
        if let Some(removed) = self.log().remove_oldest(&verdict, high_watermark).unwrap() {
            let (marked, outcome) = removed.mark();
            outcome.unwrap();
            self.left.extend(marked);
        }
        self.model.log_start_offset = self.log().log_start_offset();
    }

    pub fn new_epoch(&mut self) {
        self.tell("new_epoch");
        self.leader_epoch += 1;
        let leader_epoch = self.leader_epoch;
        self.log().assign_leader_epoch(leader_epoch).unwrap();
    }

    /// Reads here and there; calls may fail.
    pub fn look_up(&mut self) {
        let (start, end) = (self.model.log_start_offset, self.model.log_end_offset());
        let offset = start + self.random.index((end - start) as usize + 1) as i64;
        let timestamp = self.random.index(5_000) as i64;
        let read = self.log().read(offset, 700, ReadBound::LogEnd, true);
        let read = read.map(|slice| slice.to_vec().is_ok());
        let found = self.log().offset_for_timestamp(timestamp);
        let failed = read.err().or(found.err());
        assert!(failed.is_none() || self.faulty, "{failed:?}");
    }
}
