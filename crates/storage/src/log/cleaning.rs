//! What the cleaner asks of a log, under the partition's lock: what there is, who its producers are, and to
//! be told when to give up. It does its work beside the lock; see [`crate::cleaner`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Log, State};
use crate::cleaner::{LastBatch, LastBatches, LogFacts, SegmentFacts};
use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;

/// A log's consent to be cleaned. While it lives the log stays open, so that nobody takes the cleaner's files
/// for left over ones, and no other cleaning may begin.
#[derive(Debug)]
pub struct CleaningHold {
    aborted: Arc<AtomicBool>,
    folder: Folder,
}

impl CleaningHold {
    /// The partition's folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// # Errors
    /// `CleaningAborted` once the log wants the cleaning to end.
    pub fn check(&self) -> Result<()> {
        if self.aborted.load(Ordering::Relaxed) {
            Err(self.aborted())
        } else {
            Ok(())
        }
    }

    /// The error of a cleaning that is given up.
    pub fn aborted(&self) -> StorageError {
        StorageError::CleaningAborted {
            path: self.folder.to_path_buf(),
        }
    }
}

/// The segments in a folder, oldest first.
fn list(folder: &Folder) -> Result<Vec<SegmentFacts>> {
    let (mut segments, mut with_aborted) = (Vec::new(), Vec::new());
    for entry in folder.list()? {
        match entry.name.to_str().and_then(SegmentFile::parse) {
            Some((SegmentFile::Log, base_offset)) => {
                let size = folder.file_bytes(&entry.name)?;
                segments.push(SegmentFacts {
                    base_offset,
                    size: u32::try_from(size).unwrap_or(u32::MAX),
                    has_aborted: false,
                });
            }
            Some((SegmentFile::TxnIndex, base_offset)) => with_aborted.push(base_offset),
            _ => {}
        }
    }
    segments.sort_unstable_by_key(|segment| segment.base_offset);
    for segment in &mut segments {
        segment.has_aborted = with_aborted.contains(&segment.base_offset);
    }
    Ok(segments)
}

impl Log {
    /// What a plan of a cleaning goes by; `None` for a log without a folder. A closed log stays closed: its
    /// folder is looked at.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn cleaning_facts(&self, high_watermark: i64) -> Result<Option<LogFacts>> {
        let segments = match &self.state {
            State::Absent => return Ok(None),
            State::Offline => return Err(self.offline()),
            State::Closed => list(&self.folder())?,
            State::Open(open) => (0..open.segment_count())
                .map(|index| {
                    let segment = open.segment(index);
                    SegmentFacts {
                        base_offset: segment.base_offset,
                        size: segment.size,
                        has_aborted: segment.has_aborted,
                    }
                })
                .collect(),
        };
        Ok(Some(LogFacts {
            segments,
            log_start_offset: self.log_start_offset,
            log_end_offset: self.log_end_offset,
            last_stable_offset: self.last_stable_offset(high_watermark),
            config: self.config.clone(),
        }))
    }

    /// Whether the log's files are out of use.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed | State::Absent)
    }

    /// Begins a cleaning; `None` while another one runs, and for a log without a folder.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn begin_cleaning(&mut self) -> Result<Option<CleaningHold>> {
        if self.is_being_cleaned() || self.open()?.is_none() {
            return Ok(None);
        }
        let aborted = Arc::new(AtomicBool::new(false));
        self.cleaning = Arc::downgrade(&aborted);
        Ok(Some(CleaningHold {
            aborted,
            folder: self.folder(),
        }))
    }

    /// Whether a cleaning runs. Retention leaves the log alone meanwhile.
    pub fn is_being_cleaned(&self) -> bool {
        self.cleaning.strong_count() > 0
    }

    /// Tells a cleaning that runs to end without another change to the log.
    pub fn abort_cleaning(&mut self) {
        if let Some(aborted) = self.cleaning.upgrade() {
            aborted.store(true, Ordering::Relaxed);
        }
    }

    /// The last batches of all producers that are known.
    pub(crate) fn last_batches(&self) -> LastBatches {
        let State::Open(open) = &self.state else {
            return LastBatches::default();
        };
        let last = |entry: &crate::ProducerEntry| {
            let last = LastBatch {
                last_data_offset: entry.batches().last().map(|batch| batch.last_offset),
                producer_epoch: entry.producer_epoch,
            };
            (entry.producer_id, last)
        };
        open.producers.entries().map(last).collect()
    }
}
