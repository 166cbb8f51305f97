//! Transaction markers: the one record of a control batch that ends a producer's transaction (KIP-98).
//!
//! ```text
//!  key: version i16 | type i16 (0 abort, 1 commit)      value: version i16 | coordinator epoch i32
//! ```

use barnabas_protocol::records::Record;

/// What a transaction marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Commit, or abort.
    pub committed: bool,
    /// Epoch of the coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// The marker in the payload of a control batch. `None` for other control records and for an empty batch, which
    /// the cleaner leaves where a whole transaction has gone.
    pub fn parse(payload: &[u8]) -> Option<EndTxnMarker> {
        let (record, _) = Record::parse(payload).ok()?;
        let &[_, _, 0, kind @ (0 | 1), ..] = record.key? else {
            return None;
        };
        let epoch = record.value?.get(2..)?.first_chunk::<4>()?;
        Some(EndTxnMarker {
            committed: kind == 1,
            coordinator_epoch: i32::from_be_bytes(*epoch),
        })
    }
}
