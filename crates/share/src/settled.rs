//! Offsets that are done behind one that is not: what the window need not keep.

use std::collections::BTreeMap;

/// Ranges of offsets, none beside another: first offset to last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    ranges: BTreeMap<i64, i64>,
}

impl Settled {
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn first(&self) -> Option<i64> {
        self.ranges.first_key_value().map(|(first, _)| *first)
    }

    /// How many offsets there are.
    pub fn count(&self) -> i64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Adds offsets that are not there yet.
    pub fn add(&mut self, mut first: i64, mut last: i64) {
        if let Some((&before, &end)) = self.ranges.range(..first).next_back()
            && end + 1 == first
        {
            first = before;
        }
        if let Some(end) = self.ranges.remove(&(last + 1)) {
            last = end;
        }
        self.ranges.insert(first, last);
    }

    /// Whether one of these offsets is there.
    pub fn overlaps(&self, first: i64, last: i64) -> bool {
        let before = self.ranges.range(..=last).next_back();
        before.is_some_and(|(_, end)| *end >= first)
    }

    /// Forgets what lies before `first`; answers how many offsets that were.
    pub fn cut_front(&mut self, first: i64) -> i64 {
        let mut count = 0;
        while let Some(range) = self.ranges.first_entry().filter(|range| *range.key() < first) {
            let (from, to) = range.remove_entry();
            count += to.min(first - 1) - from + 1;
            if to >= first {
                self.ranges.insert(first, to);
            }
        }
        count
    }

    pub fn clear(&mut self) {
        self.ranges.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range() {
        let mut settled = Settled::default();
        settled.add(5, 6);
        settled.add(8, 9);
        settled.add(20, 29);
        settled.add(7, 7);
        assert_eq!((settled.ranges.len(), settled.count()), (2, 15));
        assert!(settled.overlaps(9, 12) && !settled.overlaps(10, 19) && settled.overlaps(0, 100));
        assert_eq!(settled.cut_front(25), 10);
        assert_eq!((settled.first(), settled.count()), (Some(25), 5));
        settled.clear();
        assert!(settled.is_empty());
    }
}
