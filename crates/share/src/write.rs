//! What has to be persisted, and what follows when it is.

use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::hold::Hold;
use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;

/// Tells writes of one share partition apart.
pub(crate) type WriteId = u64;

/// The state of consecutive records, as it is persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBatch {
    /// Offset of the first.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// Their state; never [`RecordState::Acquired`].
    pub delivery_state: RecordState,
    /// How often they were delivered.
    pub delivery_count: i16,
    /// Why they become dead letters, if they do. Not persisted.
    pub cause: Option<DeadLetterCause>,
}

/// State to be persisted. Start offset and delivery complete count are the partition's own at the moment at
/// which it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What rests on it; nothing where the state is so already, whether it can be written or not.
    pub(crate) id: Option<WriteId>,
    /// The batches, ascending.
    pub batches: Vec<StateBatch>,
}

/// What follows from a write that has come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// Records may be there for those who wait, or room for more.
    pub wakes: bool,
    /// To be written to the dead letter topic by now.
    pub dead_letters: Vec<DeadLetter>,
}

impl SharePartition {
    /// A write has come back. What could not be written is as before: acquired by its member, or available if
    /// its lock has ended meanwhile.
    pub fn complete(
        &mut self,
        write: &Write,
        is_written: bool,
        settings: &GroupSettings,
        now_ms: i64,
    ) -> Completed {
        let mut completed = Completed::default();
        let Some(id) = write.id else {
            completed.dead_letters = self.letters_of(write);
            completed.wakes = self.move_start() | self.is_extended;
            return completed;
        };
        if !is_written {
            completed.wakes = self.roll_back(write, settings, now_ms) | self.move_start();
            return completed;
        }
        let mut becomes_available = false;
        for batch in &write.batches {
            self.window
                .change_within(batch.first_offset, batch.last_offset, |run| {
                    if run.delivery.write == Some(id) {
                        run.delivery.write = None;
                        run.delivery.lock = None;
                        becomes_available |= run.delivery.is_available();
                    }
                });
        }
        self.seeks_available |= becomes_available;
        for batch in &write.batches {
            self.free_keys(batch.first_offset, batch.last_offset);
        }
        completed.dead_letters = self.letters_of(write);
        // Where what is open counts there is room with everything that is done.
        completed.wakes = self.move_start() | becomes_available | self.is_extended;
        completed
    }

    /// Takes back what rests on a write; answers whether records have become available.
    pub(crate) fn roll_back(&mut self, write: &Write, settings: &GroupSettings, now_ms: i64) -> bool {
        let mut becomes_available = false;
        let mut done = 0;
        let mut earliest_ms = self.earliest_lock_ms;
        for batch in &write.batches {
            self.window
                .change_within(batch.first_offset, batch.last_offset, |run| {
                    if run.delivery.write != write.id {
                        return;
                    }
                    if run.delivery.state.is_terminal() {
                        done -= run.len();
                    }
                    run.delivery.write = None;
                    let until_ms = run.delivery.lock.as_ref().map_or(i64::MIN, |lock| lock.until_ms);
                    let exceeds = run.delivery.count >= settings.delivery_count_limit;
                    // What becomes a dead letter does so when its lock is seen to have ended.
                    if until_ms > now_ms || (exceeds && settings.dead_letters) {
                        run.delivery.hold = Hold::Free;
                        run.delivery.state = RecordState::Acquired;
                        earliest_ms = earliest_ms.min(until_ms);
                    } else {
                        run.delivery.lock = None;
                        // As in Apache Kafka without a dead letter: nothing of it could be written.
                        if exceeds {
                            run.delivery.state = RecordState::Archived;
                            done += run.len();
                        } else {
                            if run.delivery.state != RecordState::Available {
                                run.delivery.hold = settings.extensions.hold(run.delivery.count, now_ms);
                            }
                            if let Hold::Until(until_ms) = run.delivery.hold {
                                earliest_ms = earliest_ms.min(until_ms);
                            }
                            run.delivery.state = RecordState::Available;
                            becomes_available |= run.delivery.hold == Hold::Free;
                        }
                    }
                });
        }
        self.complete_count += done;
        self.earliest_lock_ms = earliest_ms;
        self.seeks_available |= becomes_available;
        for batch in &write.batches {
            self.free_keys(batch.first_offset, batch.last_offset);
        }
        becomes_available
    }

    /// Begins a write on which states rest.
    pub(crate) fn begin_write(&mut self) -> Write {
        self.last_write += 1;
        Write {
            id: Some(self.last_write),
            batches: Vec::new(),
        }
    }
}

impl Write {
    pub(crate) fn push(&mut self, batch: StateBatch) {
        if let Some(last) = self.batches.last_mut()
            && last.last_offset + 1 == batch.first_offset
            && (last.delivery_state, last.delivery_count, last.cause)
                == (batch.delivery_state, batch.delivery_count, batch.cause)
        {
            last.last_offset = batch.last_offset;
        } else {
            self.batches.push(batch);
        }
    }
}
