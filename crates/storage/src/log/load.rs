//! Opening a log's folder: after a clean pause, or by recovery of all that may not have reached the disk.
//!
//! Recovery believes what lies before the recovery point and checks every batch behind it. The first that is torn or
//! wrong ends the log: it and all behind it is cut off with a warning, as Apache Kafka does.

use std::sync::Arc;

use barnabas_protocol::records::{BATCH_OVERHEAD, Batch, BatchHeader};

use super::open::OpenLog;
use super::snapshots::Snapshots;
use super::types::AppendOrigin;
use crate::checkpoint::{EpochEntry, LeaderEpochs};
use crate::disk::{File, Folder};
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;
use crate::log_config::LogConfig;
use crate::log_dir::recovery::Progress;
use crate::open_files::OpenFiles;
use crate::producer_state::ProducerState;
use crate::segment::{ActiveSegment, Segment};
use crate::txn_index;

/// How often recovery tells how far it is in a segment: a large one on a slow disk takes long.
const PROGRESS_BYTES: u32 = 16 << 20;

/// How much of a folder is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// All: the log was paused in order.
    All,
    /// What lies before this offset.
    UpTo(i64),
}

/// A folder that has been opened.
#[derive(Debug)]
pub struct LoadedLog {
    pub open: OpenLog,
    pub log_end_offset: i64,
    /// Bytes that recovery cut off.
    pub truncated_bytes: u64,
}

/// What is needed to open a folder.
#[derive(Debug)]
pub struct Loader<'a> {
    pub folder: &'a Folder,
    pub files: &'a Arc<OpenFiles>,
    pub config: &'a LogConfig,
    pub log_start_offset: i64,
    /// Whom to tell what was checked.
    pub progress: Option<&'a Progress>,
}

/// The files of a folder.
struct Listing {
    /// By base offset.
    segments: Vec<Segment>,
    snapshots: Snapshots,
    /// Base offsets of the segments that have a transaction index.
    with_aborted: Vec<i64>,
}

