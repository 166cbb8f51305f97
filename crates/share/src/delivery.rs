//! What a share group knows of a record: its state, its deliveries, who has it.

use std::sync::Arc;

use crate::hold::Hold;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;
use crate::write::WriteId;

/// A member of a share group.
pub type MemberId = Arc<str>;

/// An acquisition lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    /// Who holds it.
    pub member: MemberId,
    /// When it ends, in milliseconds of the monotonic clock.
    pub until_ms: i64,
}

/// What is the same for all records of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The state, or the one that it is to come to while a write is under way.
    pub state: RecordState,
    /// How often it was delivered.
    pub count: i16,
    /// While acquired, and until what was acknowledged is written: whose it is again if that fails.
    pub lock: Option<Lock>,
    /// The write on which the state rests.
    pub write: Option<WriteId>,
    /// What holds it back while it is available.
    pub hold: Hold,
    /// Its key, time and headers were looked at, where that is done.
    pub is_looked_at: bool,
}

impl Delivery {
    /// A record that was never delivered.
    pub fn fresh() -> Self {
        Delivery::restored(RecordState::Available, 0)
    }

    /// As it was persisted.
    pub fn restored(state: RecordState, count: i16) -> Self {
        Delivery {
            state,
            count,
            lock: None,
            write: None,
            hold: Hold::Free,
            is_looked_at: false,
        }
    }

    /// Whether it may be delivered.
    pub fn is_available(&self) -> bool {
        self.state == RecordState::Available && self.write.is_none() && self.hold == Hold::Free
    }

    /// Whether nothing comes after it and all of it is written.
    pub fn is_done(&self) -> bool {
        self.state.is_terminal() && self.write.is_none()
    }

    /// Whether it is locked and nothing is under way.
    pub fn is_acquired(&self) -> bool {
        self.state == RecordState::Acquired
    }

    /// Delivers it to a member.
    pub fn acquire(&mut self, lock: Lock) {
        self.state = RecordState::Acquired;
        self.count = self.count.saturating_add(1);
        self.lock = Some(lock);
        self.hold = Hold::Free;
    }

    /// Gives up what nobody is interested in any more.
    pub fn archive(&mut self) {
        self.state = RecordState::Archived;
        self.lock = None;
        self.hold = Hold::Free;
    }

    /// Whether it is nobody's concern any more whether an earlier record of its key is there.
    pub fn frees_key(&self) -> bool {
        self.write.is_none() && (self.state.is_terminal() || self.state == RecordState::Archiving)
    }

    /// What becomes of it when it is given back: it is not delivered again after its last delivery.
    pub fn state_when_released(&self, settings: &GroupSettings) -> RecordState {
        if self.count < settings.delivery_count_limit {
            RecordState::Available
        } else if settings.dead_letters {
            RecordState::Archiving
        } else {
            RecordState::Archived
        }
    }
}
