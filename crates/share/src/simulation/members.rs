//! What members do, and what comes back to them.

use super::{History, Known, MEMBERS, is_writing};
use crate::delivery::MemberId;
use crate::{Acknowledgement, Acquire, AcquireMode, RecordState, Span};

impl History {
    pub(super) fn fetch(&mut self) {
        if !self.partition.can_acquire(&self.settings) {
            return;
        }
        let fetch_offset = self.partition.next_fetch_offset();
        let from = self.log.partition_point(|span| span.last_offset < fetch_offset);
        let most = 1 + self.below(5) as usize;
        let fetched: Vec<Span> = self.log[from..].iter().take(most).copied().collect();
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
            max_records: 1 + self.below(25) as i32,
            fetch_offset,
        };
        let aborted: Vec<Span> = fetched
            .iter()
            .filter(|span| span.first_offset % 7 == 0)
            .copied()
            .collect();
        let acquired = self
            .partition
            .acquire(&wanted, &fetched, &aborted, &self.settings, self.now_ms);
        let mut count = 0;
        let mut before = -1;
        for records in &acquired {
            assert!(
                records.first_offset > before && records.last_offset >= records.first_offset,
                "{acquired:?}"
            );
            before = records.last_offset;
            for offset in records.first_offset..=records.last_offset {
                count += 1;
                assert!(
                    !aborted
                        .iter()
                        .any(|span| (span.first_offset..=span.last_offset).contains(&offset))
                );
                let known = self.known.get(&offset).copied();
                assert!(
                    known.is_none_or(|known| known.state == RecordState::Available && !known.is_writing),
                    "{offset}: {known:?} delivered again"
                );
                assert_eq!(
                    records.delivery_count,
                    known.map_or(0, |known| known.count) + 1,
                    "{offset}"
                );
                assert!(records.delivery_count <= self.settings.delivery_count_limit);
                let acquired = Known {
                    state: RecordState::Acquired,
                    count: records.delivery_count,
                    holder: Some(holder),
                    until_ms: self.now_ms + i64::from(self.settings.record_lock_duration_ms),
                    is_writing: false,
                };
                self.known.insert(offset, acquired);
            }
        }
        if wanted.mode == AcquireMode::RecordLimit {
            assert!(count <= wanted.max_records, "{acquired:?}");
        }
        // What came along without being acquired: the rest of a batch, and what is given up.
        for run in self.partition.window.runs() {
            for offset in run.first..=run.last {
                let is_new = !self.known.contains_key(&offset);
                let gave_up = run.delivery.state == RecordState::Archived;
                if is_new || gave_up {
                    let known = Known {
                        state: run.delivery.state,
                        count: run.delivery.count,
                        holder: None,
                        until_ms: 0,
                        is_writing: false,
                    };
                    let before = self.known.insert(offset, known);
                    let might = before.is_none_or(|before| before.state != RecordState::Acquired || !is_new);
                    assert!(
                        might && run.delivery.write.is_none()
                            || !gave_up
                            || before == Some(known)
                            || is_writing(before)
                    );
                    if let Some(before) = before.filter(|before| is_writing(Some(*before))) {
                        self.known.insert(offset, before);
                    }
                }
            }
        }
    }

    pub(super) fn acknowledge(&mut self) {
        let start = self.partition.start_offset();
        let first = start + self.below(30) - 3;
        let last = first + self.below(12);
        let alike = self.below(2) == 0;
        let count = if alike { 1 } else { last - first + 1 };
        let types: Vec<i8> = (0..count).map(|_| self.below(5) as i8).collect();
        let holder = match self.known.get(&first.max(start)).and_then(|known| known.holder) {
            Some(holder) if self.below(5) > 0 => holder,
            _ => self.below(4) as usize,
        };
        let member: MemberId = MEMBERS[holder].into();
        let one = Acknowledgement {
            first_offset: first,
            last_offset: last,
            types: &types,
        };
        let answered = self
            .partition
            .acknowledge(&member, &[one], &self.settings, self.now_ms);
        let window: Vec<i64> = self
            .partition
            .window
            .runs()
            .flat_map(|run| run.first..=run.last)
            .collect();
        let asked: Vec<i64> = window
            .iter()
            .filter(|offset| (first..=last).contains(offset))
            .copied()
            .collect();
        let kind = |offset: i64| types[if alike { 0 } else { (offset - first) as usize }];
        let may_settle = |offset: &i64| {
            let known = self.known[offset];
            let is_held =
                known.state == RecordState::Acquired && known.holder == Some(holder) && !known.is_writing;
            is_held && (kind(*offset) != 4 || self.settings.renew_acknowledge_enable)
        };
        let is_settled = last < start
            || (!asked.is_empty() && asked.iter().all(may_settle) && window.last() >= Some(&last));
        if answered.is_ok() != is_settled {
            // Either end of the range may lie in a hole.
            assert!(
                answered.is_err() && !(asked.contains(&first) && asked.contains(&last)),
                "{first}-{last} {types:?}: {answered:?}"
            );
        }
        let Ok(write) = answered else {
            // A renewal before the refusal stays; the model learns of it.
            self.learn_renewals();
            return;
        };
        for offset in asked {
            let known = self.known.get_mut(&offset).unwrap();
            let gives_up = if self.settings.dead_letters {
                RecordState::Archiving
            } else {
                RecordState::Archived
            };
            known.state = match kind(offset) {
                0 => RecordState::Archived,
                1 => RecordState::Acknowledged,
                2 if known.count >= self.settings.delivery_count_limit => gives_up,
                2 => RecordState::Available,
                3 => gives_up,
                _ => {
                    known.until_ms = self.now_ms + i64::from(self.settings.record_lock_duration_ms);
                    continue;
                }
            };
            known.is_writing = true;
        }
        self.writes.extend(write);
    }

    fn learn_renewals(&mut self) {
        for run in self.partition.window.runs() {
            let Some(lock) = &run.delivery.lock else { continue };
            for offset in run.first..=run.last {
                self.known.get_mut(&offset).unwrap().until_ms = lock.until_ms;
            }
        }
    }

    /// A write comes back; they come back in order, as the shell sends them.
    pub(super) fn come_back(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let write = self.writes.remove(0);
        let is_written = self.below(6) > 0;
        if is_written {
            for batch in &write.batches {
                for offset in batch.first_offset..=batch.last_offset {
                    self.store
                        .insert(offset, (batch.delivery_state, batch.delivery_count));
                }
            }
            self.store_start = self.partition.start_offset().min(self.lowest_outstanding());
            self.store = self.store.split_off(&self.store_start);
        }
        let completed = self
            .partition
            .complete(&write, is_written, &self.settings, self.now_ms);
        self.letters.extend(completed.dead_letters);
        if write.id.is_none() {
            return;
        }
        for batch in &write.batches {
            for offset in batch.first_offset..=batch.last_offset {
                let Some(known) = self.known.get_mut(&offset).filter(|known| known.is_writing) else {
                    continue;
                };
                known.is_writing = false;
                if is_written {
                    known.holder = None;
                    continue;
                }
                let is_over = known.count >= self.settings.delivery_count_limit;
                if known.until_ms > self.now_ms || (is_over && self.settings.dead_letters) {
                    known.state = RecordState::Acquired;
                } else {
                    known.holder = None;
                    known.state = if is_over {
                        RecordState::Archived
                    } else {
                        RecordState::Available
                    };
                }
            }
        }
    }

    fn lowest_outstanding(&self) -> i64 {
        let first = self.writes.iter().flat_map(|write| write.batches.first());
        first.map(|batch| batch.first_offset).min().unwrap_or(i64::MAX)
    }
}
