//! Which part of a log can be cleaned, how much it needs it, and which segments become one
//! (`LogCleanerManager`, `Cleaner.groupSegmentsBySize` in Apache Kafka). Pure.
//!
//! ```text
//!  log start          first dirty         first uncleanable          active     end
//!  | cleaned before   | cleaned next      | too young, undecided     |          |
//! ```

use std::sync::Arc;

use crate::log_config::LogConfig;

/// A segment, as far as the plan goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its first possible offset.
    pub base_offset: i64,
    /// Size of its log file.
    pub size: u32,
    /// It has a transaction index.
    pub has_aborted: bool,
}

/// A log at one moment.
#[derive(Clone, Debug)]
pub struct LogFacts {
    /// All segments, oldest first; the last one is active. There is at least one.
    pub segments: Vec<SegmentFacts>,
    /// First readable offset.
    pub log_start_offset: i64,
    /// Offset after the last record.
    pub log_end_offset: i64,
    /// All before is decided and replicated.
    pub last_stable_offset: i64,
    /// The settings in effect.
    pub config: Arc<LogConfig>,
}

/// What can be cleaned of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanable {
    /// Where the dirty part begins.
    pub first_dirty_offset: i64,
    /// Where the cleanable part ends: the start of a segment.
    pub first_uncleanable_offset: i64,
    /// The checkpoint was outside of the log and is to be replaced by `first_dirty_offset`.
    pub checkpoint_invalid: bool,
    /// Bytes that were cleaned before.
    pub clean_bytes: u64,
    /// Dirty bytes that can be cleaned.
    pub cleanable_bytes: u64,
    /// `max.compaction.lag.ms` is over for some of the dirty part.
    pub overdue: bool,
}

/// The times that a plan needs of segments, which may have to be read from files (ms).
pub trait SegmentTimes {
    /// Why they can't be told.
    type Error;
    /// The largest timestamp of a segment's records, or when it was last written to.
    fn largest_timestamp(&mut self, segment: &SegmentFacts) -> Result<i64, Self::Error>;
    /// The largest timestamp of a segment's first batch.
    fn first_timestamp(&mut self, segment: &SegmentFacts) -> Result<Option<i64>, Self::Error>;
}

impl LogFacts {
    /// Where the active segment begins.
    pub fn active_base_offset(&self) -> i64 {
        self.segments.last().map_or(0, |segment| segment.base_offset)
    }

    /// The part that can be cleaned, after the last cleaning came to `checkpoint`.
    ///
    /// # Errors
    /// Those of `times`.
    pub fn cleanable<T: SegmentTimes>(
        &self,
        checkpoint: Option<i64>,
        now_ms: i64,
        times: &mut T,
    ) -> Result<Cleanable, T::Error> {
        let checkpoint = checkpoint.unwrap_or(self.log_start_offset);
        let checkpoint_invalid = !(self.log_start_offset..=self.log_end_offset).contains(&checkpoint);
        let first_dirty_offset = if checkpoint_invalid {
            self.log_start_offset
        } else {
            checkpoint
        };
        let dirty = self.closed_from(first_dirty_offset);
        let mut first_uncleanable_offset = self.last_stable_offset.min(self.active_base_offset());
        let min_lag_ms = self.config.min_compaction_lag_ms;
        if min_lag_ms > 0 {
            for segment in dirty {
                if times.largest_timestamp(segment)? > now_ms.saturating_sub(min_lag_ms) {
                    first_uncleanable_offset = first_uncleanable_offset.min(segment.base_offset);
                    break;
                }
            }
        }
        let mut overdue = false;
        let max_lag_ms = self.config.max_compaction_lag_ms.max(0);
        if max_lag_ms < i64::MAX {
            let due_ms = now_ms.saturating_sub(max_lag_ms);
            for segment in dirty {
                overdue |= times
                    .first_timestamp(segment)?
                    .is_some_and(|first_ms| first_ms > 0 && first_ms < due_ms);
            }
        }
        let first_uncleanable_offset = first_uncleanable_offset.max(first_dirty_offset);
        let bytes = |segments: &[SegmentFacts]| segments.iter().map(|s| u64::from(s.size)).sum();
        let clean_bytes: u64 = bytes(self.below(first_dirty_offset));
        // Whole segments are cleaned: one with undecided records must not outdate others.
        let uncleanable = match self.closed_from(first_uncleanable_offset).first() {
            Some(segment) => segment.base_offset,
            None => self.active_base_offset(),
        };
        let from = self.holding(first_dirty_offset.min(uncleanable));
        let to = self.segments.partition_point(|s| s.base_offset < uncleanable);
        Ok(Cleanable {
            first_dirty_offset,
            first_uncleanable_offset: uncleanable,
            checkpoint_invalid,
            clean_bytes,
            cleanable_bytes: bytes(self.segments.get(from..to).unwrap_or_default()),
            overdue,
        })
    }

