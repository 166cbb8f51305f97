//! Which of a log's oldest segments have to go: the decision, pure.
//!
//! As Apache Kafka's `deleteOldSegments`: first what lies below the log's start, then, with
//! `cleanup.policy=delete`, what exceeds `retention.bytes`, then what is older than `retention.ms`. Each pass
//! goes from the oldest segment to the first that stays. Nothing at or above the high watermark goes.

use crate::error::Result;
use crate::log_config::LogConfig;

/// What the decision knows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The offset in its name.
    pub base_offset: i64,
    /// The next segment's base offset; the log's end for the active one.
    pub upper_bound: i64,
    /// Bytes of its log file.
    pub size_bytes: u64,
    /// It is the last one.
    pub is_active: bool,
}

/// What a log is held to.
#[derive(Clone, Copy, Debug)]
pub struct RetentionRules<'a> {
    /// The topic's settings.
    pub config: &'a LogConfig,
    /// First readable offset.
    pub log_start_offset: i64,
    /// Below it all is replicated.
    pub high_watermark: i64,
    /// Bytes of all segments.
    pub log_bytes: u64,
    /// The time, ms.
    pub now_ms: i64,
}

/// Why segments go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// DeleteRecords has moved the log's start behind them.
    LogStart,
    /// `retention.bytes`.
    Size,
    /// `retention.ms`.
    Time,
}

/// So many segments go for this reason.
pub type Doomed = (Breach, usize);

/// How many of `segments` (oldest first) have to go, and why. `largest_timestamp` tells a segment's largest
/// record time; it is asked for as few as possible, since it may have to read.
///
/// # Errors
/// Those of `largest_timestamp`.
pub fn doomed_segments(
    segments: &[SegmentFacts],
    rules: &RetentionRules<'_>,
    largest_timestamp: &mut dyn FnMut(&SegmentFacts) -> Result<i64>,
) -> Result<Vec<Doomed>> {
    let mut passes = Passes {
        rest: segments,
        high_watermark: rules.high_watermark,
        doomed: Vec::new(),
    };
    passes.run(Breach::LogStart, |segment| {
        Ok(!segment.is_active && segment.upper_bound <= rules.log_start_offset)
    })?;
    if !rules.config.cleanup_delete {
        return Ok(passes.doomed);
    }
    let gone = &segments[..segments.len() - passes.rest.len()];
    let gone_bytes: u64 = gone.iter().map(|segment| segment.size_bytes).sum();
    let size_bytes = rules.log_bytes.saturating_sub(gone_bytes);
    let limit = u64::try_from(rules.config.retention_bytes).ok();
    if let Some(mut excess) = limit.and_then(|limit| size_bytes.checked_sub(limit)) {
        passes.run(Breach::Size, |segment| {
            let left = excess.checked_sub(segment.size_bytes);
            excess = left.unwrap_or(excess);
            Ok(left.is_some())
        })?;
    }
    if rules.config.retention_ms >= 0 {
        passes.run(Breach::Time, |segment| {
            let age_ms = rules.now_ms.saturating_sub(largest_timestamp(segment)?);
            Ok(age_ms > rules.config.retention_ms)
        })?;
    }
    Ok(passes.doomed)
}

struct Passes<'a> {
    /// The segments that stay so far.
    rest: &'a [SegmentFacts],
    high_watermark: i64,
    doomed: Vec<Doomed>,
}

