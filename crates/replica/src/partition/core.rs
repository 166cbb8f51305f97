//! Leader, ISR and high watermark of one partition, decided from offsets and epochs alone, never from bytes.
//!
//! Pure. [`super::Partition`] feeds it with what its log, its followers and the metadata image say. Nothing
//! outside of it assumes how many replicas there are.

mod follower;
pub mod isr;

use std::fmt;

use barnabas_protocol::error::ErrorCode;

use self::follower::Follower;
pub use self::follower::{AliveBroker, FollowerId, FollowerLog, LagTime, ReplicaView};
use self::isr::IsrChange;

/// Counts the leaders a partition has had. Records carry that of the leader that appended them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// Stands for an epoch that a client doesn't know.
    pub const UNKNOWN: LeaderEpoch = LeaderEpoch(-1);
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the metadata image says about a partition and this broker's part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The leader's broker id, -1 for none.
    pub leader: i32,
    /// Counts the leaders there have been.
    pub leader_epoch: LeaderEpoch,
    /// Counts the changes there have been.
    pub partition_epoch: i32,
    /// The brokers that hold a replica.
    pub replicas: Vec<i32>,
    /// The replicas in sync with the leader.
    pub isr: Vec<i32>,
    /// Those of the other brokers with a replica that are alive.
    pub alive: Vec<AliveBroker>,
}

/// What a follower's fetch has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The high watermark.
    pub high_watermark: bool,
    /// The follower's log start, and so perhaps the low watermark.
    pub log_start: bool,
    /// The follower has come so far that it should be in the ISR.
    pub joins: bool,
}

/// One partition as this broker sees it.
#[derive(Debug)]
pub struct PartitionCore {
    node_id: i32,
    leader: i32,
    leader_epoch: LeaderEpoch,
    partition_epoch: i32,
    /// As configured; more than there are replicas asks for all of them.
    min_insync_replicas: i32,
    /// As the controller has committed it.
    isr: Box<[i32]>,
    /// What the controller is asked to make of it.
    proposed: Option<Box<IsrChange>>,
    /// The other replicas.
    followers: Box<[Follower]>,
    log_end_offset: i64,
    high_watermark: i64,
    /// Where the log ended when the leader epoch began.
    epoch_start_offset: i64,
}

impl PartitionCore {
    /// A partition whose log ends at `log_end_offset` and is known to be replicated up to `high_watermark`,
    /// of which a log that has lost its end may have less.
    pub fn new(
        node_id: i32,
        assignment: Assignment,
        min_insync_replicas: i32,
        (log_end_offset, high_watermark): (i64, i64),
        now_ms: i64,
    ) -> Self {
        let mut core = PartitionCore {
            node_id,
            leader: assignment.leader,
            leader_epoch: assignment.leader_epoch,
            partition_epoch: assignment.partition_epoch,
            min_insync_replicas,
            isr: Box::default(),
            proposed: None,
            followers: Box::default(),
            log_end_offset,
            high_watermark: high_watermark.min(log_end_offset),
            epoch_start_offset: log_end_offset,
        };
        core.assign(assignment, now_ms);
        core
    }

    /// Takes over a change of leader, epoch, replicas or ISR; answers whether the high watermark moved. What
    /// is older than the controller's last answer changes nothing.
    pub fn assign(&mut self, assignment: Assignment, now_ms: i64) -> bool {
        if assignment.partition_epoch < self.partition_epoch {
            return false;
        }
        let same_epoch = assignment.leader_epoch == self.leader_epoch;
        let others = assignment.replicas.iter().filter(|&&id| id != self.node_id);
        let others = others.map(|&replica_id| {
            let in_sync = assignment.isr.contains(&replica_id);
            let known = self.followers.iter().find(|known| known.replica_id == replica_id);
            let mut follower = match known.filter(|_| same_epoch) {
                Some(known) => known.clone(),
                None => Follower::new(replica_id, in_sync.then_some(now_ms)),
            };
            follower.told_of(&assignment.alive);
            follower
        });
        self.followers = others.collect();
        if !same_epoch {
            self.epoch_start_offset = self.log_end_offset;
        }
        if !same_epoch || assignment.partition_epoch > self.partition_epoch {
            self.proposed = None;
        }
        self.leader = assignment.leader;
        self.leader_epoch = assignment.leader_epoch;
        self.partition_epoch = assignment.partition_epoch;
        self.isr = assignment.isr.into_boxed_slice();
        self.advance()
    }

