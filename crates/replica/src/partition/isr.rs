//! A partition's ISR as its leader has it changed: what is asked for, and what came of it.

use super::Partition;
use super::core::isr::{IsrAnswer, IsrChange};

impl Partition {
    /// The ISR that should be asked for, because followers have caught up.
    pub fn joining_isr(&self) -> Option<IsrChange> {
        let mut state = self.lock();
        state.in_isr_queue = false;
        state.core.propose_joins().cloned()
    }

    /// The ISR that should be asked for, because followers have not kept up. To be asked every now and then.
    pub fn lagging_isr(&self) -> Option<IsrChange> {
        let time = self.shared.lag_time();
        let mut state = self.lock();
        state.change(|core| core.look_at_followers(time));
        state.core.propose_leaves().cloned()
    }

    /// Whether a change is still wanted.
    pub fn wants_isr(&self, change: &IsrChange) -> bool {
        self.lock().core.proposes(change)
    }

    /// Whether this broker leads, and others follow.
    pub fn leads_others(&self) -> bool {
        let state = self.lock();
        state.core.check_leader().is_ok() && state.core.has_followers()
    }

    /// The controller has answered to a change.
    pub fn isr_answered(&self, change: &IsrChange, answer: IsrAnswer) {
        let refused = answer == IsrAnswer::Refused;
        self.lock().change(|core| core.isr_answered(change, answer));
        // Whoever was refused is looked at with the others, every now and then.
        if !refused {
            self.look_for_joins();
        }
    }

    /// Something has changed by which followers that fetch nothing new may join the ISR: those of an idle
    /// partition say no more than that they are there.
    pub(super) fn look_for_joins(&self) {
        let mut state = self.lock();
        if state.core.has_joins() && !std::mem::replace(&mut state.in_isr_queue, true) {
            drop(state);
            self.shared.isr_queue.push(self.itself.clone());
        }
    }

    /// The replicas in sync, as far as the leader knows.
    pub fn isr(&self) -> Vec<i32> {
        self.lock().core.isr().to_vec()
    }
}
