//! How far a redrive has come in a partition of a dead letter topic: the offset below which all is done, and
//! beyond it the ranges that are done. They are committed as a group's offset and what is noted with it, in
//! the transaction of the records themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::leaders::TopicPartition;
use crate::client::{Cluster, KafkaError};

/// What is noted with an offset is longer nowhere: `offset.metadata.max.bytes` is 4096 unless it is set.
const NOTED_BYTES_MAX: usize = 4000;

/// How far a redrive has come in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Below it all is done.
    pub offset: i64,
    /// What is done from there on: first and last offset, ascending.
    ranges: Vec<(i64, i64)>,
    /// What is done now, and not among them yet.
    fresh: BTreeSet<i64>,
    /// What was seen and is not done.
    open: BTreeSet<i64>,
    /// Up to where was looked; what lies between ranges behind it is not known.
    seen: i64,
}

/// How far the redrive of a group has come in partitions that begin at these offsets.
///
/// # Errors
/// It can't be found out.
pub fn read(
    cluster: &Cluster,
    group: &str,
    begins: &BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, Progress>, KafkaError> {
    let partitions: Vec<TopicPartition> = begins.keys().cloned().collect();
    let committed = cluster.committed(group, Some(&partitions))?;
    let of = |(at, begin): (&TopicPartition, &i64)| {
        let progress = match committed.get(at) {
            Some(noted) => Progress::committed(noted.offset.max(*begin), &noted.metadata),
            None => Progress::committed(*begin, ""),
        };
        (at.clone(), progress)
    };
    Ok(begins.iter().map(of).collect())
}

impl Progress {
    /// As it was committed. What can't be read of it counts as not done.
    pub fn committed(offset: i64, noted: &str) -> Self {
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last && first > offset).then_some((first, last))
        };
        let mut ranges: Vec<(i64, i64)> = noted.split(',').filter_map(range).collect();
        ranges.sort_unstable();
        Progress {
            offset,
            ranges,
            seen: offset,
            ..Progress::default()
        }
    }

    /// Whether a dead letter is done.
    pub fn is_done(&self, offset: i64) -> bool {
        let at = self.ranges.partition_point(|(_, last)| *last < offset);
        let in_range = self.ranges.get(at).is_some_and(|(first, _)| *first <= offset);
        offset < self.offset || in_range || self.fresh.contains(&offset)
    }

    /// A dead letter is done.
    pub fn done(&mut self, offset: i64) {
        self.seen = self.seen.max(offset);
        if !self.is_done(offset) {
            self.fresh.insert(offset);
        }
    }

    /// A dead letter stays where it is.
    pub fn left(&mut self, offset: i64) {
        self.seen = self.seen.max(offset);
        self.open.insert(offset);
    }

    /// All dead letters up to where was looked are done or left: ranges with nothing open between them are
    /// one, and what begins where all is done belongs to that.
    pub fn settle(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        self.ranges
            .extend(fresh.into_iter().map(|offset| (offset, offset)));
        self.ranges.sort_unstable();
        let (open, seen) = (&self.open, self.seen);
        let is_bridged = |behind: i64, first: i64| {
            behind >= first || (first <= seen && open.range(behind..first).next().is_none())
        };
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(self.ranges.len());
        for &(first, last) in &self.ranges {
            match joined.last_mut() {
                Some(before) if is_bridged(before.1 + 1, first) => before.1 = before.1.max(last),
                None if is_bridged(self.offset, first) => self.offset = self.offset.max(last + 1),
                _ => joined.push((first, last)),
            }
        }
        self.ranges = joined;
    }

    /// What is noted with the offset; `None` if it is too long.
    pub fn noted(&self) -> Option<String> {
        let ranges = self.ranges.iter().map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
        let noted = ranges.collect::<Vec<_>>().join(",");
        (noted.len() <= NOTED_BYTES_MAX).then_some(noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again() {
        let mut progress = Progress::committed(5, "");
        for offset in 5..30 {
            if offset % 10 == 3 {
                progress.left(offset);
            } else {
                progress.done(offset);
            }
        }
        progress.settle();
        assert_eq!(progress.offset, 13);
        assert_eq!(progress.noted().unwrap(), "14-22,24-29");
        let again = Progress::committed(progress.offset, &progress.noted().unwrap());
        for offset in 0..35 {
            assert_eq!(
                again.is_done(offset),
                offset < 30 && offset != 13 && offset != 23,
                "{offset}"
            );
        }
    }

    #[test]
    fn what_was_left_is_done_later() {
        let mut progress = Progress::committed(13, "14-22,24-29");
        for offset in [13, 23] {
            assert!(!progress.is_done(offset));
            progress.done(offset);
        }
        progress.settle();
        assert_eq!((progress.offset, progress.noted().unwrap().as_str()), (30, ""));
    }

    #[test]
    fn what_lies_behind_is_not_taken_for_done() {
        let mut progress = Progress::committed(13, "14-22,24-29");
        progress.done(13);
        progress.settle();
        assert_eq!(
            (progress.offset, progress.is_done(23), progress.is_done(24)),
            (23, false, true)
        );
        // A dead letter that turns out to be gone stays, though what lies behind it was seen first.
        let mut progress = Progress::committed(0, "6");
        progress.left(7);
        progress.done(1);
        progress.left(5);
        progress.settle();
        assert_eq!((progress.offset, progress.noted().unwrap().as_str()), (2, "6"));
    }

    #[test]
    fn nonsense_is_not_done_and_too_much_is_not_noted() {
        let progress = Progress::committed(5, "x,9-7,3-4,-,8");
        assert_eq!((progress.is_done(8), progress.is_done(7)), (true, false));
        let mut progress = Progress::committed(0, "");
        for offset in (1_000_001..1_002_000).step_by(2) {
            progress.left(offset - 1);
            progress.done(offset);
        }
        progress.settle();
        assert_eq!(progress.noted(), None);
    }
}
