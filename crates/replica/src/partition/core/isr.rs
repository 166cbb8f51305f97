//! Changes of the ISR: what the leader asks the controller for, and what it makes of the answer
//! (AlterPartition, KIP-497).
//!
//! While an answer is awaited the leader counts with both the ISR in force and the one it has asked for: it
//! can't know which of them a new leader would come from.

use super::follower::Follower;
use super::{LagTime, LeaderEpoch, PartitionCore};

/// An ISR that the leader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The epoch in which the leader asks.
    pub leader_epoch: LeaderEpoch,
    /// The change of the partition that it builds upon.
    pub partition_epoch: i32,
    /// The members with the broker epochs of their last fetches, -1 where there was none. The leader's own is
    /// the sender's.
    pub isr: Vec<(i32, i64)>,
}

/// What the controller has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsrAnswer {
    /// The ISR in force now.
    Committed {
        /// The leader epoch.
        leader_epoch: LeaderEpoch,
        /// The partition epoch.
        partition_epoch: i32,
        /// The members.
        isr: Vec<i32>,
    },
    /// It was not changed, for a reason that may pass: what changes next is asked for anew.
    Refused,
    /// The leader is behind the controller: the metadata that tells it what is in force is on its way. Until
    /// then it counts with both.
    Outdated,
}

impl PartitionCore {
    /// The ISR with those who should join it; `None` if nobody should, or an answer is awaited.
    pub fn propose_joins(&mut self) -> Option<&IsrChange> {
        let joins = |core: &Self, follower: &Follower| {
            core.isr.contains(&follower.replica_id) || core.joins(follower)
        };
        self.propose(joins)
    }

    /// Looks who has kept up; answers whether the high watermark moved, which waits for nobody outside the
    /// ISR who hasn't.
    pub fn look_at_followers(&mut self, time: LagTime) -> bool {
        let end_offset = self.log_end_offset;
        self.followers
            .iter_mut()
            .for_each(|follower| follower.look(end_offset, time));
        self.advance()
    }

    /// The ISR without those who had not kept up when they were looked at; `None` if all had, or an answer is
    /// awaited.
    pub fn propose_leaves(&mut self) -> Option<&IsrChange> {
        self.propose(|core, follower| core.isr.contains(&follower.replica_id) && follower.keeps_up())
    }

    /// Whether somebody should join the ISR, and nothing is asked for yet.
    pub fn has_joins(&self) -> bool {
        let asks = self.check_leader().is_ok() && self.proposed.is_none();
        asks && self.followers.iter().any(|follower| self.joins(follower))
    }

    fn propose(&mut self, is_member: impl Fn(&Self, &Follower) -> bool) -> Option<&IsrChange> {
        if self.check_leader().is_err() || self.proposed.is_some() {
            return None;
        }
        let members = self.followers.iter().filter(|follower| is_member(self, follower));
        let members: Vec<(i32, i64)> = std::iter::once((self.node_id, -1))
            .chain(members.map(|follower| (follower.replica_id, follower.broker_epoch())))
            .collect();
        let same = members.len() == self.isr.len() && members.iter().all(|(id, _)| self.isr.contains(id));
        if same {
            return None;
        }
        let change = IsrChange {
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            isr: members,
        };
        Some(self.proposed.insert(Box::new(change)))
    }

    /// Whether an answer to this change is awaited.
    pub fn proposes(&self, change: &IsrChange) -> bool {
        self.proposed.as_deref() == Some(change)
    }

    /// The controller has answered; tells whether the high watermark moved. An answer to what is no longer
    /// asked for changes nothing.
    pub fn isr_answered(&mut self, change: &IsrChange, answer: IsrAnswer) -> bool {
        if !self.proposes(change) {
            return false;
        }
        match answer {
            IsrAnswer::Committed {
                leader_epoch,
                partition_epoch,
                isr,
            } => {
                if leader_epoch != self.leader_epoch || partition_epoch < self.partition_epoch {
                    return false;
                }
                self.partition_epoch = partition_epoch;
                self.isr = isr.into_boxed_slice();
                self.proposed = None;
            }
            IsrAnswer::Refused => self.proposed = None,
            IsrAnswer::Outdated => {}
        }
        self.advance()
    }

    /// The replicas in sync.
    pub fn isr(&self) -> &[i32] {
        &self.isr
    }

    /// Whether a follower outside the ISR should be in it: all that is committed, and all that was there when
    /// the leader's epoch began, it has.
    pub(super) fn joins(&self, follower: &Follower) -> bool {
        let has_enough = follower.log().is_some_and(|log| {
            log.end_offset >= self.high_watermark && log.end_offset >= self.epoch_start_offset
        });
        has_enough && !self.isr.contains(&follower.replica_id) && follower.is_eligible()
    }

    /// Whether a replica is in the ISR, or in the one that was asked for.
    pub(super) fn is_in_maximal_isr(&self, replica_id: i32) -> bool {
        let asked_for = |change: &IsrChange| change.isr.iter().any(|(id, _)| *id == replica_id);
        self.isr.contains(&replica_id) || self.proposed.as_deref().is_some_and(asked_for)
    }
}

#[cfg(test)]
mod tests;