impl Passes<'_> {
    /// Dooms the segments for which `goes` holds, up to the first that must stay.
    fn run(&mut self, breach: Breach, mut goes: impl FnMut(&SegmentFacts) -> Result<bool>) -> Result<()> {
        let mut count = 0;
        for segment in self.rest {
            let empty_and_last = segment.is_active && segment.size_bytes == 0;
            if segment.upper_bound > self.high_watermark || empty_and_last || !goes(segment)? {
                break;
            }
            count += 1;
        }
        if count > 0 {
            self.doomed.push((breach, count));
            self.rest = &self.rest[count..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Breach::{LogStart, Size, Time};
    use super::*;

    /// Segments of ten offsets and 100 bytes each; the last is active.
    fn segments(count: usize) -> Vec<SegmentFacts> {
        let facts = |index: usize| SegmentFacts {
            base_offset: index as i64 * 10,
            upper_bound: index as i64 * 10 + 10,
            size_bytes: 100,
            is_active: index + 1 == count,
        };
        (0..count).map(facts).collect()
    }

    /// A segment's largest timestamp is the offset behind it; it is 100 o'clock.
    fn doomed(config: LogConfig, log_start_offset: i64, high_watermark: i64) -> Vec<Doomed> {
        let rules = RetentionRules {
            config: &config,
            log_start_offset,
            high_watermark,
            log_bytes: 500,
            now_ms: 100,
        };
        doomed_segments(&segments(5), &rules, &mut |segment| Ok(segment.upper_bound)).unwrap()
    }

    fn keep(retention_ms: i64, retention_bytes: i64) -> LogConfig {
        LogConfig {
            retention_ms,
            retention_bytes,
            ..LogConfig::default()
        }
    }

    #[test]
    fn by_time_and_by_size() {
        let cases = [
            ("nothing is limited", keep(-1, -1), vec![]),
            ("exactly as old as allowed", keep(90, -1), vec![]),
            ("a millisecond older", keep(89, -1), vec![(Time, 1)]),
            ("three of five", keep(69, -1), vec![(Time, 3)]),
            ("all, the active one too", keep(0, -1), vec![(Time, 5)]),
            ("exactly as large as allowed", keep(-1, 500), vec![]),
            ("a segment goes only whole", keep(-1, 401), vec![]),
            ("one is too many", keep(-1, 400), vec![(Size, 1)]),
            ("two and a half are too many", keep(-1, 250), vec![(Size, 2)]),
            ("no bytes at all", keep(-1, 0), vec![(Size, 5)]),
            (
                "first by size, then by time",
                keep(69, 400),
                vec![(Size, 1), (Time, 2)],
            ),
            ("records from the future stay", keep(i64::MAX, -1), vec![]),
        ];
        for (what, config, expected) in cases {
            assert_eq!(doomed(config, 0, 50), expected, "{what}");
        }
    }

    #[test]
    fn not_beyond_the_high_watermark() {
        for (high_watermark, expected) in [(0, vec![]), (29, vec![(Time, 2)]), (30, vec![(Time, 3)])] {
            assert_eq!(
                doomed(keep(0, -1), 0, high_watermark),
                expected,
                "{high_watermark}"
            );
        }
    }

    #[test]
    fn below_the_log_start_whatever_the_policy_but_never_the_active_one() {
        let compacted = LogConfig {
            cleanup_delete: false,
            ..keep(0, 0)
        };
        let cases = [
            (0, vec![]),
            (19, vec![(LogStart, 1)]),
            (20, vec![(LogStart, 2)]),
            (50, vec![(LogStart, 4)]),
        ];
        for (log_start_offset, expected) in cases {
            assert_eq!(doomed(compacted.clone(), log_start_offset, 50), expected);
        }
        assert_eq!(
            doomed(keep(69, 400), 20, 50),
            [(LogStart, 2), (Time, 1)],
            "what went for the log's start counts for the size"
        );
    }

    #[test]
    fn an_empty_active_segment_stays() {
        let mut segments = segments(2);
        segments[1].size_bytes = 0;
        let config = keep(0, -1);
        let rules = RetentionRules {
            config: &config,
            log_start_offset: 0,
            high_watermark: 20,
            log_bytes: 100,
            now_ms: 100,
        };
        let doomed = doomed_segments(&segments, &rules, &mut |_| Ok(0)).unwrap();
        assert_eq!(doomed, [(Time, 1)]);
    }
}
