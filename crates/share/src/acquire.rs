//! Acquiring: which records a member gets of what was fetched, and in which portions (KIP-932, KIP-1206).

use crate::batch::Batch;
use crate::delivery::{Delivery, Lock, MemberId};
use crate::partition::SharePartition;
use crate::settings::GroupSettings;

/// How a member wants its records (KIP-1206).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireMode {
    /// Whole batches of the log, even if they exceed the limit.
    BatchOptimized,
    /// Not one record more than the limit.
    RecordLimit,
}

/// What a member wants.
#[derive(Clone, Debug)]
pub struct Acquire<'a> {
    /// Who.
    pub member: &'a MemberId,
    /// How.
    pub mode: AcquireMode,
    /// Records of an entry of the answer, about; nothing to go by if not positive.
    pub batch_size: i32,
    /// Most records in all.
    pub max_records: i32,
    /// The offset that the log was read from.
    pub fetch_offset: i64,
}

/// Consecutive offsets: those of a batch of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first_offset: i64,
    /// The last.
    pub last_offset: i64,
}

/// Consecutive records that a member has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// Offset of the first.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// How often they were delivered, this time included.
    pub delivery_count: i16,
}

/// One acquisition on its way.
struct Acquiring<'a> {
    fetched: &'a [Span],
    mode: AcquireMode,
    batch_size: i64,
    lock: Lock,
    settings: &'a GroupSettings,
    /// Records still wanted.
    left: i64,
    acquired: Vec<AcquiredRecords>,
}

impl SharePartition {
    /// Acquires records of the batches `fetched` (ascending, whole, read from [`Acquire::fetch_offset`] on),
    /// but for those of aborted transactions, which are archived.
    ///
    /// Control records and offsets that compaction has left empty are acquired like others: members
    /// acknowledge them as gaps.
    pub fn acquire(
        &mut self,
        wanted: &Acquire<'_>,
        fetched: &[Span],
        aborted: &[Span],
        settings: &GroupSettings,
        now_ms: i64,
    ) -> Vec<AcquiredRecords> {
        let (Some(first), Some(last)) = (fetched.first(), fetched.last()) else {
            return Vec::new();
        };
        if wanted.max_records <= 0 || last.last_offset < self.start_offset {
            return Vec::new();
        }
        let is_looked_at = settings.extensions.look();
        let room = if is_looked_at {
            // What came into the window had room there, and nothing else is acquired.
            Some((
                i64::from(wanted.max_records),
                last.last_offset.min(self.end_offset),
            ))
        } else {
            self.room(wanted, last.last_offset, settings)
        };
        let Some((left, last_offset)) = room else {
            return Vec::new();
        };
        let lock = Lock {
            member: wanted.member.clone(),
            until_ms: now_ms.saturating_add(i64::from(settings.record_lock_duration_ms)),
        };
        let until_ms = lock.until_ms;
        let mut acquiring = Acquiring {
            fetched,
            mode: wanted.mode,
            batch_size: i64::from(wanted.batch_size),
            lock,
            settings,
            left,
            acquired: Vec::new(),
        };
        self.archive_missing(wanted.fetch_offset, first.first_offset);
        let first_offset = first.first_offset.max(self.start_offset);
        self.acquire_known(&mut acquiring, first_offset, last_offset);
        let behind = self.behind_window().max(first_offset);
        if acquiring.left > 0 && behind <= last_offset && !is_looked_at {
            self.acquire_new(&mut acquiring, behind, last_offset);
        }
        let mut acquired = acquiring.acquired;
        if !acquired.is_empty() {
            self.earliest_lock_ms = self.earliest_lock_ms.min(until_ms);
            self.archive_aborted(&mut acquired, aborted, wanted.member);
        }
        acquired
    }

    /// How many records may be acquired, and up to where. When the window is full, what is in it already may
    /// be delivered again.
    fn room(&self, wanted: &Acquire<'_>, last_offset: i64, settings: &GroupSettings) -> Option<(i64, i64)> {
        let max_records = i64::from(wanted.max_records);
        let room = i64::from(settings.max_record_locks) - self.in_flight_records();
        if room > 0 {
            return Some((max_records.min(room), last_offset));
        }
        let known = self.end_offset - wanted.fetch_offset + 1;
        (known > 0).then(|| (max_records.min(known), last_offset.min(self.end_offset)))
    }

