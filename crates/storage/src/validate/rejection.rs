//! Why records were refused, in the terms of a Produce response.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{InvalidRecord, RecordsError};

/// Kafka reads a batch's producer id before it checks its size, and fails when the batch ends before byte 51.
const PRODUCER_ID_END: usize = 51;

/// One record's error in a Produce response (version 8 and above, KIP-467).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record in its batch.
    pub batch_index: i32,
    /// What is wrong with it, worded as Apache Kafka does.
    pub message: String,
}

/// A partition's records were refused; nothing of them may be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The partition's error code.
    pub error_code: ErrorCode,
    /// The partition's error message; Kafka gives one only with record errors and for whole requests.
    pub message: Option<String>,
    /// The records at fault, as far as single ones are.
    pub record_errors: Vec<RecordError>,
}

impl Rejection {
    pub(super) fn new(error_code: ErrorCode) -> Rejection {
        Rejection {
            error_code,
            message: None,
            record_errors: Vec::new(),
        }
    }
}

impl From<RecordsError> for Rejection {
    /// The code Apache Kafka answers for a batch that cannot be read. What its decoders throw is no error of
    /// the protocol to it, hence UNKNOWN_SERVER_ERROR.
    fn from(error: RecordsError) -> Rejection {
        Rejection::new(match error {
            RecordsError::SizeBelowOverhead { size } if size < PRODUCER_ID_END => {
                ErrorCode::UnknownServerError
            }
            RecordsError::SizeBelowMinimum { .. }
            | RecordsError::SizeBelowOverhead { .. }
            | RecordsError::UnknownMagic(_)
            | RecordsError::Crc { .. } => ErrorCode::CorruptMessage,
            RecordsError::UnknownCompression(_)
            | RecordsError::Compression { .. }
            | RecordsError::InvalidRecord(InvalidRecord::LengthVarint) => ErrorCode::UnknownServerError,
            RecordsError::Truncated { .. }
            | RecordsError::LegacyMagic { .. }
            | RecordsError::InvalidRecord(_) => ErrorCode::InvalidRecord,
            RecordsError::DecompressedTooLarge { .. } | RecordsError::BatchTooLarge(_) => {
                ErrorCode::MessageTooLarge
            }
        })
    }
}
