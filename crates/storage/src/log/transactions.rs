//! Transactional producers of one log: verified before their first batch, ended by markers.

use super::{Log, State};
use crate::error::Result;
use crate::producer_state::{ProducerSequence, VerificationGuard};

impl Log {
    /// Before a transactional batch is appended: what [`Log::append_verified`] will ask for, once the
    /// transaction coordinator was asked; `None` if the producer's transaction has begun here already
    /// (KIP-890).
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn begin_verification(
        &mut self,
        batch: ProducerSequence,
        bumps_epoch: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>> {
        let open = self.open_for_writing()?;
        Ok(open.producers.begin_verification(batch, bumps_epoch, now_ms))
    }

    /// The coordinator refused for good.
    pub fn end_verification(&mut self, producer_id: i64) {
        if let State::Open(open) = &mut self.state {
            open.producers.end_verification(producer_id);
        }
    }
}
