//! Writing a shard's records: encoded, in batches that the topic allows.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{BatchBuilder, RecordFields, RecordsError};

use crate::codec::EncodedRecord;
use crate::error::CoordinatorError;

/// Why an append failed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A record has no bytes.
    #[error(transparent)]
    Encode(#[from] CoordinatorError),
    /// A batch has no bytes.
    #[error(transparent)]
    Batch(#[from] RecordsError),
    /// The log's own answer.
    #[error("the log refused the records: {0}")]
    Log(ErrorCode),
    /// The topic's `max.message.bytes` has no room for one record.
    #[error("a record is larger than the topic allows")]
    TooLarge,
}

impl AppendError {
    /// What a client is told (`CoordinatorOperationExceptionHelper`).
    pub fn code(&self) -> ErrorCode {
        match self {
            AppendError::Encode(_) | AppendError::Batch(_) | AppendError::TooLarge => {
                ErrorCode::UnknownServerError
            }
            AppendError::Log(error) => client_error(*error),
        }
    }
}

/// What a client is told when the log answers `error`.
pub fn client_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::NotEnoughReplicas | ErrorCode::RequestTimedOut => {
            ErrorCode::CoordinatorNotAvailable
        }
        // Where another coordinator did not answer: the client tries again, and looks for no other.
        ErrorCode::NetworkException => ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidFetchSize => {
            ErrorCode::UnknownServerError
        }
        other => other,
    }
}

/// The bytes of as many batches as the records' size asks for, each begun as `empty` is.
pub(super) fn batches(
    batch_bytes_max: usize,
    empty: &BatchBuilder,
    records: impl Iterator<Item = Result<EncodedRecord, CoordinatorError>>,
    wall_ms: i64,
) -> Result<Vec<u8>, AppendError> {
    let mut bytes = Vec::new();
    let mut builder = empty.clone();
    for record in records {
        let encoded = record?;
        let fields = RecordFields {
            timestamp: wall_ms,
            key: Some(&encoded.key),
            value: encoded.value.as_deref(),
            headers: &[],
        };
        let value_bytes = encoded.value.as_ref().map_or(0, bytes::Bytes::len);
        let record_bytes = encoded.key.len() + value_bytes + RECORD_OVERHEAD_BYTES;
        if builder.records_count() > 0 && builder.uncompressed_size() + record_bytes > batch_bytes_max {
            let full = std::mem::replace(&mut builder, empty.clone());
            push_batch(&mut bytes, full, batch_bytes_max)?;
        }
        builder.append(&fields);
    }
    push_batch(&mut bytes, builder, batch_bytes_max)?;
    Ok(bytes)
}

/// More than a record's lengths, deltas and attributes take beside its key and value.
const RECORD_OVERHEAD_BYTES: usize = 32;

fn push_batch(bytes: &mut Vec<u8>, batch: BatchBuilder, batch_bytes_max: usize) -> Result<(), AppendError> {
    let batch = batch.build()?;
    if batch.len() > batch_bytes_max {
        return Err(AppendError::TooLarge);
    }
    bytes.extend_from_slice(&batch);
    Ok(())
}
