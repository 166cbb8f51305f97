//! A log whose files are in use: its segments, leader epochs and producers.
//!
//! Invariants: there is always an active segment; base offsets rise; every batch in memory's accounts lies
//! whole in a file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_protocol::records::BatchHeader;

use super::recent_aborts::RecentAborts;
use super::snapshots::Snapshots;
use crate::checkpoint::{LeaderEpochs, leader_epochs_path, partition_metadata_path};
use crate::disk::{File, Folder};
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::index::TimeEntry;
use crate::layout::SegmentFile;
use crate::log_config::LogConfig;
use crate::open_files::OpenFiles;
use crate::producer_state::ProducerState;
use crate::segment::{ActiveSegment, Segment};
use crate::txn_index;

/// The files of a log and what is known of them.
#[derive(Debug)]
pub struct OpenLog {
    pub(super) folder: Folder,
    pub(super) files: Arc<OpenFiles>,
    /// All segments but the last, oldest first.
    pub(super) closed: Vec<Segment>,
    pub(super) active: ActiveSegment,
    pub(super) epochs: LeaderEpochs,
    /// The newest epoch is not in its checkpoint yet.
    pub(super) epochs_unsaved: bool,
    /// The epochs' checkpoint was written, and not synced for a stop in order.
    pub(super) epochs_unsynced: bool,
    pub(super) producers: ProducerState,
    pub(super) snapshots: Snapshots,
    pub(super) recent_aborts: RecentAborts,
    /// File names or the epochs changed since the folder was last synced.
    pub(super) folder_unsynced: bool,
}

impl OpenLog {
    /// The files of a log without records. Creates nothing.
    pub fn empty(folder: Folder, files: Arc<OpenFiles>, base_offset: i64) -> Self {
        OpenLog {
            active: ActiveSegment::new(base_offset, &files),
            folder,
            files,
            closed: Vec::new(),
            epochs: LeaderEpochs::default(),
            epochs_unsaved: false,
            epochs_unsynced: false,
            producers: ProducerState::default(),
            snapshots: Snapshots::default(),
            recent_aborts: RecentAborts::default(),
            folder_unsynced: true,
        }
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.closed.len() + 1
    }

    /// A segment; the last one is active.
    pub fn segment(&self, index: usize) -> &Segment {
        self.closed.get(index).unwrap_or(&self.active.segment)
    }

    /// A segment, to be changed.
    pub fn segment_mut(&mut self, index: usize) -> &mut Segment {
        self.closed.get_mut(index).unwrap_or(&mut self.active.segment)
    }

    /// The segment that holds `offset` if any does: the last whose base offset is not above it.
    pub fn segment_of(&self, offset: i64) -> usize {
        if self.active.segment.base_offset <= offset {
            return self.closed.len();
        }
        self.closed
            .partition_point(|segment| segment.base_offset <= offset)
            .saturating_sub(1)
    }

    /// The first segment of which not everything is on disk when all records before `recovery_point` are: the
    /// one that holds the last of them. It may have been closed after they were flushed, its indexes not.
    pub fn first_unsure(&self, recovery_point: i64) -> usize {
        self.segment_of(recovery_point.saturating_sub(1))
    }

    /// Size of all segments in bytes.
    pub fn size_bytes(&self) -> u64 {
        (0..self.segment_count())
            .map(|index| u64::from(self.segment(index).size))
            .sum()
    }

    /// Position and header of the first batch in a segment whose last offset is at least `offset`.
    pub fn find_batch(&self, index: usize, offset: i64) -> Result<Option<(u32, BatchHeader)>> {
        let floor = match self.closed.get(index) {
            Some(segment) => segment.floor(&self.folder, offset)?,
            None => self.active.floor(offset),
        };
        self.segment(index).find_from(&self.folder, floor, offset)
    }

    /// Position of that batch, found without IO when the batch begins at `offset` and is one of the last.
    pub fn find_position(&self, index: usize, offset: i64) -> Result<Option<u32>> {
        if index == self.closed.len()
            && let Some(position) = self.active.recent_position(offset)
        {
            return Ok(Some(position));
        }
        Ok(self.find_batch(index, offset)?.map(|(position, _)| position))
    }

    /// The largest timestamp of a segment.
    pub fn max_timestamp(&self, index: usize) -> Result<Option<TimeEntry>> {
        match self.closed.get(index) {
            Some(segment) => segment.max_timestamp(&self.folder),
            None => Ok(self.active.max_timestamp()),
        }
    }

