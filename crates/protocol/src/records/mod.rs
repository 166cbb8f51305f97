//! Record batches, format v2: the bytes that Produce carries, segments store and Fetch returns.
//!
//! Everything here works on borrowed bytes. A [`BatchHeader`] is parsed out of the first 61 bytes,
//! [`batches`] walks a buffer of consecutive batches and [`Records`] walks the records of one, all without
//! allocating. Only [`compression`] and [`BatchBuilder`] produce new buffers.
//!
//! Invariants: no length, count or delta that came from outside is believed before it is proven against the
//! bytes that remain; no function panics on any input.
//!
//! Callers: storage (append, recovery, lookup, validation), coordinator (internal topics), broker (Produce,
//! Fetch).

mod batches;
mod builder;
pub mod compression;
mod end_txn_marker;
mod error;
mod header;
mod raw;
mod record;
mod skim;
mod varint;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use batches::{Batch, Batches, batches, sole_batch};
pub use builder::{BatchBuilder, RecordFields};
pub use compression::Compression;
pub use end_txn_marker::EndTxnMarker;
pub use error::{InvalidRecord, RecordsError};
pub use header::{
    Attributes, BATCH_LENGTH_OFFSET, BATCH_OVERHEAD, BatchHeader, LOG_OVERHEAD, MAGIC_OFFSET, MAGIC_V2,
    NO_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType, batch_crc, seal,
    set_base_offset, set_max_timestamp, set_partition_leader_epoch,
};
pub use raw::{RawRecord, RawRecords};
pub use record::{Header, Headers, Record, Records};
pub use skim::{Skim, SkimmedRecord};
