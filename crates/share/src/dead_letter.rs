//! Dead letters (KIP-1191): a record that is given up is archived when its dead letter is in the log.

use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::write::{StateBatch, Write};

/// Why records are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterCause {
    /// A member has rejected them.
    Rejected,
    /// They were delivered as often as may be.
    DeliveryCountExceeded,
}

impl DeadLetterCause {
    /// In Apache Kafka's words, which the dead letter says.
    pub fn message(self) -> &'static str {
        match self {
            DeadLetterCause::Rejected => "Offset rejected by client.",
            DeadLetterCause::DeliveryCountExceeded => "Offset delivery count exceeded the threshold.",
        }
    }
}

/// Records that go to the dead letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Offset of the first.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// How often they were delivered.
    pub delivery_count: i16,
    /// Why.
    pub cause: DeadLetterCause,
}

impl SharePartition {
    /// A dead letter is in the log: its records are archived. Nothing if they are not in the window any more.
    pub fn dead_letter_written(&mut self, letter: &DeadLetter) -> Option<Write> {
        let mut write = Write {
            id: None,
            batches: Vec::new(),
        };
        let mut done = 0;
        self.window
            .change(letter.first_offset, letter.last_offset, |run| {
                if run.delivery.state != RecordState::Archiving {
                    return;
                }
                run.delivery.archive();
                done += run.len();
                write.push(StateBatch {
                    first_offset: run.first,
                    last_offset: run.last,
                    delivery_state: RecordState::Archived,
                    delivery_count: run.delivery.count,
                    cause: None,
                });
            });
        self.complete_count += done;
        (!write.batches.is_empty()).then_some(write)
    }

    /// Says once more that the records of a dead letter are given up, for a share coordinator that could not
    /// be told: nobody else may deliver them while the dead letter is on its way. Nothing if they are not in
    /// the window any more.
    pub fn restate(&self, letter: &DeadLetter) -> Option<Write> {
        let mut write = Write {
            id: None,
            batches: Vec::new(),
        };
        for run in self.window.overlapping(letter.first_offset, letter.last_offset) {
            if run.delivery.state == RecordState::Archiving {
                write.push(StateBatch {
                    first_offset: run.first.max(letter.first_offset),
                    last_offset: run.last.min(letter.last_offset),
                    delivery_state: RecordState::Archiving,
                    delivery_count: run.delivery.count,
                    cause: None,
                });
            }
        }
        (!write.batches.is_empty()).then_some(write)
    }

    /// What a write makes dead letters of, as far as it still is in the window.
    pub(crate) fn letters_of(&self, write: &Write) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        for batch in &write.batches {
            let Some(cause) = batch.cause else { continue };
            let runs = self.window.overlapping(batch.first_offset, batch.last_offset);
            letters.extend(
                runs.filter(|run| run.delivery.state == RecordState::Archiving)
                    .map(|run| DeadLetter {
                        first_offset: run.first.max(batch.first_offset),
                        last_offset: run.last.min(batch.last_offset),
                        delivery_count: run.delivery.count,
                        cause,
                    }),
            );
        }
        letters
    }
}