    /// Acquires what is available in the window.
    fn acquire_known(&mut self, acquiring: &mut Acquiring<'_>, first_offset: i64, last_offset: i64) {
        let mut at = self.window.places(first_offset, last_offset).start;
        while acquiring.left > 0 {
            let Some(batch) = self.window.get(at).filter(|batch| batch.first() <= last_offset) else {
                return;
            };
            let (first, last) = (batch.first().max(first_offset), batch.last().min(last_offset));
            if batch.is_gap() {
                at += self.acquire_gap(acquiring, at, first, last);
                continue;
            }
            let in_range = batch.overlapping(first, last).iter();
            let available = in_range.filter(|run| run.delivery.is_available());
            let Some(most_deliveries) = available.map(|run| run.delivery.count).max() else {
                at += 1;
                continue;
            };
            let is_throttled = most_deliveries >= acquiring.settings.throttle_from();
            if is_throttled && !acquiring.acquired.is_empty() {
                acquiring.left = 0;
                return;
            }
            let size = batch.size();
            let Some(batch) = self.window.batch_mut(at) else {
                return;
            };
            let count = acquiring.take_from(batch, first, last, size);
            self.seeks_available = true;
            acquiring.left -= count;
            if is_throttled && count > 0 {
                acquiring.left = 0;
            }
            at += 1;
        }
    }

    /// Acquires of a gap in what was persisted, as if it were new; answers how many batches come of it.
    fn acquire_gap(&mut self, acquiring: &mut Acquiring<'_>, at: usize, first: i64, last: i64) -> usize {
        let Some((gap_first, gap_last)) = self.window.get(at).map(|gap| (gap.first(), gap.last())) else {
            return 1;
        };
        let (mut batches, taken_to) = acquiring.new_batches(first, last);
        let passed = batches.len();
        let mut before = 0;
        if gap_first < first {
            batches.insert(0, Batch::gap(gap_first, first - 1));
            before = 1;
        }
        if taken_to < gap_last {
            batches.push(Batch::gap(taken_to + 1, gap_last));
        }
        self.seeks_available = true;
        self.window.replace(at, batches);
        // What is left of it behind is not in reach: the limit or the end of what was fetched.
        before + passed + usize::from(taken_to < gap_last)
    }

    /// Acquires what comes behind the window.
    fn acquire_new(&mut self, acquiring: &mut Acquiring<'_>, first: i64, last: i64) {
        if self.is_empty() {
            self.start_offset = first;
        }
        let (batches, taken_to) = acquiring.new_batches(first, last);
        for batch in batches {
            self.seeks_available |= batch.runs().iter().any(|run| run.delivery.is_available());
            self.window.push(batch);
        }
        self.end_offset = taken_to;
    }

    /// Gives up acquired records of aborted transactions, which members are not to see.
    fn archive_aborted(&mut self, acquired: &mut Vec<AcquiredRecords>, aborted: &[Span], member: &MemberId) {
        let mut done = 0;
        for span in aborted {
            let mut kept = Vec::with_capacity(acquired.len() + 1);
            for records in acquired.drain(..) {
                let first = records.first_offset.max(span.first_offset);
                let last = records.last_offset.min(span.last_offset);
                if first > last {
                    kept.push(records);
                    continue;
                }
                self.window.change(first, last, |run| {
                    let lock = run.delivery.lock.as_ref();
                    if run.delivery.is_acquired() && lock.is_some_and(|lock| lock.member == *member) {
                        run.delivery.archive();
                        done += run.len();
                    }
                });
                if records.first_offset < first {
                    kept.push(AcquiredRecords {
                        last_offset: first - 1,
                        ..records
                    });
                }
                if last < records.last_offset {
                    kept.push(AcquiredRecords {
                        first_offset: last + 1,
                        ..records
                    });
                }
            }
            *acquired = kept;
        }
        self.complete_count += done;
        if done > 0 {
            self.move_start();
        }
    }
}

