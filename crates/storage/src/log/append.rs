//! Appending: offsets and epochs in place, producers staged, one write, then the accounts.

use barnabas_protocol::records::{
    Batch, BatchHeader, NO_TIMESTAMP, RecordsError, TimestampType, batches, set_base_offset,
    set_partition_leader_epoch,
};

use super::types::{AppendInfo, AppendOrigin};
use super::{Log, State};
use crate::error::{Result, StorageError};
use crate::producer_state::BatchMetadata;
use crate::segment::Coming;

/// What one append brings, summed over its batches.
#[derive(Clone, Copy, Debug)]
struct Appended {
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
    log_append_time: i64,
}

impl Appended {
    fn add(sum: Option<Appended>, header: &BatchHeader) -> Appended {
        let log_append_time = match header.timestamp_type() {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime => NO_TIMESTAMP,
        };
        Appended {
            base_offset: sum.map_or(header.base_offset, |sum| sum.base_offset),
            last_offset: header.last_offset(),
            max_timestamp: sum
                .map_or(NO_TIMESTAMP, |sum| sum.max_timestamp)
                .max(header.max_timestamp),
            log_append_time,
        }
    }
}

impl Log {
    /// Appends whole, validated v2 batches as the partition's leader: assigns offsets and `leader_epoch` in
    /// place (both lie outside of the CRC), checks and updates the producers' state, rolls the segment if it
    /// is time, writes once.
    ///
    /// A batch that an idempotent producer sends again is not appended; the answer is the original's
    /// ([`AppendInfo::duplicate`]).
    ///
    /// # Errors
    /// Those of the producer state (OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE),
    /// RECORD_LIST_TOO_LARGE; KAFKA_STORAGE_ERROR when the disk fails, after which nothing of the batches is
    /// served.
    pub fn append(
        &mut self,
        batches: &mut [u8],
        leader_epoch: i32,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<AppendInfo> {
        let mut next_offset = self.log_end_offset;
        let mut rest = &mut *batches;
        while !rest.is_empty() {
            let header = Batch::parse(rest)?.header;
            let (batch, behind) = rest.split_at_mut(header.size_in_bytes());
            set_base_offset(batch, next_offset);
            set_partition_leader_epoch(batch, leader_epoch);
            next_offset += i64::from(header.last_offset_delta) + 1;
            rest = behind;
        }
        self.append_numbered(batches, origin, now_ms)
    }

    /// Appends batches fetched from the leader: offsets and leader epochs stay as they are.
    ///
    /// # Errors
    /// `UnexpectedAppendOffset` if they don't continue the log; KAFKA_STORAGE_ERROR.
    pub fn append_as_follower(&mut self, batches: &[u8], now_ms: i64) -> Result<AppendInfo> {
        self.append_numbered(batches, AppendOrigin::Replication, now_ms)
    }

    fn append_numbered(&mut self, bytes: &[u8], origin: AppendOrigin, now_ms: i64) -> Result<AppendInfo> {
        if bytes.len() > self.config.segment_bytes as usize {
            return Err(StorageError::LargerThanSegment {
                size: bytes.len(),
                segment_bytes: self.config.segment_bytes,
            });
        }
        self.open_for_writing()?;
        let appended = match self.stage(bytes, origin) {
            Ok(Staged::New(appended)) => appended,
            Ok(Staged::Duplicate(original)) => {
                self.rollback();
                return Ok(self.answer_duplicate(original));
            }
            Err(error) => {
                self.rollback();
                return Err(error);
            }
        };
        if let Err(error) = self.write(bytes, appended, now_ms) {
            self.rollback();
            return Err(error);
        }
        self.unflushed_since_ms.get_or_insert(now_ms);
        Ok(AppendInfo {
            base_offset: appended.base_offset,
            last_offset: appended.last_offset,
            log_append_time: appended.log_append_time,
            log_start_offset: self.log_start_offset,
            bytes: bytes.len() as u32,
            duplicate: false,
        })
    }

    /// Checks that the batches continue the log and their producers; nothing has changed for others yet.
    fn stage(&mut self, bytes: &[u8], origin: AppendOrigin) -> Result<Staged> {
        let mut next_offset = self.log_end_offset;
        let mut sum = None;
        let mut rest = batches(bytes);
        for batch in rest.by_ref() {
            let batch = batch?;
            let header = &batch.header;
            if header.base_offset < next_offset || header.last_offset_delta < 0 {
                return Err(StorageError::UnexpectedAppendOffset {
                    base_offset: header.base_offset,
                    log_end_offset: next_offset,
                });
            }
            next_offset = header.next_offset();
            sum = Some(Appended::add(sum, header));
            if header.has_producer_id()
                && let State::Open(open) = &mut self.state
            {
                if origin == AppendOrigin::Client
                    && let Some(original) = open.producers.duplicate_of(header)
                {
                    return Ok(Staged::Duplicate(original));
                }
                open.producers.stage(header, batch.payload(), origin)?;
            }
        }
        match sum {
            Some(appended) if rest.rest().is_empty() => Ok(Staged::New(appended)),
            _ => Err(RecordsError::Truncated {
                needed: 1,
                available: rest.rest().len(),
            }
            .into()),
        }
    }

    fn write(&mut self, bytes: &[u8], appended: Appended, now_ms: i64) -> Result<()> {
        let (config, jitter_ms) = (self.config.clone(), self.roll_jitter_ms);
        let State::Open(open) = &mut self.state else {
            return Err(self.offline());
        };
        let Appended {
            base_offset,
            last_offset,
            max_timestamp,
            ..
        } = appended;
        let coming = Coming {
            bytes: bytes.len(),
            last_offset,
            max_timestamp,
            now_ms,
        };
        if open
            .active
            .should_roll(&open.folder, &config, jitter_ms, coming)?
        {
            open.roll(base_offset, &config)?;
        }
        open.active.write(&open.folder, &config, bytes)?;
        for batch in batches(bytes) {
            let header = batch?.header;
            open.active.note_batch(&header, &config);
            if (open.epochs_unsaved || open.epochs.latest() != Some(header.partition_leader_epoch))
                && let Err(error) = open.assign_epoch(header.partition_leader_epoch, header.base_offset)
            {
                // The batches say it too: recovery rebuilds the epochs.
                tracing::warn!(%error, "a new leader epoch is not in its checkpoint");
            }
        }
        let indexed = open.commit_producers();
        self.first_unstable_offset = open.producers.first_unstable_offset();
        self.log_end_offset = last_offset + 1;
        self.size_bytes += bytes.len() as u64;
        if indexed.is_err() {
            // The marker is in the log; without its index entry readers would get aborted records.
            self.state = State::Offline;
        }
        indexed
    }

    fn rollback(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.producers.rollback();
        }
    }

    fn answer_duplicate(&self, original: BatchMetadata) -> AppendInfo {
        AppendInfo {
            base_offset: original.first_offset(),
            last_offset: original.last_offset,
            log_append_time: original.timestamp,
            log_start_offset: self.log_start_offset,
            bytes: 0,
            duplicate: true,
        }
    }
}

enum Staged {
    New(Appended),
    Duplicate(BatchMetadata),
}