    /// The last time index entry of a segment that is not after `timestamp_ms`.
    pub fn floor_time(&self, index: usize, timestamp_ms: i64) -> Result<Option<TimeEntry>> {
        match self.closed.get(index) {
            Some(segment) => segment.floor_time(&self.folder, timestamp_ms),
            None => Ok(self.active.floor_time(timestamp_ms)),
        }
    }

    /// Closes the active segment and begins one at `base_offset`, with a snapshot of the producers.
    pub fn roll(&mut self, base_offset: i64, config: &LogConfig) -> Result<()> {
        self.active.finish(&self.folder, config)?;
        self.snapshots.write(&self.folder, base_offset, &self.producers)?;
        if self.active.segment.size == 0 && self.active.segment.base_offset == base_offset {
            return Ok(());
        }
        let next = ActiveSegment::new(base_offset, &self.files);
        next.segment.log_file(&self.folder)?;
        let full = std::mem::replace(&mut self.active, next);
        self.closed.push(full.segment);
        self.folder_unsynced = true;
        Ok(())
    }

    /// Makes the staged changes of the producers; aborted transactions go into the transaction index.
    pub fn commit_producers(&mut self) -> Result<()> {
        let (folder, segment, recent) = (&self.folder, &mut self.active.segment, &mut self.recent_aborts);
        let mut indexed = Ok(());
        self.producers.commit(|aborted| {
            if indexed.is_ok() {
                indexed = txn_index::append(folder, segment.base_offset, &aborted);
                segment.has_aborted = true;
                recent.appended(segment.base_offset, aborted);
            }
        });
        indexed
    }

    /// Notes a leader epoch, on disk too if it is new.
    pub fn assign_epoch(&mut self, epoch: i32, start_offset: i64) -> Result<()> {
        if self.epochs.assign(epoch, start_offset) || self.epochs_unsaved {
            self.write_epochs()?;
        }
        Ok(())
    }

    /// Writes `leader-epoch-checkpoint`; the next flush makes it durable.
    pub fn write_epochs(&mut self) -> Result<()> {
        (self.folder_unsynced, self.epochs_unsaved) = (true, true);
        self.epochs_unsynced = true;
        self.epochs.write(&self.folder, Durability::PageCache)?;
        self.epochs_unsaved = false;
        Ok(())
    }

    /// The folder, whose names must be durable, and the small files beside the segments; nothing if they are
    /// already, and no flush that makes them so is `in_flight`.
    pub fn folder_to_sync(&mut self, in_flight: bool) -> Result<Vec<(PathBuf, Arc<File>)>> {
        let mut files = Vec::new();
        if self.epochs_unsaved {
            self.write_epochs()?;
        }
        if self.folder_unsynced || in_flight {
            let small = [
                leader_epochs_path(&self.folder),
                partition_metadata_path(&self.folder),
            ];
            let log_dir = self.folder.parent().map(Path::to_owned);
            for path in small
                .into_iter()
                .chain([self.folder.to_path_buf()])
                .chain(log_dir)
            {
                match self.folder.disk().open_existing(&path) {
                    Ok(file) => files.push((path, Arc::new(file))),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(StorageError::io("open", path)(error)),
                }
            }
        }
        self.folder_unsynced = false;
        Ok(files)
    }

    /// Writes what is only in memory, so that a later open need not scan the log.
    pub fn save(&mut self, config: &LogConfig, log_end_offset: i64) -> Result<()> {
        self.active.finish(&self.folder, config)?;
        self.snapshots
            .write(&self.folder, log_end_offset, &self.producers)?;
        let stray = stray_snapshots(&self.closed, &self.active);
        self.snapshots
            .remove_where(&self.folder, |offset| offset != log_end_offset && stray(offset))
    }

    /// Deletes the files of a segment.
    pub fn remove_files(folder: &Folder, base_offset: i64) -> Result<()> {
        for kind in SegmentFile::ALL {
            folder.disk().remove_optional(&kind.path(folder, base_offset))?;
        }
        Ok(())
    }
}

/// A snapshot belongs to a segment or to the log's end at its last pause; others are left over.
fn stray_snapshots<'a>(closed: &'a [Segment], active: &'a ActiveSegment) -> impl Fn(i64) -> bool + 'a {
    move |offset| {
        active.segment.base_offset != offset
            && closed
                .binary_search_by_key(&offset, |segment| segment.base_offset)
                .is_err()
    }
}
