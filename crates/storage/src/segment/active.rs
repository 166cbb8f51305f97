//! The segment that grows.

use std::sync::Arc;

use barnabas_protocol::records::{BatchHeader, NO_TIMESTAMP};

use super::recent::RecentBatches;
use super::{HeaderScan, Segment};
use crate::disk::{File, Folder};
use crate::error::{Result, StorageError};
use crate::index::{ActiveIndex, Entry, OffsetEntry, TimeEntry};
use crate::layout::SegmentFile;
use crate::log_config::LogConfig;
use crate::open_files::OpenFiles;

/// What is about to be appended.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    /// Bytes of all batches.
    pub bytes: usize,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Largest timestamp, ms.
    pub max_timestamp: i64,
    /// The time, ms.
    pub now_ms: i64,
}

/// The last segment of a log: its files and what is known of them in memory.
#[derive(Debug)]
pub struct ActiveSegment {
    /// Its files.
    pub segment: Segment,
    offsets: ActiveIndex<OffsetEntry>,
    times: ActiveIndex<TimeEntry>,
    /// Bytes of batches since, and with, the one that was indexed last.
    bytes_since_index_entry: u32,
    /// As the next time index entry would have it; -1 while there is no timestamp.
    max_timestamp: TimeEntry,
    /// Largest timestamp of the first batch, which `segment.ms` counts from.
    first_timestamp: Option<i64>,
    /// When the segment was first asked to grow; `segment.ms` counts from here where records have no time.
    created_ms: Option<i64>,
    /// Offset after the last batch.
    next_offset: i64,
    recent: RecentBatches,
    /// Bytes that were there when the segment was opened; what lies behind them was written by this process.
    size_when_opened: u32,
}

/// Bytes before a segment's end that stay in the page cache: they were written last of all.
const SURELY_CACHED_BYTES: u32 = 16 * 1024 * 1024;

impl ActiveSegment {
    /// A segment without batches. Its log file is created by the first use, its index files by the first
    /// save.
    pub fn new(base_offset: i64, files: &Arc<OpenFiles>) -> Self {
        ActiveSegment {
            segment: Segment::new(base_offset, 0, files),
            offsets: ActiveIndex::new(),
            times: ActiveIndex::new(),
            bytes_since_index_entry: 0,
            max_timestamp: TimeEntry {
                timestamp: NO_TIMESTAMP,
                relative_offset: 0,
            },
            first_timestamp: None,
            created_ms: None,
            next_offset: base_offset,
            recent: RecentBatches::new(),
            size_when_opened: 0,
        }
    }

    /// Whether all from `position` on was written so lately that it is in the page cache for certain.
    pub fn is_surely_cached(&self, position: u32) -> bool {
        position >= self.size_when_opened && self.segment.size.saturating_sub(position) <= SURELY_CACHED_BYTES
    }

