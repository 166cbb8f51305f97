//! What can be wrong with record batches. Texts are worded for a client's log; storage maps variants to error
//! codes.

use super::Compression;

/// Why a buffer is not a sequence of sound record batches.
///
/// `InvalidRecord` and `Compression` concern the content of one batch; all others concern its frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// Fewer bytes than a batch header, or than the batch says it has.
    #[error("a record batch needs {needed} bytes, {available} are there")]
    Truncated {
        /// Bytes needed to go on.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// `batch_length` is below the least a message set entry of any magic can have (14), or negative.
    #[error("Record size {size} is less than the minimum record overhead (14)")]
    SizeBelowMinimum {
        /// The batch length field.
        size: i32,
    },
    /// A magic 2 batch whose whole size is below its own header's 61 bytes.
    #[error("Record batch is corrupted (the size {size} is smaller than the minimum allowed overhead 61)")]
    SizeBelowOverhead {
        /// Whole size: batch length + 12.
        size: usize,
    },
    /// A message set of magic 0 or 1, which no longer exists in Apache Kafka 4.
    #[error("message format v{magic} is not supported")]
    LegacyMagic {
        /// 0 or 1.
        magic: i8,
        /// Whole size of the set's first entry in bytes.
        size: usize,
    },
    /// A magic that no version of Kafka has known.
    #[error("Invalid magic found in record: {0}")]
    UnknownMagic(i8),
    /// The CRC-32C in the header is not that of the bytes behind it.
    #[error("Record is corrupt (stored crc = {stored}, computed crc = {computed})")]
    Crc {
        /// As read from the header.
        stored: u32,
        /// Over attributes to end of batch.
        computed: u32,
    },
    /// The lowest three attribute bits name no codec.
    #[error("Unknown compression type id: {0}")]
    UnknownCompression(u8),
    /// The payload is not a sound stream of its codec.
    #[error("{codec} payload cannot be decompressed: {reason}")]
    Compression {
        /// Codec named in the batch's attributes.
        codec: Compression,
        /// What the decoder says.
        reason: String,
    },
    /// Decompressing would give more than the caller allows.
    #[error("{codec} payload decompresses to more than {cap} bytes")]
    DecompressedTooLarge {
        /// Codec named in the batch's attributes.
        codec: Compression,
        /// The caller's cap in bytes.
        cap: usize,
    },
    /// A record inside of the batch is malformed.
    #[error(transparent)]
    InvalidRecord(#[from] InvalidRecord),
    /// A batch that is being built would not fit a length field.
    #[error("a record batch of {0} bytes does not fit its length field")]
    BatchTooLarge(usize),
}

/// Why the records of a batch are malformed. Apache Kafka answers INVALID_RECORD unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// The record's length itself is no varint. (Apache Kafka fails on this one with UNKNOWN_SERVER_ERROR.)
    #[error("Varint is too long")]
    LengthVarint,
    /// A varint runs over its limit, or a field over the end of its record.
    #[error("Found invalid record structure")]
    Structure,
    /// The record's length runs over the end of the batch, or is negative.
    #[error(
        "Invalid record size: expected {expected} bytes in record payload, but the record payload reached EOF."
    )]
    Size {
        /// The record's length field.
        expected: i32,
    },
    /// The record's length is more than the reader takes (`max.decompressed.message.bytes`).
    #[error("Invalid record size: {expected} exceeds the configured maximum record size of {limit}.")]
    TooLarge {
        /// The record's length field.
        expected: i32,
        /// The most it may be.
        limit: usize,
    },
    /// The record's fields end before the record's length does.
    #[error(
        "Invalid record size: expected to read {expected} bytes in record payload, but instead read {read}"
    )]
    SizeMismatch {
        /// The record's length field.
        expected: i32,
        /// Bytes that its fields take.
        read: usize,
    },
    /// A negative header count.
    #[error("Found invalid number of record headers {0}")]
    HeaderCount(i32),
    /// More headers than bytes remain.
    #[error("Found invalid number of record headers. {0} is larger than the remaining size of the buffer")]
    HeaderCountOverrun(i32),
    /// A negative header key length.
    #[error("Invalid negative header key size {0}")]
    HeaderKeySize(i32),
    /// Bytes follow the last declared record.
    #[error("Incorrect declared batch size, records still remaining in file")]
    RecordsRemain,
    /// The payload ends before the last declared record.
    #[error("Incorrect declared batch size, premature EOF reached")]
    PrematureEnd,
    /// A negative record count.
    #[error("Found invalid record count {0} in magic v2 batch")]
    RecordCount(i32),
}