    /// The segments that can hold offsets below `end`, the first of them the log's first.
    pub fn below(&self, end: i64) -> &[SegmentFacts] {
        let count = self.segments.partition_point(|segment| segment.base_offset < end);
        self.segments.get(..count).unwrap_or_default()
    }

    /// The segments that can hold offsets in `start..end`.
    pub fn between(&self, start: i64, end: i64) -> &[SegmentFacts] {
        let below = self.below(end);
        below
            .get(self.holding(start).min(below.len())..)
            .unwrap_or_default()
    }

    /// All but the active segment, from the one that holds `offset` on.
    fn closed_from(&self, offset: i64) -> &[SegmentFacts] {
        let closed = self.segments.len().saturating_sub(1);
        self.segments
            .get(self.holding(offset).min(closed)..closed)
            .unwrap_or_default()
    }

    fn holding(&self, offset: i64) -> usize {
        self.segments
            .partition_point(|segment| segment.base_offset <= offset)
            .saturating_sub(1)
    }
}

impl Cleanable {
    /// How much of what a cleaning would read is dirty, 0 to 1.
    pub fn ratio(&self) -> f64 {
        let all = self.clean_bytes + self.cleanable_bytes;
        if all == 0 {
            return 0.0;
        }
        self.cleanable_bytes as f64 / all as f64
    }

    /// Whether the log is to be cleaned now.
    pub fn is_due(&self, config: &LogConfig) -> bool {
        (self.overdue && self.cleanable_bytes > 0) || self.ratio() > config.min_cleanable_dirty_ratio
    }
}

/// A segment with the sizes that grouping goes by.
#[derive(Clone, Copy, Debug)]
pub struct SegmentSizes {
    /// The segment.
    pub facts: SegmentFacts,
    /// Bytes of its offset index.
    pub index_bytes: u64,
    /// Bytes of its time index.
    pub time_index_bytes: u64,
}

