//! Recovery of a log that was not closed in order.
//!
//! It believes what lies before the recovery point and checks every batch behind it. The first that is torn
//! or wrong ends the log: it and all behind it is cut off with a warning, as Apache Kafka does. Where a
//! segment ends before the next begins, what follows is kept, and where it ends is remembered: a follower
//! fetches from there again ([`Log::lost_from`](super::Log::lost_from)).

use barnabas_protocol::records::{BATCH_OVERHEAD, Batch, BatchHeader};

use super::load::Loader;
use super::open::OpenLog;
use super::told_epochs::ToldEpochs;
use crate::disk::File;
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;
use crate::segment::{ActiveSegment, Segment};

/// How often recovery tells how far it is in a segment: a large one on a slow disk takes long.
const PROGRESS_BYTES: u32 = 16 << 20;

const NEGATIVE: &str = "the last offset delta is negative";

/// Whether the last offset lies before the first: it would pass for one before the recovery point.
fn ends_before_it_begins(header: &BatchHeader) -> bool {
    header.last_offset() < header.base_offset
}

impl Loader<'_> {
    /// Checks all from the recovery point on. Answers how many bytes had to be cut off, and from where on
    /// offsets are missing between segments.
    pub(super) fn recover(
        &self,
        open: &mut OpenLog,
        segments: Vec<Segment>,
        recovery_point: i64,
    ) -> Result<(u64, Option<i64>)> {
        let first = segments
            .partition_point(|segment| segment.base_offset < recovery_point)
            .saturating_sub(1);
        let count = segments.len();
        let (mut truncated_bytes, mut lost_from) = (0, None);
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
                    lost_from.get_or_insert(expected);
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
        Ok((truncated_bytes, lost_from))
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
        // What was flushed is believed, but its indexes need not have reached the disk. Should a header be
        // wrong all the same, the checks that follow see it.
        let mut scan = segment.scan(&file, self.folder, 0);
        let mut told_epochs = ToldEpochs::new(self.log_start_offset);
        while let Some((_, header)) = scan.next_sound()? {
            if ends_before_it_begins(&header) || header.base_offset < active.next_offset() {
                break;
            }
            told_epochs.note(&header);
            if header.last_offset() >= recovery_point {
                break;
            }
            told_epochs.compare(&header, &open.epochs);
            active.note_batch(&header, self.config);
        }
        if told_epochs.refute_checkpoint() {
            tracing::warn!(folder = %self.folder.display(), noted = ?open.epochs.entries(),
                "the leader epochs are not those of the log's batches; rebuilding them");
            open.epochs = self.epochs_of(open.closed.iter().chain([&segment]))?;
            open.epochs.truncate_from_end(recovery_point);
        }
        let believed = next_base.is_some_and(|base_offset| base_offset <= recovery_point);
        let mut rest = segment.scan(&file, self.folder, active.segment.size);
        let wrong = match rest.next() {
            Some(Err(error @ StorageError::Io { .. })) => return Err(error),
            Some(Err(error)) => Some(error.to_string()),
            Some(Ok((_, header))) if ends_before_it_begins(&header) => Some(NEGATIVE.to_owned()),
            _ => None,
        };
        // Behind the last record can only be what an earlier recovery has cut off.
        let lacks = next_base.is_some_and(|base_offset| active.next_offset() < base_offset);
        if believed
            && lacks
            && let Some(reason) = wrong
        {
            tracing::error!(folder = %self.folder.display(), base_offset = segment.base_offset,
                position = active.segment.size, reason,
                "corrupt before the recovery point; left as it is, reads of it fail");
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
            if ends_before_it_begins(&header) {
                Err(NEGATIVE.to_owned())
            } else {
                Ok(header)
            }
        }))
    }
}
