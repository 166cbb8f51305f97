//! Removing a log's oldest segments, in three steps so that the partition's lock is held for moments only.
//!
//! 1. [`Log::retention_check`] notes what there is, under the lock.
//! 2. [`RetentionCheck::judge`] decides beside it; it may have to read the segments' largest timestamps.
//! 3. [`Log::remove_oldest`] takes the segments out of the log, under the lock; [`RemovedSegments::mark`]
//!    renames their files beside it. The broker removes those later (see [`crate::deletion`]).
//!
//! A crash between any two steps leaves files that the next start either takes for a part of the log still,
//! and retention removes again, or finds marked.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::retention::{Breach, Doomed, RetentionRules, SegmentFacts, doomed_segments};
use super::{Log, State};
use crate::deletion;
use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::index::{IndexFile, TimeEntry};
use crate::layout::SegmentFile;
use crate::log_config::LogConfig;
use crate::segment::Segment;

/// What retention has to judge; see the module.
#[derive(Debug)]
pub struct RetentionCheck {
    folder: Folder,
    config: Arc<LogConfig>,
    /// Of an open log; those of a closed one are found in its folder.
    segments: Option<Vec<SegmentFacts>>,
    active_timestamp: Option<i64>,
    log_start_offset: i64,
    log_end_offset: i64,
    high_watermark: i64,
    log_bytes: u64,
    truncations: u32,
}

/// What [`RetentionCheck::judge`] came to.
#[derive(Debug)]
pub struct RetentionVerdict {
    /// Base offsets of the segments to remove, oldest first.
    base_offsets: Vec<i64>,
    doomed: Vec<Doomed>,
    log_end_offset: i64,
    truncations: u32,
    oldest: Option<OldestSegment>,
}

/// What is remembered of a closed log, so that the next check needs not look into its folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OldestSegment {
    facts: SegmentFacts,
    largest_timestamp: Option<i64>,
    /// The log's end then: what was appended since may be in the segment.
    log_end_offset: i64,
}

/// Segments that have left a log, but whose files still have their names.
#[derive(Debug)]
#[must_use = "the files keep their names until `mark` is called"]
pub struct RemovedSegments {
    folder: Folder,
    /// Their descriptors are closed with them, beside the lock.
    segments: Vec<Segment>,
    snapshots: Vec<i64>,
    /// Keeps the log from being closed, and opened again with these files.
    _in_flight: Arc<()>,
}

impl RetentionCheck {
    /// Decides, with `now_ms` as the time.
    ///
    /// # Errors
    /// `Io`.
    pub fn judge(&self, now_ms: i64) -> Result<RetentionVerdict> {
        let found;
        let segments = match &self.segments {
            Some(segments) => segments,
            None => {
                found = self.list()?;
                &found
            }
        };
        let mut oldest_timestamp = None;
        let mut largest_timestamp = |segment: &SegmentFacts| {
            let timestamp = match self.active_timestamp {
                Some(timestamp) if segment.is_active => timestamp,
                _ => largest_timestamp(&self.folder, segment.base_offset)?,
            };
            if timestamp > now_ms {
                let log = SegmentFile::Log.path(&self.folder, segment.base_offset);
                tracing::warn!(segment = %log.display(), timestamp, "records from the future: retention.ms keeps them");
            }
            oldest_timestamp.get_or_insert(timestamp);
            Ok(timestamp)
        };
        let doomed = doomed_segments(segments, &self.rules(now_ms), &mut largest_timestamp)?;
        let count = doomed.iter().map(|(_, count)| count).sum();
        Ok(RetentionVerdict {
            base_offsets: segments
                .iter()
                .take(count)
                .map(|facts| facts.base_offset)
                .collect(),
            doomed,
            log_end_offset: self.log_end_offset,
            truncations: self.truncations,
            oldest: segments.first().map(|&facts| OldestSegment {
                facts,
                largest_timestamp: oldest_timestamp,
                log_end_offset: self.log_end_offset,
            }),
        })
    }

