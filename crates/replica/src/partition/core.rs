//! Leader, ISR and high watermark of one partition, decided from offsets and epochs alone, never from bytes.
//!
//! Pure. [`super::Partition`] feeds it with what its log and the metadata image say.

use barnabas_protocol::error::ErrorCode;

/// What the metadata image says about a partition and this broker's part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The leader's broker id, -1 for none.
    pub leader: i32,
    /// Counts the leaders there have been.
    pub leader_epoch: i32,
    /// The replicas in sync with the leader.
    pub isr: Vec<i32>,
}

/// Stands for a leader epoch that a client doesn't know.
const NO_EPOCH: i32 = -1;

/// One partition as this broker sees it.
#[derive(Debug)]
pub struct PartitionCore {
    node_id: i32,
    assignment: Assignment,
    log_end_offset: i64,
    high_watermark: i64,
}

impl PartitionCore {
    /// A partition whose log ends at `log_end_offset` and is known to be replicated up to `high_watermark`, of which a log
    /// that has lost its end may have less.
    pub fn new(node_id: i32, assignment: Assignment, log_end_offset: i64, high_watermark: i64) -> Self {
        let mut core = PartitionCore {
            node_id,
            assignment,
            log_end_offset,
            high_watermark: high_watermark.min(log_end_offset),
        };
        core.advance();
        core
    }

    /// Takes over a change of leader, epoch or ISR; answers whether the high watermark moved.
    pub fn assign(&mut self, assignment: Assignment) -> bool {
        self.assignment = assignment;
        self.advance()
    }

    /// The log has grown to `log_end_offset`; answers whether the high watermark moved.
    pub fn appended(&mut self, log_end_offset: i64) -> bool {
        self.log_end_offset = log_end_offset;
        self.advance()
    }

    /// The current leader epoch.
    pub fn leader_epoch(&self) -> i32 {
        self.assignment.leader_epoch
    }

    /// The leader's broker id, -1 for none.
    pub fn leader(&self) -> i32 {
        self.assignment.leader
    }

    /// How many replicas are in sync.
    pub fn isr_len(&self) -> usize {
        self.assignment.isr.len()
    }

    /// The offset below which all in-sync replicas have the records.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Whether this broker leads the partition.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER if it doesn't.
    pub fn check_leader(&self) -> Result<(), ErrorCode> {
        if self.assignment.leader == self.node_id {
            Ok(())
        } else {
            Err(ErrorCode::NotLeaderOrFollower)
        }
    }

    /// Compares the leader epoch a client knows (-1: none) with ours, as KIP-320 says.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH for an older one, UNKNOWN_LEADER_EPOCH for a newer one.
    pub fn check_epoch(&self, current_leader_epoch: i32) -> Result<(), ErrorCode> {
        match current_leader_epoch {
            epoch if epoch == NO_EPOCH || epoch == self.leader_epoch() => Ok(()),
            epoch if epoch < self.leader_epoch() => Err(ErrorCode::FencedLeaderEpoch),
            _ => Err(ErrorCode::UnknownLeaderEpoch),
        }
    }

    /// The high watermark is the least log end offset of the ISR; it never goes back while the leader stays. A
    /// follower's offset is unknown until it has fetched, so only a leader alone in its ISR moves it here.
    fn advance(&mut self) -> bool {
        let alone = self.assignment.isr == [self.node_id];
        if self.check_leader().is_err() || !alone || self.log_end_offset <= self.high_watermark {
            return false;
        }
        self.high_watermark = self.log_end_offset;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(leader: i32, leader_epoch: i32, isr: &[i32]) -> Assignment {
        Assignment {
            leader,
            leader_epoch,
            isr: isr.to_vec(),
        }
    }

    #[test]
    fn the_high_watermark_follows_the_log_of_a_leader_alone_in_its_isr() {
        let mut core = PartitionCore::new(1, assignment(1, 0, &[1]), 5, 0);
        assert_eq!(
            core.high_watermark(),
            5,
            "what was in the log at the start is committed"
        );
        assert!(core.appended(8));
        assert_eq!(core.high_watermark(), 8);
        assert!(!core.appended(8));
    }

    #[test]
    fn the_high_watermark_is_never_behind_the_end_of_a_log_that_was_cut() {
        let core = PartitionCore::new(1, assignment(1, 0, &[1]), 4, 5);
        assert_eq!(core.high_watermark(), 4);
    }

    #[test]
    fn the_high_watermark_waits_for_the_other_replicas_in_sync() {
        let mut core = PartitionCore::new(1, assignment(1, 0, &[1, 2]), 5, 3);
        assert!(!core.appended(8));
        assert_eq!(core.high_watermark(), 3);
        assert!(
            core.assign(assignment(1, 0, &[1])),
            "the ISR shrank to the leader"
        );
        assert_eq!(core.high_watermark(), 8);
    }

    #[test]
    fn a_follower_moves_nothing_and_says_so() {
        let mut core = PartitionCore::new(1, assignment(2, 4, &[1, 2]), 5, 3);
        assert!(!core.appended(8));
        assert_eq!(core.check_leader(), Err(ErrorCode::NotLeaderOrFollower));
    }

    #[test]
    fn epochs_of_clients_are_compared_with_the_current_one() {
        let core = PartitionCore::new(1, assignment(1, 4, &[1]), 0, 0);
        let cases = [
            (-1, Ok(())),
            (4, Ok(())),
            (3, Err(ErrorCode::FencedLeaderEpoch)),
            (5, Err(ErrorCode::UnknownLeaderEpoch)),
        ];
        for (epoch, expected) in cases {
            assert_eq!(core.check_epoch(epoch), expected, "{epoch}");
        }
    }
}
