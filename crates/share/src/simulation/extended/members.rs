//! What members do, and what is checked of what they get.

use super::{AHEAD_MS, History, LOCK_MS, MEMBERS};
use crate::{Acknowledgement, Acquire, AcquireMode, Looked, MemberId, Span};

impl History {
    /// Whether something was acquired, or may be by another look.
    pub(super) fn fetch(&mut self) -> bool {
        let now = self.times();
        self.partition.prepare(&self.settings, now);
        if !self.partition.can_acquire(&self.settings) {
            return false;
        }
        let fetch_offset = self.partition.next_fetch_offset();
        let from = self.log.partition_point(|span| span.last_offset < fetch_offset);
        let most = 1 + self.below(4) as usize;
        let fetched: Vec<Span> = self.log[from..].iter().take(most).copied().collect();
        if fetched.is_empty() {
            return false;
        }
        if self.settings.extensions.look() {
            let mut looked = Vec::new();
            for span in fetched.iter().filter(|span| self.partition.must_look(span)) {
                let records = self.records.range(span.first_offset..=span.last_offset);
                looked.extend(records.map(|(&offset, known)| Looked {
                    offset,
                    deliver_at_ms: known.deliver_at_ms,
                    key: known.key,
                    is_selected: known.is_selected,
                }));
            }
            let passed = self
                .partition
                .look(fetch_offset, &fetched, &looked, &self.settings, now);
            self.writes.extend(passed);
        }
        let holder = self.below(4) as usize;
        let member: MemberId = MEMBERS[holder].into();
        let wanted = Acquire {
            member: &member,
            mode: if self.below(2) == 0 {
                AcquireMode::BatchOptimized
            } else {
                AcquireMode::RecordLimit
            },
            batch_size: self.below(20) as i32,
            max_records: 1 + self.below(10) as i32,
            fetch_offset,
        };
        let acquired = self
            .partition
            .acquire(&wanted, &fetched, &[], &self.settings, self.now_ms);
        for records in &acquired {
            for offset in records.first_offset..=records.last_offset {
                self.check_delivery(offset, records.delivery_count);
                if let Some(known) = self.records.get_mut(&offset) {
                    known.holder = Some(holder);
                    known.count = records.delivery_count;
                    known.until_ms = self.now_ms + LOCK_MS;
                }
            }
        }
        !acquired.is_empty() || self.partition.next_fetch_offset() != fetch_offset
    }

    fn check_delivery(&self, offset: i64, count: i16) {
        let Some(known) = self.records.get(&offset) else {
            assert!(!self.settings.extensions.look(), "{offset} is no record");
            return;
        };
        assert!(
            known.holder.is_none() && known.writing.is_none() && !known.is_accepted,
            "{offset}: {known:?}"
        );
        assert!(known.is_selected, "{offset}");
        assert_eq!(count, known.count + 1, "{offset}: {known:?}");
        assert!(
            known.deliver_at_ms <= self.now_ms + AHEAD_MS,
            "{offset}: {known:?}"
        );
        assert!(
            known.retry_ms <= self.now_ms,
            "{offset}: {known:?} at {}",
            self.now_ms
        );
        let Some(key) = known.key else { return };
        let earlier = self.records.iter().find(|(other, one)| {
            let is_open = one.holder.is_some() || one.writing.is_some() || one.retry_ms > self.now_ms;
            let comes_first = **other < offset && one.deliver_at_ms == i64::MIN && one.is_selected;
            **other != offset && one.key == Some(key) && !one.is_accepted && (is_open || comes_first)
        });
        assert_eq!(
            earlier.map(|(offset, _)| *offset),
            None,
            "before {offset} of key {key}"
        );
    }

    pub(super) fn acknowledge(&mut self) {
        let held: Vec<i64> = self
            .records
            .iter()
            .filter(|(_, known)| known.holder.is_some() && known.writing.is_none())
            .map(|(offset, _)| *offset)
            .collect();
        if held.is_empty() {
            return;
        }
        let offset = held[self.below(held.len() as i64) as usize];
        let kind = if self.below(3) == 0 { 2 } else { 1 };
        self.settle(offset, kind);
    }

    pub(super) fn settle(&mut self, offset: i64, kind: i8) {
        let known = self.records[&offset];
        let member: MemberId = MEMBERS[known.holder.unwrap()].into();
        let one = Acknowledgement {
            first_offset: offset,
            last_offset: offset,
            types: &[kind],
        };
        let written = self
            .partition
            .acknowledge(&member, &[one], &self.settings, self.now_ms);
        let write = written.unwrap().unwrap();
        self.writes.push(write);
        self.records.get_mut(&offset).unwrap().writing = Some(kind);
        if kind == 2 {
            self.wait_for_retry(offset);
        }
    }

    pub(super) fn wait_for_retry(&mut self, offset: i64) {
        let extensions = self.settings.extensions;
        let known = self.records.get_mut(&offset).unwrap();
        if extensions.backoff_ms > 0 {
            known.retry_ms = self.now_ms
                + (extensions.backoff_ms << (known.count - 1).min(8)).min(extensions.backoff_max_ms);
        }
    }

    pub(super) fn leave(&mut self) {
        let holder = self.below(4) as usize;
        let member: MemberId = MEMBERS[holder].into();
        let write = self
            .partition
            .release_acquired(&member, &self.settings, self.now_ms);
        self.writes.extend(write);
        let offsets: Vec<i64> = self
            .records
            .iter()
            .filter(|(_, known)| known.holder == Some(holder) && known.writing.is_none())
            .map(|(offset, _)| *offset)
            .collect();
        for offset in offsets {
            self.records.get_mut(&offset).unwrap().writing = Some(2);
            self.wait_for_retry(offset);
        }
    }
}