    fn rules(&self, now_ms: i64) -> RetentionRules<'_> {
        RetentionRules {
            config: &self.config,
            log_start_offset: self.log_start_offset,
            high_watermark: self.high_watermark,
            log_bytes: self.log_bytes,
            now_ms,
        }
    }

    /// The segments of a closed log.
    fn list(&self) -> Result<Vec<SegmentFacts>> {
        let mut found = Vec::new();
        for entry in self.folder.list()? {
            if let Some((SegmentFile::Log, base_offset)) = entry.name.to_str().and_then(SegmentFile::parse) {
                found.push((base_offset, self.folder.file_bytes(&entry.name)?));
            }
        }
        found.sort_unstable();
        let upper_bounds = found
            .iter()
            .skip(1)
            .map(|(next, _)| *next)
            .chain([self.log_end_offset]);
        let last = found.len().saturating_sub(1);
        let facts = |(index, (&(base_offset, size_bytes), upper_bound))| SegmentFacts {
            base_offset,
            upper_bound,
            size_bytes,
            is_active: index == last,
        };
        Ok(found.iter().zip(upper_bounds).enumerate().map(facts).collect())
    }

    /// Whether what is remembered of a closed log proves that nothing has to go.
    fn is_quiet(&self, oldest: &OldestSegment, now_ms: i64) -> bool {
        let mut remembered = |_: &SegmentFacts| {
            // Without a timestamp the folder has to be looked into.
            Ok(oldest.largest_timestamp.unwrap_or(i64::MIN))
        };
        let doomed = doomed_segments(&[oldest.facts], &self.rules(now_ms), &mut remembered);
        oldest.log_end_offset == self.log_end_offset && doomed.is_ok_and(|doomed| doomed.is_empty())
    }
}

impl RetentionVerdict {
    /// Whether any segment has to go.
    pub fn is_empty(&self) -> bool {
        self.base_offsets.is_empty()
    }
}

