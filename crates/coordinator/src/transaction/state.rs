//! The states of a transaction, by Kafka's names and ids.

/// Where a transactional id's latest transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionState {
    /// None was begun since the producer was initialized.
    Empty,
    /// Partitions were added; the producer has not decided.
    Ongoing,
    /// Committed for good; markers are being written.
    PrepareCommit,
    /// Aborted for good; markers are being written.
    PrepareAbort,
    /// Committed, all markers written.
    CompleteCommit,
    /// Aborted, all markers written.
    CompleteAbort,
}

impl TransactionState {
    const ALL: [TransactionState; 6] = [
        TransactionState::Empty,
        TransactionState::Ongoing,
        TransactionState::PrepareCommit,
        TransactionState::PrepareAbort,
        TransactionState::CompleteCommit,
        TransactionState::CompleteAbort,
    ];

    /// The byte that stands for it in the log.
    pub fn id(self) -> i8 {
        self as i8
    }

    /// The state with this byte.
    pub fn from_id(id: i8) -> Option<TransactionState> {
        Self::ALL.into_iter().find(|state| state.id() == id)
    }

    /// The name that tools show.
    pub fn name(self) -> &'static str {
        match self {
            TransactionState::Empty => "Empty",
            TransactionState::Ongoing => "Ongoing",
            TransactionState::PrepareCommit => "PrepareCommit",
            TransactionState::PrepareAbort => "PrepareAbort",
            TransactionState::CompleteCommit => "CompleteCommit",
            TransactionState::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether Kafka knows a state of this name. Two of its states are never seen from outside, nor kept
    /// here.
    pub fn is_known(name: &str) -> bool {
        matches!(name, "Dead" | "PrepareEpochFence") || Self::ALL.iter().any(|state| state.name() == name)
    }

    /// The outcome is decided, and not every partition knows it yet.
    pub fn is_prepared(self) -> bool {
        matches!(
            self,
            TransactionState::PrepareCommit | TransactionState::PrepareAbort
        )
    }

    /// Nothing is going on: the transactional id may expire.
    pub fn is_idle(self) -> bool {
        matches!(
            self,
            TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kafkas() {
        for (id, name) in (0..).zip([
            "Empty",
            "Ongoing",
            "PrepareCommit",
            "PrepareAbort",
            "CompleteCommit",
            "CompleteAbort",
        ]) {
            let state = TransactionState::from_id(id).unwrap();
            assert_eq!((state.id(), state.name()), (id, name));
        }
        assert_eq!(TransactionState::from_id(6), None);
        assert!(TransactionState::is_known("Dead") && !TransactionState::is_known("dead"));
    }
}
