//! Appending: offsets and epochs in place, producers staged, one write, then the accounts.

use barnabas_protocol::records::{
    Batch, BatchHeader, NO_TIMESTAMP, RecordsError, TimestampType, batches, set_base_offset,
    set_partition_leader_epoch,
};

use super::open::OpenLog;
use super::types::{AppendInfo, AppendOrigin};
use super::{Log, State};
use crate::error::{Result, StorageError};
use crate::log_config::LogConfig;
use crate::producer_state::{BatchMetadata, Verified};
use crate::segment::Coming;

/// What one append brings, summed over its batches.
#[derive(Clone, Copy, Debug)]
struct Appended {
    /// Of the first batch; most often there is no other.
    first: BatchHeader,
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
            first: sum.map_or(*header, |sum| sum.first),
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
        self.append_verified(batches, leader_epoch, origin, Verified::NotAsked, now_ms)
    }

    /// [`Log::append`] of batches about whose transaction the transaction coordinator was asked.
    ///
    /// # Errors
    /// Those of [`Log::append`]; INVALID_TXN_STATE also where the transaction has ended meanwhile.
    pub fn append_verified(
        &mut self,
        batches: &mut [u8],
        leader_epoch: i32,
        origin: AppendOrigin,
        verified: Verified,
        now_ms: i64,
    ) -> Result<AppendInfo> {
        self.begin_append(batches.len())?;
        let staged = self.stage_as_leader(batches, leader_epoch, origin, verified);
        self.finish_append(batches, staged, now_ms)
    }

    /// Appends batches fetched from the leader: offsets and leader epochs stay as they are.
    ///
    /// # Errors
    /// `UnexpectedAppendOffset` if they don't continue the log; KAFKA_STORAGE_ERROR.
    pub fn append_as_follower(&mut self, batches: &[u8], now_ms: i64) -> Result<AppendInfo> {
        self.begin_append(batches.len())?;
        let staged = self.stage_as_follower(batches);
        self.finish_append(batches, staged, now_ms)
    }

    fn begin_append(&mut self, size: usize) -> Result<()> {
        if size > self.config.segment_bytes as usize {
            return Err(StorageError::LargerThanSegment {
                size,
                segment_bytes: self.config.segment_bytes,
            });
        }
        self.open_for_writing().map(|_| ())
    }

    fn finish_append(&mut self, bytes: &[u8], staged: Result<Staged>, now_ms: i64) -> Result<AppendInfo> {
        let written = match staged {
            Ok(Staged::New(appended)) => self.write(bytes, &appended, now_ms).map(|()| appended),
            Ok(Staged::Duplicate(original)) => {
                self.rollback();
                return Ok(self.answer_duplicate(original));
            }
            Err(error) => Err(error),
        };
        let appended = written.inspect_err(|_| self.rollback())?;
        self.unflushed_since_ms.get_or_insert(now_ms);
        Ok(AppendInfo {
            base_offset: appended.first.base_offset,
            last_offset: appended.last_offset,
            log_append_time: appended.log_append_time,
            log_start_offset: self.log_start_offset,
            bytes: bytes.len() as u32,
            duplicate: false,
        })
    }

    /// Numbers the batches, and checks that their producers may append them; nothing has changed for others
    /// yet. The one walk over the batches' headers.
    fn stage_as_leader(
        &mut self,
        bytes: &mut [u8],
        leader_epoch: i32,
        origin: AppendOrigin,
        verified: Verified,
    ) -> Result<Staged> {
        let mut sum: Option<Appended> = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut batch = Batch::parse(rest)?;
            let base_offset = sum.map_or(self.log_end_offset, |sum| sum.last_offset + 1);
            batch.header.base_offset = base_offset;
            batch.header.partition_leader_epoch = leader_epoch;
            if let Some(original) = self.stage(&batch, origin, verified, &mut sum)? {
                return Ok(Staged::Duplicate(original));
            }
            let (numbered, behind) = rest.split_at_mut(batch.header.size_in_bytes());
            set_base_offset(numbered, base_offset);
            set_partition_leader_epoch(numbered, leader_epoch);
            rest = behind;
        }
        sum.map(Staged::New).ok_or_else(|| no_whole_batch(0))
    }

    fn stage_as_follower(&mut self, bytes: &[u8]) -> Result<Staged> {
        let mut sum = None;
        let mut rest = batches(bytes);
        for batch in rest.by_ref() {
            self.stage(&batch?, AppendOrigin::Replication, Verified::NotAsked, &mut sum)?;
        }
        match sum {
            Some(appended) if rest.rest().is_empty() => Ok(Staged::New(appended)),
            _ => Err(no_whole_batch(rest.rest().len())),
        }
    }

    /// Checks that a batch continues the log and its producer, and adds it to the `sum`; answers the original
    /// of one that was appended before.
    fn stage(
        &mut self,
        batch: &Batch<'_>,
        origin: AppendOrigin,
        verified: Verified,
        sum: &mut Option<Appended>,
    ) -> Result<Option<BatchMetadata>> {
        let header = &batch.header;
        let next_offset = sum.map_or(self.log_end_offset, |sum| sum.last_offset + 1);
        if header.base_offset < next_offset || header.last_offset_delta < 0 {
            return Err(StorageError::UnexpectedAppendOffset {
                base_offset: header.base_offset,
                log_end_offset: next_offset,
            });
        }
        if header.has_producer_id()
            && let State::Open(open) = &mut self.state
        {
            if origin == AppendOrigin::Client
                && let Some(original) = open.producers.duplicate_of(header)
            {
                return Ok(Some(original));
            }
            if let Verified::Asked(guard) = verified {
                open.producers.check_verified(header.into(), guard)?;
            }
            open.producers.stage(header, batch.payload(), origin)?;
        }
        *sum = Some(Appended::add(*sum, header));
        Ok(None)
    }

    fn write(&mut self, bytes: &[u8], appended: &Appended, now_ms: i64) -> Result<()> {
        let (config, jitter_ms) = (self.config.clone(), self.roll_jitter_ms);
        let State::Open(open) = &mut self.state else {
            return Err(self.offline());
        };
        let Appended {
            first,
            last_offset,
            max_timestamp,
            ..
        } = *appended;
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
            open.roll(first.base_offset, &config)?;
        }
        open.active.write(&open.folder, &config, bytes)?;
        open.note(&first, &config);
        for batch in batches(&bytes[first.size_in_bytes()..]) {
            open.note(&batch?.header, &config);
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

impl OpenLog {
    /// Takes a batch that was written into the accounts.
    fn note(&mut self, header: &BatchHeader, config: &LogConfig) {
        self.active.note_batch(header, config);
        if (self.epochs_unsaved || self.epochs.latest() != Some(header.partition_leader_epoch))
            && let Err(error) = self.assign_epoch(header.partition_leader_epoch, header.base_offset)
        {
            // The batches say it too: recovery rebuilds the epochs.
            tracing::warn!(%error, "a new leader epoch is not in its checkpoint");
        }
    }
}

/// What isn't made of whole batches only, or of none.
fn no_whole_batch(available: usize) -> StorageError {
    RecordsError::Truncated { needed: 1, available }.into()
}

enum Staged {
    New(Appended),
    Duplicate(BatchMetadata),
}
