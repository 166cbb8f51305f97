//! Looking at records before they are delivered: for groups that want them at their time, in the order of
//! their keys or selected, none of which Apache Kafka has.
//!
//! What is read is looked at once: what the group passes over is done, what is not due goes out of the window
//! to wait ([`crate::waiting`]), the rest is available, or waits for an earlier record of its key. Offsets
//! without a record are passed over as well. Reading always goes on from the lowest record that was not
//! looked at, so that of a key none is seen before an earlier one.

use crate::acquire::Span;
use crate::batch::Batch;
use crate::delivery::Delivery;
use crate::hold::{Hold, Times};
use crate::key_order::KeyHash;
use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;
use crate::write::{StateBatch, Write};

/// What was seen of a record.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    /// Its offset.
    pub offset: i64,
    /// Not before this time, in milliseconds of the wall clock; `i64::MIN` for at any.
    pub deliver_at_ms: i64,
    /// Its key, if it has one and the group orders by it.
    pub key: Option<KeyHash>,
    /// Whether the group wants it.
    pub is_selected: bool,
}

/// What becomes of consecutive offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing is there.
    Nothing,
    /// Not for this group.
    PassedOver,
    /// Not before this time.
    Waits(i64),
    Comes(Option<KeyHash>),
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    first: i64,
    last: i64,
    fate: Fate,
}

impl SharePartition {
    /// Whether a batch of the log has records that have to be looked at.
    pub fn must_look(&self, span: &Span) -> bool {
        let known = || self.window.overlapping(span.first_offset, span.last_offset);
        let is_open = |delivery: &Delivery| delivery.is_available() && !delivery.is_looked_at;
        span.last_offset >= self.behind_window() || known().any(|run| is_open(&run.delivery))
    }

    /// Takes in what was seen of the batches `fetched` (ascending, whole, read from `fetch_offset` on), of
    /// which those that must be were looked at: `looked`, ascending, without records of aborted transactions.
    /// Answers what has to be written of what was passed over.
    pub fn look(
        &mut self,
        fetch_offset: i64,
        fetched: &[Span],
        looked: &[Looked],
        settings: &GroupSettings,
        now: Times,
    ) -> Option<Write> {
        let (first, last) = (fetched.first()?.first_offset, fetched.last()?.last_offset);
        if last < self.start_offset {
            return None;
        }
        self.archive_missing(fetch_offset, first);
        let mut passed = Write {
            id: None,
            batches: Vec::new(),
        };
        let first = first.max(self.start_offset);
        self.look_at_known((first, last), looked, now, &mut passed);
        let behind = self.behind_window().max(first);
        if behind <= last {
            self.look_at_new((behind, last), fetched, looked, settings, now, &mut passed);
        }
        self.move_start();
        // What lies before the start is done by that.
        passed.batches.retain_mut(|batch| {
            batch.first_offset = batch.first_offset.max(self.start_offset);
            batch.first_offset <= batch.last_offset
        });
        (self.start_offset > first || !passed.batches.is_empty()).then_some(passed)
    }

    /// Looks at available records of the window.
    fn look_at_known(
        &mut self,
        (first, last): (i64, i64),
        looked: &[Looked],
        now: Times,
        passed: &mut Write,
    ) {
        let runs = self.window.overlapping(first, last);
        let open = runs.filter(|run| run.delivery.is_available() && !run.delivery.is_looked_at);
        let open: Vec<(i64, i64)> = open
            .map(|run| (run.first.max(first), run.last.min(last)))
            .collect();
        for (first, last) in open {
            let at = self.window.places(first, first).start;
            let gap = self.window.get(at).filter(|batch| batch.is_gap());
            if let Some((gap_first, gap_last)) = gap.map(|gap| (gap.first(), gap.last())) {
                let mut batches = Vec::new();
                if gap_first < first {
                    batches.push(Batch::gap(gap_first, first - 1));
                }
                for piece in pieces((first, last), looked, now) {
                    self.place(piece, &mut batches, passed);
                }
                if last < gap_last {
                    batches.push(Batch::gap(last + 1, gap_last));
                }
                self.window.replace(at, batches);
                continue;
            }
            for piece in pieces((first, last), looked, now) {
                self.look_at_one(piece, now, passed);
            }
        }
    }

