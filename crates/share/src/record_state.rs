//! In which state a record is, for one share group.

/// The delivery state of a record, with the numbers of Apache Kafka's share state records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum RecordState {
    /// Waits to be delivered, for the first time or again.
    Available = 0,
    /// Locked for a member that works on it. Never persisted.
    Acquired = 1,
    /// Done.
    Acknowledged = 2,
    /// Given up, its dead letter is not yet in the log (KIP-1191).
    Archiving = 3,
    /// Given up.
    Archived = 4,
}

impl RecordState {
    /// The state with this number.
    pub fn of(id: i8) -> Option<RecordState> {
        Some(match id {
            0 => RecordState::Available,
            1 => RecordState::Acquired,
            2 => RecordState::Acknowledged,
            3 => RecordState::Archiving,
            4 => RecordState::Archived,
            _ => return None,
        })
    }

    /// Its number.
    pub fn id(self) -> i8 {
        self as i8
    }

    /// Whether nothing comes after it.
    pub fn is_terminal(self) -> bool {
        matches!(self, RecordState::Acknowledged | RecordState::Archived)
    }
}