impl RemovedSegments {
    /// Renames the files; answers their new paths, which are to be removed after `file.delete.delay.ms`.
    ///
    /// # Errors
    /// `Io`, after as many as could be.
    pub fn mark(self) -> (Vec<PathBuf>, Result<()>) {
        const FILES: [SegmentFile; 4] = [
            SegmentFile::Log,
            SegmentFile::Index,
            SegmentFile::TimeIndex,
            SegmentFile::TxnIndex,
        ];
        let mut marked = Vec::with_capacity(self.segments.len() * FILES.len());
        let mut outcome = Ok(());
        let snapshots = self
            .snapshots
            .iter()
            .map(|&offset| (offset, &[SegmentFile::Snapshot][..]));
        // The oldest first: what a crash leaves is the end of the log.
        let segments = self
            .segments
            .iter()
            .map(|segment| (segment.base_offset, &FILES[..]));
        for (base_offset, kinds) in segments.chain(snapshots) {
            match deletion::mark_deleted(&self.folder, base_offset, kinds) {
                Ok(paths) => marked.extend(paths),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        (marked, outcome)
    }
}

impl Log {
    /// What retention has to judge; `None` when there is nothing that could go.
    pub fn retention_check(&mut self, high_watermark: i64, now_ms: i64) -> Option<RetentionCheck> {
        let (segments, active_timestamp) = match &self.state {
            State::Open(open) => {
                let facts = |index| {
                    let segment = open.segment(index);
                    let is_active = index + 1 == open.segment_count();
                    SegmentFacts {
                        base_offset: segment.base_offset,
                        upper_bound: if is_active {
                            self.log_end_offset
                        } else {
                            open.segment(index + 1).base_offset
                        },
                        size_bytes: u64::from(segment.size),
                        is_active,
                    }
                };
                let segments = (0..open.segment_count()).map(facts).collect();
                (
                    Some(segments),
                    open.active.max_timestamp().map(|max| max.timestamp),
                )
            }
            State::Closed => (None, None),
            State::Absent | State::Offline => return None,
        };
        if self.is_being_cleaned() {
            return None;
        }
        let check = RetentionCheck {
            folder: self.folder(),
            config: self.config.clone(),
            segments,
            active_timestamp,
            log_start_offset: self.log_start_offset,
            log_end_offset: self.log_end_offset,
            high_watermark,
            log_bytes: self.size_bytes,
            truncations: self.truncations,
        };
        let is_quiet = |oldest| check.segments.is_none() && check.is_quiet(oldest, now_ms);
        (!self.oldest_segment.as_ref().is_some_and(is_quiet)).then_some(check)
    }

    /// Takes the doomed segments out of the log, as far as they are still its oldest; a new active segment is
    /// begun if all go. Moves the log's start.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn remove_oldest(
        &mut self,
        verdict: &RetentionVerdict,
        high_watermark: i64,
    ) -> Result<Option<RemovedSegments>> {
        if verdict.truncations != self.truncations {
            // The log was cut or has moved meanwhile.
            return Ok(None);
        }
        if verdict.is_empty() {
            self.oldest_segment = verdict.oldest;
            return Ok(None);
        }
        self.oldest_segment = None;
        let (log_end_offset, config) = (self.log_end_offset, self.config.clone());
        let Some(open) = self.open()? else { return Ok(None) };
        let is_doomed = |&(index, &base_offset): &(usize, &i64)| {
            let is_active = index + 1 == open.segment_count();
            index < open.segment_count()
                && open.segment(index).base_offset == base_offset
                && (!is_active || (log_end_offset == verdict.log_end_offset && log_end_offset > base_offset))
        };
        let count = verdict
            .base_offsets
            .iter()
            .enumerate()
            .take_while(is_doomed)
            .count();
        if count == 0 {
            return Ok(None);
        }
        if count == open.segment_count() {
            open.roll(log_end_offset, &config)?;
        }
        let start_offset = open.segment(count).base_offset;
        if start_offset > high_watermark {
            return Ok(None);
        }
        let segments: Vec<Segment> = open.closed.drain(..count).collect();
        let snapshots = open.snapshots.forget_where(|offset| {
            segments
                .binary_search_by_key(&offset, |segment| segment.base_offset)
                .is_ok()
        });
        let (folder, size_bytes) = (open.folder.clone(), open.size_bytes());
        open.folder_unsynced = true;
        self.size_bytes = size_bytes;
        self.advance_log_start_offset(start_offset, high_watermark)?;
        self.log_removal(&verdict.doomed, count);
        let in_flight = self.removing.upgrade().unwrap_or_default();
        self.removing = Arc::downgrade(&in_flight);
        Ok(Some(RemovedSegments {
            folder,
            segments,
            snapshots,
            _in_flight: in_flight,
        }))
    }

    fn log_removal(&self, doomed: &[Doomed], segments: usize) {
        let reasons: Vec<&str> = doomed
            .iter()
            .map(|(breach, _)| match breach {
                Breach::LogStart => "records before the log's start",
                Breach::Size => "retention.bytes",
                Breach::Time => "retention.ms",
            })
            .collect();
        tracing::info!(topic = %self.topic, partition = self.partition, segments,
            log_start_offset = self.log_start_offset, "removed segments: {}", reasons.join(", "));
    }
}

/// The largest record time of a segment, by the last entry of its time index; where records have no time,
/// when the file was last written.
pub fn largest_timestamp(folder: &Folder, base_offset: i64) -> Result<i64> {
    let path = SegmentFile::TimeIndex.path(folder, base_offset);
    let last = match folder.disk().open_existing(&path) {
        Ok(file) => IndexFile::new(&file).and_then(|index| index.last()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let last: Option<TimeEntry> = last.map_err(StorageError::io("read", path))?;
    if let Some(entry) = last.filter(|entry| entry.timestamp >= 0) {
        return Ok(entry.timestamp);
    }
    let path = SegmentFile::Log.path(folder, base_offset);
    let facts = folder
        .disk()
        .facts(&path)
        .map_err(StorageError::io("look at", path))?;
    let since_epoch = facts.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
