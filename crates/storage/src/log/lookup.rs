//! Finding records by time, and offsets by leader epoch.

use barnabas_protocol::records::compression::{Compression, Decompressor};
use barnabas_protocol::records::{
    BATCH_OVERHEAD, BatchHeader, InvalidRecord, RecordsError, Skim, TimestampType,
};

use super::open::OpenLog;
use super::types::{EpochEndOffset, TimestampOffset};
use super::{Log, State};
use crate::checkpoint::{EpochEntry, LeaderEpochs};
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;
use crate::segment::Segment;
use crate::validate::DECOMPRESSED_BYTES_MAX;

impl Log {
    /// The first record whose timestamp is at least `timestamp_ms`.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE, INVALID_RECORD.
    pub fn offset_for_timestamp(&mut self, timestamp_ms: i64) -> Result<Option<TimestampOffset>> {
        let log_start_offset = self.log_start_offset;
        let record_bytes_max = self.config.max_decompressed_record_bytes;
        let Some(open) = self.open()? else { return Ok(None) };
        for index in open.segment_of(log_start_offset)..open.segment_count() {
            if open
                .max_timestamp(index)?
                .is_some_and(|max| max.timestamp >= timestamp_ms)
                && let Some(found) =
                    open.find_timestamp(index, timestamp_ms, log_start_offset, record_bytes_max)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record that has the largest timestamp of the log (KIP-734).
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE, INVALID_RECORD.
    pub fn offset_of_max_timestamp(&mut self) -> Result<Option<TimestampOffset>> {
        let record_bytes_max = self.config.max_decompressed_record_bytes;
        let Some(open) = self.open()? else { return Ok(None) };
        let mut largest = None;
        for index in 0..open.segment_count() {
            if let Some(max) = open.max_timestamp(index)?
                && largest.is_none_or(|(_, timestamp)| max.timestamp > timestamp)
            {
                largest = Some((index, max.timestamp));
            }
        }
        // The oldest record of that time: the batch whose last offset the time index names may not hold it
        // first.
        match largest {
            Some((index, timestamp)) => open.find_timestamp(index, timestamp, i64::MIN, record_bytes_max),
            None => Ok(None),
        }
    }

    /// The largest epoch not above `leader_epoch` and the offset at which it ended (KIP-101, KIP-279); the
    /// current epoch ends at the log's end. `None` if nothing is known.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn end_offset_for_epoch(&mut self, leader_epoch: i32) -> Result<Option<EpochEndOffset>> {
        let log_end_offset = self.log_end_offset;
        match self.open()? {
            Some(open) => Ok(open.epochs.end_offset_for(leader_epoch, log_end_offset)),
            None => {
                let mut epochs = LeaderEpochs::default();
                if let Some(entry) = self.unwritten_epoch {
                    epochs.assign(entry.epoch, entry.start_offset);
                }
                Ok(epochs.end_offset_for(leader_epoch, log_end_offset))
            }
        }
    }

    /// The leader epoch in which the record at `offset` was written.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn epoch_for_offset(&mut self, offset: i64) -> Result<Option<i32>> {
        let unwritten = self.unwritten_epoch.filter(|entry| entry.start_offset <= offset);
        match self.open()? {
            Some(open) => Ok(open.epochs.epoch_for_offset(offset)),
            None => Ok(unwritten.map(|entry| entry.epoch)),
        }
    }

    /// The newest epoch of the log.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn latest_epoch(&mut self) -> Result<Option<i32>> {
        if let Some(entry) = self.unwritten_epoch {
            return Ok(Some(entry.epoch));
        }
        Ok(self.open()?.and_then(|open| open.epochs.latest()))
    }

    /// Notes that this broker leads the partition in `leader_epoch` from the log's end on. Costs no IO before
    /// the log is open.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn assign_leader_epoch(&mut self, leader_epoch: i32) -> Result<()> {
        let start_offset = self.log_end_offset;
        match &mut self.state {
            State::Open(open) => open.assign_epoch(leader_epoch, start_offset),
            State::Absent | State::Closed => {
                self.unwritten_epoch = Some(EpochEntry {
                    epoch: leader_epoch,
                    start_offset,
                });
                Ok(())
            }
            State::Offline => Err(self.offline()),
        }
    }
}

impl OpenLog {
    /// The first record of a segment from `start_offset` on whose timestamp is at least `timestamp_ms`.
    fn find_timestamp(
        &self,
        index: usize,
        timestamp_ms: i64,
        start_offset: i64,
        record_bytes_max: usize,
    ) -> Result<Option<TimestampOffset>> {
        let segment = self.segment(index);
        // No record up to the entry's offset is later than its timestamp, which is before the one wanted.
        let before = self.floor_time(index, timestamp_ms.saturating_sub(1))?;
        let from_offset = before.map_or(segment.base_offset, |entry| {
            segment.base_offset + i64::from(entry.relative_offset)
        });
        let Some((position, _)) = self.find_batch(index, from_offset.max(start_offset))? else {
            return Ok(None);
        };
        let file = segment.log_file(&self.folder)?;
        for batch in segment.scan(&file, &self.folder, position) {
            let (position, header) = batch?;
            if header.max_timestamp < timestamp_ms || header.last_offset() < start_offset {
                continue;
            }
            let wanted = |timestamp: i64, offset: i64| timestamp >= timestamp_ms && offset >= start_offset;
            let found = self.find_in_batch(segment, position, &header, record_bytes_max, wanted)?;
            if let Some((timestamp, offset)) = found {
                let leader_epoch = header.partition_leader_epoch;
                return Ok(Some(TimestampOffset {
                    timestamp,
                    offset,
                    leader_epoch,
                }));
            }
        }
        Ok(None)
    }

    /// Timestamp and offset of the first record of a batch that is `wanted`.
    fn find_in_batch(
        &self,
        segment: &Segment,
        position: u32,
        header: &BatchHeader,
        record_bytes_max: usize,
        wanted: impl Fn(i64, i64) -> bool,
    ) -> Result<Option<(i64, i64)>> {
        let file = segment.log_file(&self.folder)?;
        let mut payload = vec![0; header.size_in_bytes() - BATCH_OVERHEAD];
        file.read_exact_at(&mut payload, u64::from(position) + BATCH_OVERHEAD as u64)
            .map_err(|source| segment.failed("read", SegmentFile::Log, &self.folder, source))?;
        let unreadable = |error: RecordsError| {
            let path = SegmentFile::Log.path(&self.folder, segment.base_offset);
            let position = u64::from(position);
            match error {
                RecordsError::InvalidRecord(reason @ InvalidRecord::TooLarge { .. }) => {
                    StorageError::RecordTooLarge {
                        path,
                        position,
                        reason,
                    }
                }
                error => StorageError::corrupt(path, position, error.to_string()),
            }
        };
        let codec = header.compression().map_err(unreadable)?;
        let reader = Decompressor::new(codec, &payload).map_err(unreadable)?;
        let mut records = Skim::new(reader, codec, header.records_count, DECOMPRESSED_BYTES_MAX);
        if codec != Compression::None {
            records = records.record_bytes_max(record_bytes_max);
        }
        while let Some(record) = records.next_record().map_err(unreadable)? {
            let offset = header.base_offset + i64::from(record.offset_delta);
            let timestamp = match header.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => header.base_timestamp.wrapping_add(record.timestamp_delta),
            };
            if wanted(timestamp, offset) {
                return Ok(Some((timestamp, offset)));
            }
        }
        Ok(None)
    }
}