    /// Looks at records that were delivered before, or waited for their time.
    fn look_at_one(&mut self, piece: Piece, now: Times, passed: &mut Write) {
        let done = match piece.fate {
            Fate::Nothing => Some(RecordState::Archived),
            Fate::PassedOver => Some(RecordState::Acknowledged),
            _ => None,
        };
        let (keys, restored_ms) = (&mut self.keys, self.restored_ms);
        let (mut done_count, mut earliest_ms) = (0, self.earliest_lock_ms);
        self.window.change(piece.first, piece.last, |run| {
            run.delivery.is_looked_at = true;
            if let Some(state) = done {
                run.delivery.state = state;
                done_count += run.len();
                passed.push(state_of(run.first, run.last, state, run.delivery.count));
                return;
            }
            match piece.fate {
                Fate::Waits(due_ms) if run.delivery.count == 0 => {
                    let wait_ms = due_ms.saturating_sub(now.wall_ms);
                    run.delivery.is_looked_at = false;
                    run.delivery.hold = Hold::Until(now.monotonic_ms.saturating_add(wait_ms));
                }
                Fate::Comes(Some(key)) if !keys.add(piece.first, key) => run.delivery.hold = Hold::Key,
                // It waited for its retry when its state was read; now its key is known.
                Fate::Comes(Some(_)) if restored_ms > now.monotonic_ms && run.delivery.count > 0 => {
                    run.delivery.hold = Hold::Until(restored_ms);
                }
                _ => {}
            }
            if let Hold::Until(until_ms) = run.delivery.hold {
                earliest_ms = earliest_ms.min(until_ms);
            }
        });
        self.complete_count += done_count;
        self.earliest_lock_ms = earliest_ms;
    }

    /// Looks at what comes behind the window, as far as there is room.
    fn look_at_new(
        &mut self,
        (first, last): (i64, i64),
        fetched: &[Span],
        looked: &[Looked],
        settings: &GroupSettings,
        now: Times,
        passed: &mut Write,
    ) {
        let mut room = i64::from(settings.max_record_locks) - self.open_records();
        if self.is_empty() {
            self.start_offset = first;
        }
        let mut end = first - 1;
        'spans: for span in fetched.iter().filter(|span| span.last_offset >= first) {
            let mut batches = Vec::new();
            for mut piece in pieces((end + 1, span.last_offset.min(last)), looked, now) {
                match piece.fate {
                    Fate::Comes(_) => piece.last = piece.last.min(piece.first + room - 1),
                    Fate::Waits(_) if self.waiting.is_full() => piece.last = piece.first - 1,
                    _ => {}
                }
                if piece.last >= piece.first {
                    end = piece.last;
                    room -= if matches!(piece.fate, Fate::Comes(_)) {
                        piece.last - piece.first + 1
                    } else {
                        0
                    };
                    self.place(piece, &mut batches, passed);
                }
                if room <= 0 && matches!(piece.fate, Fate::Comes(_)) || piece.last < piece.first {
                    batches.into_iter().for_each(|batch| self.window.push(batch));
                    break 'spans;
                }
            }
            batches.into_iter().for_each(|batch| self.window.push(batch));
        }
        if end >= first {
            self.end_offset = end;
        }
    }

    /// Puts records to where they belong that were never delivered; those that come into `batches`.
    fn place(&mut self, piece: Piece, batches: &mut Vec<Batch>, passed: &mut Write) {
        let Piece { first, last, fate } = piece;
        let done = match fate {
            Fate::Nothing => RecordState::Archived,
            Fate::PassedOver => RecordState::Acknowledged,
            Fate::Waits(due_ms) => {
                let mut from = first;
                while from <= last {
                    let len = u32::try_from(last - from + 1).unwrap_or(u32::MAX);
                    self.waiting.add(from, len, due_ms);
                    from += i64::from(len);
                }
                return;
            }
            Fate::Comes(key) => {
                let mut delivery = Delivery::fresh();
                delivery.is_looked_at = true;
                if key.is_some_and(|key| !self.keys.add(first, key)) {
                    delivery.hold = Hold::Key;
                } else {
                    self.seeks_available = true;
                }
                match batches.last_mut() {
                    Some(batch) if batch.last() + 1 == first && !batch.is_gap() => {
                        batch.append(last, delivery)
                    }
                    _ => batches.push(Batch::new(first, last, delivery)),
                }
                return;
            }
        };
        self.settled.add(first, last);
        self.complete_count += last - first + 1;
        passed.push(state_of(first, last, done, 0));
    }
}

fn state_of(
    first_offset: i64,
    last_offset: i64,
    delivery_state: RecordState,
    delivery_count: i16,
) -> StateBatch {
    StateBatch {
        first_offset,
        last_offset,
        delivery_state,
        delivery_count,
        cause: None,
    }
}

/// What becomes of the offsets of a range, those of one fate together; but records with a key alone.
fn pieces((first, last): (i64, i64), looked: &[Looked], now: Times) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut add = |first: i64, last: i64, fate: Fate| match pieces.last_mut() {
        Some(before) if before.fate == fate && !matches!(fate, Fate::Comes(Some(_))) => before.last = last,
        _ => pieces.push(Piece { first, last, fate }),
    };
    let mut next = first;
    let from = looked.partition_point(|one| one.offset < first);
    for one in looked[from..].iter().take_while(|one| one.offset <= last) {
        if one.offset < next {
            continue;
        }
        if next < one.offset {
            add(next, one.offset - 1, Fate::Nothing);
        }
        let fate = if !one.is_selected {
            Fate::PassedOver
        } else if one.deliver_at_ms > now.wall_ms {
            Fate::Waits(one.deliver_at_ms)
        } else {
            Fate::Comes(one.key)
        };
        add(one.offset, one.offset, fate);
        next = one.offset + 1;
    }
    if next <= last {
        add(next, last, Fate::Nothing);
    }
    pieces
}
