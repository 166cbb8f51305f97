//! Leader, ISR and high watermark of one partition, decided from offsets and epochs alone, never from bytes.
//!
//! Pure. [`super::Partition`] feeds it with what its log, its followers and the metadata image say. Nothing
//! outside of it assumes how many replicas there are.

use std::fmt;

use barnabas_protocol::error::ErrorCode;

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
    /// The brokers that hold a replica.
    pub replicas: Vec<i32>,
    /// The replicas in sync with the leader.
    pub isr: Vec<i32>,
}

/// Up to where a follower has the log, as its fetches say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerLog {
    /// The follower's end: the offset it fetches.
    pub end_offset: i64,
    /// The follower's first offset.
    pub start_offset: i64,
}

/// What a follower's fetch has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The high watermark.
    pub high_watermark: bool,
    /// The follower's log start, and so perhaps the low watermark.
    pub log_start: bool,
}

/// One partition as this broker sees it.
#[derive(Debug)]
pub struct PartitionCore {
    node_id: i32,
    leader: i32,
    leader_epoch: LeaderEpoch,
    /// As configured; more than there are replicas asks for all of them.
    min_insync_replicas: i32,
    isr: Box<[i32]>,
    /// The other replicas.
    followers: Box<[Follower]>,
    log_end_offset: i64,
    high_watermark: i64,
    /// Where the log ended when the leader epoch began.
    epoch_start_offset: i64,
}

#[derive(Debug)]
struct Follower {
    replica_id: i32,
    /// `None` until it has fetched in this leader epoch.
    log: Option<FollowerLog>,
}

impl PartitionCore {
    /// A partition whose log ends at `log_end_offset` and is known to be replicated up to `high_watermark`,
    /// of which a log that has lost its end may have less.
    pub fn new(
        node_id: i32,
        assignment: Assignment,
        min_insync_replicas: i32,
        (log_end_offset, high_watermark): (i64, i64),
    ) -> Self {
        let mut core = PartitionCore {
            node_id,
            leader: assignment.leader,
            leader_epoch: assignment.leader_epoch,
            min_insync_replicas,
            isr: Box::default(),
            followers: Box::default(),
            log_end_offset,
            high_watermark: high_watermark.min(log_end_offset),
            epoch_start_offset: log_end_offset,
        };
        core.assign(assignment);
        core
    }

    /// Takes over a change of leader, epoch, replicas or ISR; answers whether the high watermark moved.
    pub fn assign(&mut self, assignment: Assignment) -> bool {
        let same_epoch = assignment.leader_epoch == self.leader_epoch;
        let others = assignment.replicas.into_iter().filter(|&id| id != self.node_id);
        let others = others.map(|replica_id| Follower {
            replica_id,
            log: self.follower(replica_id).filter(|_| same_epoch),
        });
        self.followers = others.collect();
        if !same_epoch {
            self.epoch_start_offset = self.log_end_offset;
        }
        self.leader = assignment.leader;
        self.leader_epoch = assignment.leader_epoch;
        self.isr = assignment.isr.into_boxed_slice();
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
    /// NOT_LEADER_OR_FOLLOWER if this broker doesn't lead, or the other one holds no replica.
    pub fn fetched_by(&mut self, replica_id: i32, has: FollowerLog) -> Result<Moved, ErrorCode> {
        self.check_leader()?;
        let mut followers = self.followers.iter_mut();
        let follower = followers
            .find(|follower| follower.replica_id == replica_id)
            .ok_or(ErrorCode::NotLeaderOrFollower)?;
        let had = follower.log.replace(has);
        let log_start = had.map(|had| had.start_offset) != Some(has.start_offset);
        Ok(Moved {
            high_watermark: self.advance(),
            log_start,
        })
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
        let starts = alive.map(|follower| follower.log.map_or(-1, |log| log.start_offset));
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

    /// Whether another broker holds a replica of what this one leads.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER if it doesn't, or this one doesn't lead.
    pub fn check_follower(&self, replica_id: i32) -> Result<(), ErrorCode> {
        self.check_leader()?;
        let mut followers = self.followers.iter();
        if followers.any(|follower| follower.replica_id == replica_id) {
            Ok(())
        } else {
            Err(ErrorCode::NotLeaderOrFollower)
        }
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

    fn follower(&self, replica_id: i32) -> Option<FollowerLog> {
        let mut followers = self.followers.iter();
        followers
            .find(|follower| follower.replica_id == replica_id)
            .and_then(|follower| follower.log)
    }

    /// The high watermark is the least log end offset of the ISR; it never goes back while the leader stays.
    /// A follower's offset is unknown until it has fetched. With too few in sync it stays where it is
    /// (KIP-966).
    fn advance(&mut self) -> bool {
        if self.check_leader().is_err() || !self.has_enough_in_sync() {
            return false;
        }
        let mut others = self.isr.iter().filter(|&&id| id != self.node_id);
        let end = others.try_fold(self.log_end_offset, |least, &id| {
            Some(least.min(self.follower(id)?.end_offset))
        });
        match end {
            Some(end) if end > self.high_watermark => {
                self.high_watermark = end;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