    /// Opens a segment of whole batches with its indexes. `None` when they are missing or disagree with the
    /// log: they have to be rebuilt.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn load(segment: Segment, folder: &Folder) -> Result<Option<Self>> {
        let read = |kind: SegmentFile| {
            folder
                .disk()
                .read_optional(&kind.path(folder, segment.base_offset))
        };
        let (Some(offsets), Some(times)) = (read(SegmentFile::Index)?, read(SegmentFile::TimeIndex)?) else {
            return Ok(None);
        };
        let (Some(offsets), Some(times)) = (ActiveIndex::load(&offsets), ActiveIndex::load(&times)) else {
            return Ok(None);
        };
        let mut active = ActiveSegment::new(segment.base_offset, segment.files());
        active.size_when_opened = segment.size;
        active.segment = segment;
        active.offsets = offsets;
        active.times = times;
        Ok(active.catch_up(folder)?.then_some(active))
    }

    /// Opens a segment of `size` bytes of whole batches whose indexes are built anew from the batches'
    /// headers.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn rebuild(
        folder: &Folder,
        base_offset: i64,
        size: u32,
        files: &Arc<OpenFiles>,
        config: &LogConfig,
    ) -> Result<Self> {
        let mut active = ActiveSegment::new(base_offset, files);
        let file = active.segment.log_file(folder)?;
        for batch in HeaderScan::new(&file, folder, base_offset, 0, size) {
            active.note_batch(&batch?.1, config);
        }
        active.size_when_opened = size;
        Ok(active)
    }

    /// Puts the state that follows from the last index entry and the batches behind it in order. Answers
    /// whether the index agrees with the log.
    fn catch_up(&mut self, folder: &Folder) -> Result<bool> {
        let indexed = self.offsets.last();
        if indexed.is_some_and(|entry| entry.position >= self.segment.size) {
            return Ok(false);
        }
        let file = self.segment.log_file(folder)?;
        let mut scan = self
            .segment
            .scan(&file, folder, indexed.map_or(0, |entry| entry.position));
        let mut last_offset = None;
        self.max_timestamp = TimeEntry {
            timestamp: NO_TIMESTAMP,
            relative_offset: 0,
        };
        self.bytes_since_index_entry = 0;
        if let Some(indexed) = indexed {
            let Some(Ok((_, header))) = scan.next() else {
                return Ok(false);
            };
            if self.segment.relative(header.last_offset()) != indexed.relative_offset {
                return Ok(false);
            }
            last_offset = Some(header.last_offset());
            self.bytes_since_index_entry = header.size_in_bytes() as u32;
        }
        for batch in &mut scan {
            let (_, header) = batch?;
            last_offset = Some(header.last_offset());
            self.bytes_since_index_entry += header.size_in_bytes() as u32;
            self.note_timestamp(&header);
        }
        self.next_offset = last_offset.map_or(self.segment.base_offset, |offset| offset + 1);
        let end = self.segment.relative(self.next_offset);
        self.times.truncate_where(|entry| entry.relative_offset < end);
        if let Some(last) = self
            .times
            .last()
            .filter(|last| last.timestamp >= self.max_timestamp.timestamp)
        {
            self.max_timestamp = last;
        }
        self.recent.clear();
        self.first_timestamp = None;
        Ok(true)
    }

    /// Whether what is coming belongs into a new segment.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn should_roll(
        &mut self,
        folder: &Folder,
        config: &LogConfig,
        jitter_ms: i64,
        coming: Coming,
    ) -> Result<bool> {
        let size = self.segment.size;
        if size > 0 && self.first_timestamp.is_none() {
            self.load_first_timestamp(folder)?;
        }
        let waited_ms = match self.first_timestamp {
            Some(first) if first >= 0 => coming.max_timestamp.saturating_sub(first),
            _ => coming
                .now_ms
                .saturating_sub(*self.created_ms.get_or_insert(coming.now_ms)),
        };
        let max_entries = |entry_bytes: usize| config.segment_index_bytes as usize / entry_bytes;
        Ok(size as usize + coming.bytes > config.segment_bytes as usize
            || (size > 0 && waited_ms > config.max_segment_ms() - jitter_ms)
            || self.offsets.len() >= max_entries(OffsetEntry::BYTES)
            || self.times.len() + 1 >= max_entries(TimeEntry::BYTES)
            || !self.segment.can_hold(coming.last_offset))
    }

    fn load_first_timestamp(&mut self, folder: &Folder) -> Result<()> {
        let file = self.segment.log_file(folder)?;
        if let Some((_, header)) = self.segment.scan(&file, folder, 0).next().transpose()? {
            self.first_timestamp = Some(header.max_timestamp);
        }
        Ok(())
    }

    /// Writes batches behind the last one; [`ActiveSegment::note_batch`] must follow for each. After a
    /// failure the file is as long as before.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&mut self, folder: &Folder, config: &LogConfig, bytes: &[u8]) -> Result<()> {
        let file = self.segment.log_file(folder)?;
        let size = u64::from(self.segment.size);
        if size == 0 && config.preallocate {
            file.reserve(u64::from(config.segment_bytes));
        }
        file.write_all_at(bytes, size).map_err(|source| {
            let cut = file.set_len(size);
            if let Err(error) = cut {
                tracing::error!(folder = %folder.display(), %error, "cannot cut off a failed write");
            }
            self.segment.failed("append to", SegmentFile::Log, folder, source)
        })
    }

    /// Takes over a batch that lies at the segment's end now: grows the segment, indexes it if it is time.
    pub fn note_batch(&mut self, header: &BatchHeader, config: &LogConfig) {
        let position = self.segment.size;
        if position == 0 {
            self.first_timestamp = Some(header.max_timestamp);
        }
        self.note_timestamp(header);
        if self.bytes_since_index_entry > config.index_interval_bytes {
            let relative_offset = self.segment.relative(header.last_offset());
            self.offsets.push(OffsetEntry {
                relative_offset,
                position,
            });
            self.push_time_entry();
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry += header.size_in_bytes() as u32;
        self.segment.size += header.size_in_bytes() as u32;
        self.next_offset = header.next_offset();
        self.recent.push(header.base_offset, position);
    }

    fn note_timestamp(&mut self, header: &BatchHeader) {
        if header.max_timestamp > self.max_timestamp.timestamp {
            let relative_offset = self.segment.relative(header.last_offset());
            self.max_timestamp = TimeEntry {
                timestamp: header.max_timestamp,
                relative_offset,
            };
        }
    }

    fn push_time_entry(&mut self) {
        let last = self.times.last().map_or(NO_TIMESTAMP, |entry| entry.timestamp);
        if self.max_timestamp.timestamp > last {
            self.times.push(self.max_timestamp);
        }
    }

    /// The last index entry not after `offset`.
    pub fn floor(&self, offset: i64) -> Option<OffsetEntry> {
        self.offsets.floor(self.segment.relative(offset))
    }

    /// Where the batch that begins exactly at `offset` lies, if it is one of the last.
    pub fn recent_position(&self, offset: i64) -> Option<u32> {
        self.recent.position_of(offset)
    }

    /// The last time index entry not after `timestamp_ms`.
    pub fn floor_time(&self, timestamp_ms: i64) -> Option<TimeEntry> {
        self.times.floor(timestamp_ms)
    }

    /// The largest timestamp and the last offset of the batch that brought it.
    pub fn max_timestamp(&self) -> Option<TimeEntry> {
        (self.max_timestamp.timestamp >= 0).then_some(self.max_timestamp)
    }

    /// Offset after the last batch.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Cuts the segment at `position`, where a batch begins whose offsets are not below `offset`.
    ///
    /// # Errors
    /// `Io`.
    pub fn truncate(&mut self, folder: &Folder, position: u32, offset: i64) -> Result<()> {
        let file = self.segment.log_file(folder)?;
        let failed = |source| self.segment.failed("truncate", SegmentFile::Log, folder, source);
        file.set_len(u64::from(position)).map_err(failed)?;
        self.segment.size = position;
        let relative = self.segment.relative(offset);
        self.offsets
            .truncate_where(|entry| entry.position < position && entry.relative_offset < relative);
        self.times
            .truncate_where(|entry| entry.relative_offset < relative);
        self.save_indexes(folder)?;
        if !self.catch_up(folder)? {
            let path = SegmentFile::Index.path(folder, self.segment.base_offset);
            return Err(StorageError::corrupt(path, 0, "the index disagrees with the log"));
        }
        Ok(())
    }

    /// Writes the index entries that are only in memory.
    ///
    /// # Errors
    /// `Io`.
    pub fn save_indexes(&mut self, folder: &Folder) -> Result<()> {
        let base_offset = self.segment.base_offset;
        let open = |kind: SegmentFile| {
            let path = kind.path(folder, base_offset);
            folder
                .disk()
                .open(&path)
                .map(|file| (file, path.clone()))
                .map_err(StorageError::io("open", path))
        };
        let (file, path) = open(SegmentFile::Index)?;
        self.offsets
            .save(&file)
            .map_err(StorageError::io("write", path))?;
        let (file, path) = open(SegmentFile::TimeIndex)?;
        self.times.save(&file).map_err(StorageError::io("write", path))
    }

    /// Ends the growth of a segment whose files have other names, and writes its whole indexes to empty
    /// files.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish_into(&mut self, index: &File, time_index: &File) -> std::io::Result<()> {
        self.push_time_entry();
        self.offsets.save(index)?;
        self.times.save(time_index)
    }

    /// Ends the segment's growth, or pauses it: the time index gets its last entry, the files all that
    /// belongs to them.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(&mut self, folder: &Folder, config: &LogConfig) -> Result<()> {
        self.push_time_entry();
        self.save_indexes(folder)?;
        if config.preallocate {
            let file = self.segment.log_file(folder)?;
            let failed = |source| self.segment.failed("truncate", SegmentFile::Log, folder, source);
            file.set_len(u64::from(self.segment.size)).map_err(failed)?;
        }
        Ok(())
    }
}
