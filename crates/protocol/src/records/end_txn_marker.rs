//! Transaction markers: the one record of a control batch that ends a producer's transaction (KIP-98).
//!
//! ```text
//!  key: version i16 | type i16 (0 abort, 1 commit)      value: version i16 | coordinator epoch i32
//! ```

use super::{BatchBuilder, Compression, NO_SEQUENCE, Record, RecordFields, RecordsError};

/// What a transaction marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Commit, or abort.
    pub committed: bool,
    /// Epoch of the coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// The marker in the payload of a control batch. `None` for other control records and for an empty batch,
    /// which the cleaner leaves where a whole transaction has gone.
    pub fn parse(payload: &[u8]) -> Option<EndTxnMarker> {
        let (record, _) = Record::parse(payload).ok()?;
        Self::decode(record.key?, record.value)
    }

    /// The marker in a control record; `None` for other control records.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Option<EndTxnMarker> {
        let &[_, _, 0, kind @ (0 | 1), ..] = key else {
            return None;
        };
        let epoch = value?.get(2..)?.first_chunk::<4>()?;
        Some(EndTxnMarker {
            committed: kind == 1,
            coordinator_epoch: i32::from_be_bytes(*epoch),
        })
    }

    /// The control batch that ends a producer's transaction.
    ///
    /// # Errors
    /// None in practice: one small record is encoded.
    pub fn to_batch(
        self,
        producer_id: i64,
        producer_epoch: i16,
        now_ms: i64,
    ) -> Result<Vec<u8>, RecordsError> {
        let mut builder = BatchBuilder::new(Compression::None)
            .producer(producer_id, producer_epoch, NO_SEQUENCE)
            .transactional()
            .control();
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        builder.append(&RecordFields {
            timestamp: now_ms,
            key: Some(&[0, 0, 0, u8::from(self.committed)]),
            value: Some(&value),
            headers: &[],
        });
        builder.build()
    }
}