impl Loader<'_> {
    /// Opens the folder.
    ///
    /// # Errors
    /// `Io`; `Corrupt` where the trusted part isn't sound.
    pub fn load(&self, trust: Trust) -> Result<LoadedLog> {
        let Listing {
            mut segments,
            snapshots,
            with_aborted,
        } = self.list()?;
        let mut open = OpenLog::empty(self.folder.clone(), self.files.clone(), self.log_start_offset);
        open.snapshots = snapshots;
        let noted_epochs;
        (open.epochs, noted_epochs) = self.read_epochs(&segments, trust)?;
        let truncated_bytes = match trust {
            Trust::UpTo(recovery_point) => self.recover(&mut open, segments, recovery_point)?,
            Trust::All => {
                if let Some(last) = segments.pop() {
                    for segment in segments {
                        open.closed.push(self.closed_segment(segment)?);
                    }
                    open.active = self.trusted_active(last)?;
                }
                0
            }
        };
        let log_end_offset = open.active.next_offset().max(self.log_start_offset);
        // One from before the first segment may know of transactions whose end has been deleted.
        let begins = open.segment(0).base_offset;
        open.snapshots
            .remove_where(self.folder, |offset| !(begins..=log_end_offset).contains(&offset))?;
        open.epochs.truncate_from_end(log_end_offset);
        if open.epochs.entries() != noted_epochs {
            open.write_epochs()?;
        }
        let rebuild_from = match trust {
            Trust::All => usize::MAX,
            Trust::UpTo(recovery_point) => {
                // Aborted transactions that a younger snapshot is past would not get into the transaction index again.
                let index = open.first_unsure(recovery_point);
                let base_offset = open.segment(index).base_offset;
                open.snapshots
                    .remove_where(self.folder, |offset| offset > base_offset)?;
                index
            }
        };
        for index in 0..open.segment_count() {
            let segment = open.segment_mut(index);
            let has_index = with_aborted.contains(&segment.base_offset);
            segment.has_aborted = has_index && index < rebuild_from;
            if has_index && !segment.has_aborted {
                let path = SegmentFile::TxnIndex.path(self.folder, segment.base_offset);
                self.folder.disk().remove_optional(&path)?;
            }
        }
        self.load_producers(&mut open, log_end_offset, rebuild_from)?;
        Ok(LoadedLog {
            open,
            log_end_offset,
            truncated_bytes,
        })
    }

    /// What is in the folder. Left-over temporary files are removed, segments that were being replaced are so.
    fn list(&self) -> Result<Listing> {
        super::swap::recover(self.folder)?;
        let (mut segments, mut snapshots, mut with_aborted) = (Vec::new(), Vec::new(), Vec::new());
        for entry in self.folder.list()? {
            let name = entry.name;
            let path = || self.folder.join(&name);
            match name.to_str().and_then(SegmentFile::parse) {
                Some((SegmentFile::Log, base_offset)) => {
                    let len = self.folder.file_bytes(&name)?;
                    let size = u32::try_from(len)
                        .map_err(|_| StorageError::corrupt(path(), len, "no segment is longer than 4 GiB"))?;
                    segments.push(Segment::new(base_offset, size, self.files));
                }
                Some((SegmentFile::Snapshot, offset)) => snapshots.push(offset),
                Some((SegmentFile::TxnIndex, base_offset)) => with_aborted.push(base_offset),
                Some(_) => {}
                None if name.to_string_lossy().ends_with(".tmp") => {
                    self.folder.disk().remove_optional(&path())?;
                }
                None => {}
            }
        }
        segments.sort_unstable_by_key(|segment| segment.base_offset);
        Ok(Listing {
            segments,
            snapshots: Snapshots::new(snapshots),
            with_aborted,
        })
    }

    /// A closed segment of a trusted log; its indexes are rebuilt if one is missing.
    fn closed_segment(&self, segment: Segment) -> Result<Segment> {
        let indexes = [SegmentFile::Index, SegmentFile::TimeIndex];
        if indexes.iter().all(|kind| {
            self.folder
                .disk()
                .exists(&kind.path(self.folder, segment.base_offset))
        }) {
            return Ok(segment);
        }
        let mut rebuilt = self.rebuild(&segment)?;
        rebuilt.finish(self.folder, self.config)?;
        Ok(rebuilt.segment)
    }

    /// The last segment of a trusted log; its indexes are rebuilt if they are missing or wrong.
    fn trusted_active(&self, segment: Segment) -> Result<ActiveSegment> {
        let size = segment.size;
        let again = Segment::new(segment.base_offset, size, self.files);
        match ActiveSegment::load(segment, self.folder)? {
            Some(active) => Ok(active),
            None => self.rebuild(&again),
        }
    }

    fn rebuild(&self, segment: &Segment) -> Result<ActiveSegment> {
        ActiveSegment::rebuild(
            self.folder,
            segment.base_offset,
            segment.size,
            self.files,
            self.config,
        )
    }

    /// Checks all from the recovery point on. Answers how many bytes had to be cut off.
    fn recover(&self, open: &mut OpenLog, segments: Vec<Segment>, recovery_point: i64) -> Result<u64> {
        let first = segments
            .partition_point(|segment| segment.base_offset < recovery_point)
            .saturating_sub(1);
        let count = segments.len();
        let mut truncated_bytes = 0;
        let mut segments = segments.into_iter().enumerate().peekable();
        while let Some((index, segment)) = segments.next() {
            let base_offset = segment.base_offset;
            let expected = open.active.next_offset();
            let next_base = segments.peek().map(|(_, next)| next.base_offset);
            let gap = index > first && base_offset > expected;
            if truncated_bytes > 0 {
                tracing::error!(folder = %self.folder.display(), base_offset, bytes = segment.size,
                    "removing a segment that follows a cut");
                truncated_bytes += u64::from(segment.size);
                drop(segment);
                OpenLog::remove_files(self.folder, base_offset)?;
            } else if index < first {
                open.closed.push(self.closed_segment(segment)?);
            } else {
                let (mut active, cut) = self.recover_segment(open, segment, next_base, recovery_point)?;
                // What the next segment has anew was to be cut off here; a cut before that leaves a hole.
                let continued = next_base == Some(active.next_offset());
                truncated_bytes += if continued { 0 } else { cut };
                if gap && active.segment.size == 0 {
                    // Nothing is lost with it but a wrong end of the log.
                    OpenLog::remove_files(self.folder, base_offset)?;
                    continue;
                }
                if gap {
                    // Compaction leaves gaps, too: only a person can tell which it was.
                    tracing::warn!(folder = %self.folder.display(), from = expected, to = base_offset,
                        "offsets are missing at the end of a segment: compacted, or lost in a power cut");
                }
                if index + 1 < count {
                    active.finish(self.folder, self.config)?;
                }
                let empty = std::mem::replace(&mut open.active, active);
                if index > first {
                    open.closed.push(empty.segment);
                }
            }
        }
        Ok(truncated_bytes)
    }

    fn recover_segment(
        &self,
        open: &mut OpenLog,
        segment: Segment,
        next_base: Option<i64>,
        recovery_point: i64,
    ) -> Result<(ActiveSegment, u64)> {
        let file_size = segment.size;
        let mut active = ActiveSegment::new(segment.base_offset, self.files);
        let file = segment.log_file(self.folder)?;
        // What was flushed is believed, but its indexes need not have reached the disk. Should a header be wrong all the
        // same, the checks that follow see it.
        let mut scan = segment.scan(&file, self.folder, 0);
        while let Some((_, header)) = scan.next_sound()? {
            if header.last_offset() >= recovery_point || header.base_offset < active.next_offset() {
                break;
            }
            active.note_batch(&header, self.config);
        }
        let believed = next_base.is_some_and(|base_offset| base_offset <= recovery_point);
        let rest = segment.scan(&file, self.folder, active.segment.size).next();
        // Behind the last record can only be what an earlier recovery has cut off.
        let lacks = next_base.is_some_and(|base_offset| active.next_offset() < base_offset);
        if believed
            && lacks
            && let Some(Err(error)) = rest
        {
            if let StorageError::Io { .. } = error {
                return Err(error);
            }
            tracing::error!(%error, "corrupt before the recovery point; left as it is, reads of it fail");
            active.segment.size = file_size;
            return Ok((active, 0));
        }
        let mut buffer = Vec::new();
        let mut told = 0;
        let latest_epoch = |open: &OpenLog| open.epochs.latest().unwrap_or(-1);
        let reason = loop {
            let position = active.segment.size;
            if position == file_size {
                break None;
            }
            if position - told >= PROGRESS_BYTES {
                self.checked(position - told);
                told = position;
            }
            match self.read_batch(&file, position, file_size, &mut buffer) {
                Ok(Ok(header))
                    if header.base_offset < active.next_offset()
                        || !segment.can_hold(header.last_offset()) =>
                {
                    break Some(format!(
                        "offset {} follows {}",
                        header.base_offset,
                        active.next_offset()
                    ));
                }
                Ok(Ok(header))
                    if next_base.is_some_and(|base_offset| header.last_offset() >= base_offset) =>
                {
                    break Some(format!("offset {} is in the next segment", header.base_offset));
                }
                // A cut that a new leader asked for has not reached the disk, what it wrote has.
                Ok(Ok(header)) if header.partition_leader_epoch < latest_epoch(open) => {
                    break Some(format!("leader epoch {} is over", header.partition_leader_epoch));
                }
                Ok(Ok(header)) => {
                    active.note_batch(&header, self.config);
                    open.epochs
                        .assign(header.partition_leader_epoch, header.base_offset);
                }
                Ok(Err(reason)) => break Some(reason),
                Err(source) => {
                    return Err(segment.failed("read", SegmentFile::Log, self.folder, source));
                }
            }
        };
        let cut = u64::from(file_size - active.segment.size);
        self.checked(file_size - told);
        if let Some(reason) = reason {
            let path = SegmentFile::Log.path(self.folder, segment.base_offset);
            tracing::warn!(path = %path.display(), position = active.segment.size, bytes = cut, reason,
                "cutting off the end of a log that was not closed in order");
            file.set_len(u64::from(active.segment.size))
                .map_err(StorageError::io("truncate", path))?;
        }
        Ok((active, cut))
    }

    fn checked(&self, bytes: u32) {
        if let Some(progress) = self.progress {
            progress.checked(u64::from(bytes));
        }
    }

    /// Reads and checks the batch at `position`: the inner error says what is wrong with it.
    fn read_batch(
        &self,
        file: &File,
        position: u32,
        end: u32,
        buffer: &mut Vec<u8>,
    ) -> std::io::Result<std::result::Result<BatchHeader, String>> {
        let left = (end - position) as usize;
        buffer.resize(left.min(BATCH_OVERHEAD), 0);
        file.read_exact_at(buffer, u64::from(position))?;
        let size = match BatchHeader::parse(buffer) {
            Ok(header) => header.size_in_bytes(),
            Err(error) => return Ok(Err(error.to_string())),
        };
        if size > left {
            return Ok(Err(format!("a batch of {size} bytes is cut off after {left}")));
        }
        buffer.resize(size, 0);
        file.read_exact_at(buffer, u64::from(position))?;
        let checked = Batch::parse(buffer).and_then(|batch| batch.verify_crc().map(|()| batch.header));
        Ok(checked.map_err(|error| error.to_string()).and_then(|header| {
            if header.last_offset_delta < 0 {
                Err("the last offset delta is negative".to_owned())
            } else {
                Ok(header)
            }
        }))
    }

    /// The leader epochs as their checkpoint has them. What it says of records behind the recovery point may have been lost
    /// with them, or said of others: recovery reads it from the records. The second value is the checkpoint's content.
    fn read_epochs(&self, segments: &[Segment], trust: Trust) -> Result<(LeaderEpochs, Vec<EpochEntry>)> {
        let read = match LeaderEpochs::read(self.folder) {
            Err(error @ StorageError::Corrupt { .. }) => {
                tracing::warn!(%error, "rebuilding the leader epochs from the log");
                None
            }
            read => Some(read?),
        };
        let noted = read
            .as_ref()
            .map(|epochs| epochs.entries().to_vec())
            .unwrap_or_default();
        let Trust::UpTo(recovery_point) = trust else {
            let epochs = read.map_or_else(|| self.epochs_of(segments), Ok)?;
            return Ok((epochs, noted));
        };
        // Records that were to be deleted are back if their log's new start was not noted in time.
        let oldest = segments.first().map_or(i64::MAX, |segment| segment.base_offset);
        let begins = noted.first().map_or(i64::MAX, |entry| entry.start_offset);
        let mut epochs = match read {
            Some(epochs) if begins.min(recovery_point) <= oldest => epochs,
            _ => self.epochs_of(segments)?,
        };
        epochs.truncate_from_end(recovery_point);
        Ok((epochs, noted))
    }

    fn epochs_of(&self, segments: &[Segment]) -> Result<LeaderEpochs> {
        let mut epochs = LeaderEpochs::default();
        for segment in segments {
            let file = segment.log_file(self.folder)?;
            // Recovery deals with the first batch that can't be read.
            let mut scan = segment.scan(&file, self.folder, 0);
            while let Some((_, header)) = scan.next_sound()? {
                if epochs
                    .latest()
                    .is_none_or(|latest| header.partition_leader_epoch > latest)
                {
                    epochs.assign(header.partition_leader_epoch, header.base_offset);
                }
            }
        }
        Ok(epochs)
    }

    /// The producers as of the log's end: the latest snapshot and the batches behind it. The transaction indexes of
    /// segments from `rebuild_from` on are written anew.
    pub fn load_producers(&self, open: &mut OpenLog, log_end_offset: i64, rebuild_from: usize) -> Result<()> {
        let snapshot = open.snapshots.read_latest(self.folder, log_end_offset)?;
        let (from_offset, entries) = snapshot.unwrap_or((self.log_start_offset, Vec::new()));
        let mut producers = ProducerState::load(entries);
        if from_offset < log_end_offset {
            for index in open.segment_of(from_offset)..open.segment_count() {
                let rebuild = index >= rebuild_from;
                let any = self.replay(open, index, from_offset, rebuild, &mut producers)?;
                open.segment_mut(index).has_aborted |= any;
            }
        }
        open.producers = producers;
        Ok(())
    }

    /// Feeds the producers with a segment's batches; answers whether the transaction index got entries.
    fn replay(
        &self,
        open: &OpenLog,
        index: usize,
        from_offset: i64,
        rebuild: bool,
        producers: &mut ProducerState,
    ) -> Result<bool> {
        let segment = open.segment(index);
        let Some((position, _)) = open.find_batch(index, from_offset)? else {
            return Ok(false);
        };
        let file = segment.log_file(self.folder)?;
        let mut any_aborted = false;
        for batch in segment.scan(&file, self.folder, position) {
            let (position, header) = batch?;
            if !header.has_producer_id() || header.last_offset() < from_offset {
                continue;
            }
            let mut payload = Vec::new();
            if header.is_control() {
                payload.resize(header.size_in_bytes() - BATCH_OVERHEAD, 0);
                file.read_exact_at(&mut payload, u64::from(position) + BATCH_OVERHEAD as u64)
                    .map_err(|source| segment.failed("read", SegmentFile::Log, self.folder, source))?;
            }
            producers.stage(&header, &payload, AppendOrigin::Replication)?;
            let mut aborted = Vec::new();
            producers.commit(|txn| aborted.push(txn));
            for txn in aborted.iter().filter(|_| rebuild) {
                txn_index::append(self.folder, segment.base_offset, txn)?;
                any_aborted = true;
            }
        }
        Ok(any_aborted)
    }
}
