//! What the batches before the recovery point tell of the leader epochs, whose checkpoint has no checksum: a
//! wrong epoch there would have recovery take sound records for those of an epoch that is over.

use barnabas_protocol::records::BatchHeader;

use crate::checkpoint::LeaderEpochs;

/// The epochs of one batch after the other.
#[derive(Debug)]
pub struct ToldEpochs {
    log_start_offset: i64,
    latest: i32,
    /// No batch tells of an earlier epoch than one before it: else the epoch of one of them is wrong itself,
    /// which no checksum covers either.
    rising: bool,
    agree: bool,
}

impl ToldEpochs {
    /// Of no batch yet, in a log that begins there.
    pub fn new(log_start_offset: i64) -> Self {
        ToldEpochs {
            log_start_offset,
            latest: -1,
            rising: true,
            agree: true,
        }
    }

    /// Takes note of the next batch's epoch.
    pub fn note(&mut self, header: &BatchHeader) {
        self.rising &= header.partition_leader_epoch >= self.latest;
        self.latest = header.partition_leader_epoch;
    }

    /// Compares it with the checkpoint's, which has none for what was deleted.
    pub fn compare(&mut self, header: &BatchHeader, epochs: &LeaderEpochs) {
        let (epoch, last_offset) = (header.partition_leader_epoch, header.last_offset());
        if epoch >= 0 && last_offset >= self.log_start_offset {
            self.agree &= epochs.epoch_for_offset(last_offset) == Some(epoch);
        }
    }

    /// Whether the checkpoint is wrong.
    pub fn refute_checkpoint(&self) -> bool {
        self.rising && !self.agree
    }
}