impl Acquiring<'_> {
    /// Acquires available records of a batch in `first..=last`; answers how many. Such as were delivered
    /// often come in portions that halve with each delivery, and alone the last time.
    fn take_from(&mut self, batch: &mut Batch, first: i64, last: i64, size: i64) -> i64 {
        let settings = self.settings;
        let mut taken: Vec<AcquiredRecords> = Vec::new();
        let mut count = 0;
        let mut portion = i64::MAX;
        let mut is_over = false;
        let mut next = first;
        while !is_over && next <= last {
            let runs = batch.overlapping(next, last).iter();
            let Some(run) = runs.clone().find(|run| run.delivery.is_available()) else {
                break;
            };
            let (from, deliveries) = (run.first.max(next), run.delivery.count);
            let to = run.last.min(last);
            let mut most = to - from + 1;
            if settings.is_last_delivery(deliveries) {
                if count > 0 {
                    break;
                }
                most = 1;
                is_over = true;
            } else if deliveries >= settings.throttle_from() {
                let halvings = u32::try_from(deliveries - settings.throttle_from() + 1).unwrap_or(0);
                portion = portion.min(size.checked_shr(halvings).unwrap_or(0).max(1));
            }
            if self.mode == AcquireMode::RecordLimit {
                most = most.min(self.left - count);
            }
            most = most.min(portion - count);
            if most <= 0 {
                break;
            }
            let to = from + most - 1;
            let lock = &self.lock;
            batch.change(from, to, |run| run.delivery.acquire(lock.clone()));
            push(&mut taken, from, to, deliveries.saturating_add(1));
            count += most;
            next = to + 1;
        }
        self.acquired.append(&mut taken);
        count
    }

    /// New records in `first..=last`, acquired, as far as they are wanted: to the end of a batch of the log,
    /// unless the limit is meant to the record.
    fn new_batches(&mut self, first: i64, last: i64) -> (Vec<Batch>, i64) {
        let limit = first.saturating_add(self.left - 1);
        let last = if limit < last {
            self.end_of_batch_with(limit).min(last)
        } else {
            last
        };
        if self.mode == AcquireMode::RecordLimit && limit < last {
            let mut batch = Batch::new(first, last, Delivery::fresh());
            let count = self.take_from(&mut batch, first, limit, last - first + 1);
            self.left -= count;
            return (vec![batch], last);
        }
        let mut batches = Vec::new();
        let mut from = first;
        if self.mode == AcquireMode::BatchOptimized && last - first + 1 > self.batch_size {
            for span in self.fetched {
                if span.first_offset > last {
                    break;
                }
                if span.first_offset - from >= self.batch_size.max(1) {
                    batches.push((from, span.first_offset - 1));
                    from = span.first_offset;
                }
            }
        }
        batches.push((from, last));
        self.left -= last - first + 1;
        let batches = batches.into_iter().map(|(first_offset, last_offset)| {
            let mut delivery = Delivery::fresh();
            delivery.acquire(self.lock.clone());
            self.acquired.push(AcquiredRecords {
                first_offset,
                last_offset,
                delivery_count: delivery.count,
            });
            Batch::new(first_offset, last_offset, delivery)
        });
        (batches.collect(), last)
    }

    /// Where the batch of the log ends that holds `offset`; the offset itself between two.
    fn end_of_batch_with(&self, offset: i64) -> i64 {
        let next = self.fetched.partition_point(|span| span.first_offset <= offset);
        let span = next.checked_sub(1).map(|at| self.fetched[at]);
        span.map_or(offset, |span| span.last_offset.max(offset))
    }
}

/// Adds records to those of the same batch: one entry where nothing tells them apart.
fn push(taken: &mut Vec<AcquiredRecords>, first_offset: i64, last_offset: i64, delivery_count: i16) {
    match taken.last_mut() {
        Some(before) if before.last_offset + 1 == first_offset && before.delivery_count == delivery_count => {
            before.last_offset = last_offset;
        }
        _ => taken.push(AcquiredRecords {
            first_offset,
            last_offset,
            delivery_count,
        }),
    }
}