/// Joins neighbours into groups, each of which becomes one segment: no larger than `segment.bytes`, with
/// indexes no larger than `segment.index.bytes` and offsets that an index can express.
pub fn group(
    segments: &[SegmentSizes],
    config: &LogConfig,
    first_uncleanable_offset: i64,
) -> Vec<Vec<SegmentFacts>> {
    let max_index_bytes = u64::from(config.segment_index_bytes);
    let mut groups: Vec<Vec<SegmentFacts>> = Vec::new();
    let (mut log_bytes, mut index_bytes, mut time_index_bytes) = (0u64, 0, 0);
    for (place, next) in segments.iter().enumerate() {
        // The next segment's start bounds the offsets of this one.
        let last_offset = segments
            .get(place + 1)
            .map_or(first_uncleanable_offset, |after| after.facts.base_offset)
            - 1;
        let size = u64::from(next.facts.size);
        match groups.last_mut() {
            Some(group)
                if log_bytes + size <= u64::from(config.segment_bytes)
                    && index_bytes + next.index_bytes <= max_index_bytes
                    && time_index_bytes + next.time_index_bytes <= max_index_bytes
                    && (size == 0
                        || group
                            .first()
                            .is_none_or(|first| last_offset - first.base_offset <= i64::from(i32::MAX))) =>
            {
                group.push(next.facts);
                log_bytes += size;
                index_bytes += next.index_bytes;
                time_index_bytes += next.time_index_bytes;
            }
            _ => {
                groups.push(vec![next.facts]);
                (log_bytes, index_bytes, time_index_bytes) = (size, next.index_bytes, next.time_index_bytes);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Base offset to (first, largest) timestamp: the segment at offset n begins at n and ends at n + 9.
    struct Times;

    impl SegmentTimes for Times {
        type Error = ();

        fn largest_timestamp(&mut self, segment: &SegmentFacts) -> Result<i64, ()> {
            Ok(segment.base_offset + 9)
        }

        fn first_timestamp(&mut self, segment: &SegmentFacts) -> Result<Option<i64>, ()> {
            Ok(Some(segment.base_offset))
        }
    }

    /// Segments of 10 records and 100 bytes each, from `start` to `end`; the last one is active.
    fn facts(start: i64, end: i64, last_stable_offset: i64, config: LogConfig) -> LogFacts {
        let segment = |base_offset| SegmentFacts {
            base_offset,
            size: 100,
            has_aborted: false,
        };
        LogFacts {
            segments: (start..end).step_by(10).map(segment).collect(),
            log_start_offset: start,
            log_end_offset: end,
            last_stable_offset,
            config: Arc::new(config),
        }
    }

    #[test]
    fn the_cleanable_part_ends_before_the_active_segment_the_undecided_and_the_young() {
        // (checkpoint, last stable, min lag) -> (first dirty, first uncleanable, invalid, clean bytes,
        // cleanable bytes)
        let cases = [
            ((None, 100, 0), (0, 90, false, 0, 900)),
            ((Some(30), 100, 0), (30, 90, false, 300, 600)),
            ((Some(35), 100, 0), (35, 90, false, 400, 600)),
            ((Some(100), 100, 0), (100, 90, false, 1000, 0)),
            ((Some(101), 100, 0), (0, 90, true, 0, 900)),
            ((Some(-1), 100, 0), (0, 90, true, 0, 900)),
            ((Some(30), 55, 0), (30, 50, false, 300, 200)),
            ((Some(60), 55, 0), (60, 60, false, 600, 0)),
            ((Some(55), 52, 0), (55, 50, false, 600, 0)),
            // At 100, records of 81 and later are too young.
            ((Some(30), 100, 20), (30, 80, false, 300, 500)),
            ((Some(30), 100, 1000), (30, 30, false, 300, 0)),
        ];
        for ((checkpoint, last_stable_offset, min_compaction_lag_ms), expected) in cases {
            let config = LogConfig {
                min_compaction_lag_ms,
                ..LogConfig::default()
            };
            let found = facts(0, 100, last_stable_offset, config)
                .cleanable(checkpoint, 100, &mut Times)
                .unwrap();
            let found = (
                found.first_dirty_offset,
                found.first_uncleanable_offset,
                found.checkpoint_invalid,
                found.clean_bytes,
                found.cleanable_bytes,
            );
            assert_eq!(
                found, expected,
                "{checkpoint:?} {last_stable_offset} {min_compaction_lag_ms}"
            );
        }
    }

    #[test]
    fn a_log_is_due_by_its_ratio_or_when_the_lag_is_over() {
        // (checkpoint, max lag) -> (overdue, due)
        let cases = [
            ((None, i64::MAX), (false, true)),
            ((Some(30), i64::MAX), (false, true)),
            ((Some(50), i64::MAX), (false, false)),
            ((Some(50), 49), (true, true)),
            ((Some(50), 50), (false, false)),
            ((Some(100), 1), (false, false)),
        ];
        for ((checkpoint, max_compaction_lag_ms), expected) in cases {
            let config = LogConfig {
                max_compaction_lag_ms,
                ..LogConfig::default()
            };
            let facts = facts(0, 100, 100, config);
            let found = facts.cleanable(checkpoint, 100, &mut Times).unwrap();
            let found = (found.overdue, found.is_due(&facts.config));
            assert_eq!(found, expected, "{checkpoint:?} {max_compaction_lag_ms}");
        }
    }

    #[test]
    fn nothing_is_due_in_a_log_of_one_segment() {
        let facts = facts(0, 10, 10, LogConfig::default());
        let found = facts.cleanable(None, 100, &mut Times).unwrap();
        assert_eq!((found.cleanable_bytes, found.is_due(&facts.config)), (0, false));
    }

    #[test]
    fn groups_keep_to_all_limits() {
        let config = LogConfig {
            segment_bytes: 100,
            segment_index_bytes: 40,
            ..LogConfig::default()
        };
        const FAR: i64 = i32::MAX as i64;
        // (base offset, log, index, time index) ...; first uncleanable; sizes of the groups
        type Case<'a> = (&'a [(i64, u32, u64, u64)], i64, &'a [usize]);
        let cases: &[Case<'_>] = &[
            (&[], 0, &[]),
            (&[(0, 50, 0, 0), (10, 50, 0, 0), (20, 1, 0, 0)], 30, &[2, 1]),
            (&[(0, 500, 0, 0), (10, 500, 0, 0)], 30, &[1, 1]),
            (&[(0, 1, 30, 0), (10, 1, 10, 0), (20, 1, 8, 0)], 30, &[2, 1]),
            (&[(0, 1, 0, 30), (10, 1, 0, 12), (20, 1, 0, 12)], 30, &[1, 2]),
            (&[(0, 1, 0, 0), (10, 1, 0, 0)], FAR + 1, &[2]),
            (&[(0, 1, 0, 0), (10, 1, 0, 0)], FAR + 2, &[1, 1]),
            (&[(0, 1, 0, 0), (10, 0, 0, 0)], FAR + 2, &[2]),
            (&[(0, 0, 0, 0), (10, 1, 0, 0), (FAR, 1, 0, 0)], FAR + 9, &[2, 1]),
        ];
        for (segments, first_uncleanable_offset, expected) in cases {
            let sizes: Vec<SegmentSizes> = segments
                .iter()
                .map(
                    |&(base_offset, size, index_bytes, time_index_bytes)| SegmentSizes {
                        facts: SegmentFacts {
                            base_offset,
                            size,
                            has_aborted: false,
                        },
                        index_bytes,
                        time_index_bytes,
                    },
                )
                .collect();
            let groups = group(&sizes, &config, *first_uncleanable_offset);
            let found: Vec<usize> = groups.iter().map(Vec::len).collect();
            assert_eq!(found, *expected, "{segments:?}");
        }
    }
}
