//! What a log knows of its idempotent and transactional producers (KIP-98).

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Epoch of the transaction coordinator that wrote the last marker, -1 for none.
    pub coordinator_epoch: i32,
    /// Timestamp of its last batch, ms.
    pub last_timestamp: i64,
    /// Offset of its open transaction's first record.
    pub current_txn_first_offset: Option<i64>,
}

impl ProducerEntry {
    /// Sequence number of the last record, -1 for none.
    pub fn last_sequence(&self) -> i32 {
        todo!()
    }
}
