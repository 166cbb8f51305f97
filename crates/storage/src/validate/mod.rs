//! What a leader asks of produced records before they may enter its log.
//!
//! The rules are Apache Kafka 4.4's: `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`
//! and `LogValidator`; every code was seen in its answers. A pure core: bytes, settings and the time go in, a
//! batch that is ready for an offset or a [`Rejection`] comes out. The Produce handler calls, in this order:
//!
//! 1. [`starts_transactional`] for every partition, where an error fails the whole request,
//! 2. [`check_produce`] for each partition of a known topic,
//! 3. [`validate`] for each partition that this broker leads; the log then assigns offset and leader epoch.
//!
//! Sequence numbers against the producer's state, and `segment.bytes`, are the log's to check: they need its
//! lock.
//!
//! Cost: an uncompressed batch takes one CRC and one walk over its records, no allocation. A compressed batch
//! is decompressed in a stream of bounded memory, and only a topic with another codec has it rebuilt.
//!
//! Deviations: records of a compressed batch whose own length field lies are refused (Kafka lets them in, and
//! no consumer can read them); record errors beyond [`RECORD_ERRORS_MAX`] are counted, not listed; what
//! expands beyond [`DECOMPRESSED_BYTES_MAX`] is refused with MESSAGE_TOO_LARGE, and so is what is to be
//! rebuilt and expands beyond [`REBUILT_EXPANSION_MAX`] times `max.message.bytes`, within
//! [`REBUILT_BYTES_MIN`] and [`REBUILT_BYTES_MAX`].

mod batch;
mod judge;
mod produce;
mod rebuild;
mod rejection;
mod settings;

pub use batch::{ValidBatch, validate};
pub use produce::{check_produce, starts_transactional};
pub use rejection::{RecordError, Rejection};
pub use settings::{TargetCompression, ValidationSettings};

/// Record errors that one answer lists at most.
pub const RECORD_ERRORS_MAX: usize = 10_000;
/// What the records of one batch may expand to while they are only read.
pub const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;
/// What the records of one batch may expand to when they must be rebuilt, and so be held in memory, whatever
/// the settings.
pub const REBUILT_BYTES_MAX: usize = 64 << 20;
/// So much they may always expand to.
pub const REBUILT_BYTES_MIN: usize = 16 << 20;
/// A batch that is rebuilt must fit `max.message.bytes` again: what expands to more than so many times that
/// is a bomb.
pub const REBUILT_EXPANSION_MAX: usize = 16;

#[cfg(test)]
mod tests;