    /// Takes over which of the other brokers are alive; answers whether the high watermark moved.
    pub fn brokers_changed(&mut self, alive: &[AliveBroker]) -> bool {
        self.followers
            .iter_mut()
            .for_each(|follower| follower.told_of(alive));
        self.advance()
    }

    /// Takes over a changed `min.insync.replicas`; answers whether the high watermark moved.
    pub fn configure(&mut self, min_insync_replicas: i32) -> bool {
        self.min_insync_replicas = min_insync_replicas;
        self.advance()
    }

    /// The log has grown to `log_end_offset`; answers whether the high watermark moved.
    pub fn appended(&mut self, log_end_offset: i64) -> bool {
        self.log_end_offset = log_end_offset;
        self.advance()
    }

    /// A follower fetches, and so says what it has.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER if this broker doesn't lead, the other one holds no replica, or is not what has
    /// registered since under its id.
    pub fn fetched_by(
        &mut self,
        follower: FollowerId,
        has: FollowerLog,
        time: LagTime,
    ) -> Result<Moved, ErrorCode> {
        self.check_leader()?;
        let leader_end_offset = self.log_end_offset;
        let place = self
            .place_of(follower.broker_id)
            .ok_or(ErrorCode::NotLeaderOrFollower)?;
        let known = &mut self.followers[place];
        if known.is_newer_than(follower.broker_epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let had = known.log();
        known.fetched(has, follower.broker_epoch, leader_end_offset, time);
        let joins = self.proposed.is_none() && self.joins(&self.followers[place]);
        Ok(Moved {
            high_watermark: self.advance(),
            log_start: had.map(|had| had.start_offset) != Some(has.start_offset),
            joins,
        })
    }

    /// What the leader of `leader_epoch` has sent is in the log, which ends at `log_end_offset` now; the
    /// leader's high watermark was `high_watermark`. Answers whether ours moved.
    pub fn followed(&mut self, log_end_offset: i64, high_watermark: i64) -> bool {
        self.log_end_offset = log_end_offset;
        let high_watermark = high_watermark.min(log_end_offset);
        let moves = high_watermark > self.high_watermark;
        self.high_watermark = self.high_watermark.max(high_watermark);
        moves
    }

    /// The log was cut off at `log_end_offset`.
    pub fn truncated(&mut self, log_end_offset: i64) {
        self.log_end_offset = log_end_offset;
        self.high_watermark = self.high_watermark.min(log_end_offset);
    }

    /// The log begins anew, without records, at `offset`.
    pub fn began_anew(&mut self, offset: i64) {
        self.log_end_offset = offset;
        self.high_watermark = offset;
    }

    /// The current leader epoch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The leader's broker id, -1 for none.
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// The offset below which all in-sync replicas have the records.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The least log start of the leader, whose log starts at `log_start_offset`, and of the followers that
    /// are alive; -1 while one of them hasn't said where its log starts.
    pub fn low_watermark(&self, log_start_offset: i64, is_alive: impl Fn(i32) -> bool) -> i64 {
        let alive = self
            .followers
            .iter()
            .filter(|follower| is_alive(follower.replica_id));
        let starts = alive.map(|follower| follower.log().map_or(-1, |log| log.start_offset));
        starts.fold(log_start_offset, i64::min)
    }

    /// Whether this broker leads the partition.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER if it doesn't.
    pub fn check_leader(&self) -> Result<(), ErrorCode> {
        if self.leader == self.node_id {
            Ok(())
        } else {
            Err(ErrorCode::NotLeaderOrFollower)
        }
    }

    /// Whether this broker leads the partition in the very epoch that a write rests on.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER if it leads no more, or again.
    pub fn check_leader_since(&self, leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_leader()?;
        if leader_epoch == self.leader_epoch {
            Ok(())
        } else {
            Err(ErrorCode::NotLeaderOrFollower)
        }
    }

    /// Whether as many replicas are in sync as acks=all asks for.
    pub fn has_enough_in_sync(&self) -> bool {
        let replicas = self.followers.len() + 1;
        let required = usize::try_from(self.min_insync_replicas)
            .unwrap_or(0)
            .min(replicas);
        self.isr.len() >= required
    }

    /// Whether another broker holds a replica of what this one leads; with its epoch it has said which leader
    /// it means.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER if this one doesn't lead; if the other has none, UNKNOWN_LEADER_EPOCH where it
    /// has said its epoch (it may know of a reassignment before we do), or else NOT_LEADER_OR_FOLLOWER.
    pub fn check_follower(&self, replica_id: i32, epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_leader()?;
        match self.place_of(replica_id) {
            Some(_) => Ok(()),
            None if epoch == LeaderEpoch::UNKNOWN => Err(ErrorCode::NotLeaderOrFollower),
            None => Err(ErrorCode::UnknownLeaderEpoch),
        }
    }

    /// Whether this broker follows the leader in the very epoch in which something of it was asked for.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH if it doesn't any more, or never did.
    pub fn check_follows(&self, leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        if self.follows() && leader_epoch == self.leader_epoch {
            Ok(())
        } else {
            Err(ErrorCode::FencedLeaderEpoch)
        }
    }

    /// The followers in sync from which a consumer could read `offset` instead of from this leader.
    pub fn replicas_with(&self, offset: i64) -> Vec<ReplicaView> {
        let leads = self.check_leader().is_ok();
        let followers = self.followers.iter().filter(|_| leads);
        followers
            .filter(|follower| self.isr.contains(&follower.replica_id))
            .filter_map(|follower| follower.view_of(offset))
            .collect()
    }

    /// Whether a replica is in sync, as the metadata says.
    pub fn is_in_sync(&self, replica_id: i32) -> bool {
        self.isr.contains(&replica_id)
    }

    /// Whether another broker leads.
    pub fn follows(&self) -> bool {
        self.leader >= 0 && self.leader != self.node_id
    }

    /// Whether there are other replicas.
    pub fn has_followers(&self) -> bool {
        !self.followers.is_empty()
    }

    /// Whether what was committed before this leader was elected may reach beyond what it knows to be
    /// committed. Until the high watermark has come to the start of its epoch, it can't tell where a
    /// consumer's records end (KIP-207).
    pub fn is_catching_up(&self) -> bool {
        self.high_watermark < self.epoch_start_offset
    }

    /// Compares the leader epoch a client knows with ours, as KIP-320 says.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH for an older one, UNKNOWN_LEADER_EPOCH for a newer one.
    pub fn check_epoch(&self, current_leader_epoch: LeaderEpoch) -> Result<(), ErrorCode> {
        match current_leader_epoch {
            epoch if epoch == LeaderEpoch::UNKNOWN || epoch == self.leader_epoch => Ok(()),
            epoch if epoch < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            _ => Err(ErrorCode::UnknownLeaderEpoch),
        }
    }

    fn place_of(&self, replica_id: i32) -> Option<usize> {
        let mut followers = self.followers.iter();
        followers.position(|follower| follower.replica_id == replica_id)
    }

    /// The high watermark is the least log end offset of the ISR, of what it is about to become, and of those
    /// that could join it at any moment, so that it never is beyond a joiner's end; it never goes back while
    /// the leader stays. A follower's offset is unknown until it has fetched. With too few in sync it stays
    /// where it is (KIP-966).
    fn advance(&mut self) -> bool {
        if self.check_leader().is_err() || !self.has_enough_in_sync() {
            return false;
        }
        let mut end = self.log_end_offset;
        for follower in &self.followers {
            let Some(log) = follower.log() else {
                if self.is_in_maximal_isr(follower.replica_id) {
                    return false;
                }
                continue;
            };
            if log.end_offset < end && (follower.could_join() || self.is_in_maximal_isr(follower.replica_id))
            {
                end = log.end_offset;
            }
        }
        let moves = end > self.high_watermark;
        self.high_watermark = self.high_watermark.max(end);
        moves
    }
}

#[cfg(test)]
mod tests;
