//! Opening a log's folder: after a clean pause, or by recovery of all that may not have reached the disk.
//! The check is in [`super::recovery`].

use std::sync::Arc;

use barnabas_protocol::records::BATCH_OVERHEAD;

use super::open::OpenLog;
use super::snapshots::Snapshots;
use super::types::AppendOrigin;
use crate::checkpoint::{EpochEntry, LeaderEpochs};
use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;
use crate::log_config::LogConfig;
use crate::log_dir::recovery::Progress;
use crate::open_files::OpenFiles;
use crate::producer_state::ProducerState;
use crate::segment::{ActiveSegment, Segment};
use crate::txn_index;

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
    /// From where on recovery has found offsets missing.
    pub lost_from: Option<i64>,
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
        let (truncated_bytes, lost_from) = match trust {
            Trust::UpTo(recovery_point) => self.recover(&mut open, segments, recovery_point)?,
            Trust::All => {
                if let Some(last) = segments.pop() {
                    for segment in segments {
                        open.closed.push(self.closed_segment(segment)?);
                    }
                    open.active = self.trusted_active(last)?;
                }
                (0, None)
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
                // Aborted transactions that a younger snapshot is past would not get into the transaction
                // index again.
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
            lost_from,
        })
    }

    /// What is in the folder. Left-over temporary files are removed, segments that were being replaced are
    /// so.
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
    pub(super) fn closed_segment(&self, segment: Segment) -> Result<Segment> {
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

    /// The leader epochs as their checkpoint has them. What it says of records behind the recovery point may
    /// have been lost with them, or said of others: recovery reads it from the records. The second value is
    /// the checkpoint's content.
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

    /// The leader epochs as the batches of `segments` tell of them.
    pub(super) fn epochs_of<'s>(
        &self,
        segments: impl IntoIterator<Item = &'s Segment>,
    ) -> Result<LeaderEpochs> {
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

    /// The producers as of the log's end: the latest snapshot and the batches behind it. The transaction
    /// indexes of segments from `rebuild_from` on are written anew.
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
