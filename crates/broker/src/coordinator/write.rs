//! Writing a shard's records: encoded, in batches that the topic allows, appended as the leader.

use barnabas_coordinator::{CoordinatorError, EncodedRecord, GroupRecord};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields, RecordsError};
use barnabas_storage::{AppendOrigin, ProducerSequence, VerificationGuard, Verified};

use barnabas_replica::partition::Partition;
use barnabas_replica::partition::append::{AppendAs, RequiredAcks};
use barnabas_replica::partition::core::LeaderEpoch;

/// Why an append failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error(transparent)]
    Encode(#[from] CoordinatorError),
    #[error(transparent)]
    Batch(#[from] RecordsError),
    #[error("the log refused the records: {0}")]
    Log(ErrorCode),
    #[error("a record is larger than the topic allows")]
    TooLarge,
}

impl AppendError {
    /// What a client is told (`CoordinatorOperationExceptionHelper`).
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            AppendError::Encode(_) | AppendError::Batch(_) | AppendError::TooLarge => {
                ErrorCode::UnknownServerError
            }
            AppendError::Log(error) => client_error(*error),
        }
    }
}

/// What a client is told when the log answers `error`.
pub(super) fn client_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::NotEnoughReplicas | ErrorCode::RequestTimedOut => {
            ErrorCode::CoordinatorNotAvailable
        }
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidFetchSize => {
            ErrorCode::UnknownServerError
        }
        other => other,
    }
}

/// Writes records to the log, in as many batches as their size asks for. Returns the log's end.
pub(super) fn write(
    partition: &Partition,
    leader_epoch: LeaderEpoch,
    compression: Compression,
    records: impl Iterator<Item = Result<EncodedRecord, CoordinatorError>>,
    wall_ms: i64,
) -> Result<i64, AppendError> {
    let mut bytes = batches(partition, BatchBuilder::new(compression), records, wall_ms)?;
    append(partition, leader_epoch, &mut bytes, Verified::NotAsked, wall_ms)
}

/// Writes a group's records to the log in a producer's transaction. Returns the log's end.
pub(super) fn write_in_transaction(
    partition: &Partition,
    leader_epoch: LeaderEpoch,
    records: &[GroupRecord],
    batch: ProducerSequence,
    guard: Option<VerificationGuard>,
    wall_ms: i64,
) -> Result<i64, AppendError> {
    let ProducerSequence {
        producer_id,
        producer_epoch,
        base_sequence,
    } = batch;
    let builder = BatchBuilder::new(Compression::None)
        .producer(producer_id, producer_epoch, base_sequence)
        .transactional();
    let encoded = records.iter().map(GroupRecord::encode);
    let mut bytes = batches(partition, builder, encoded, wall_ms)?;
    append(
        partition,
        leader_epoch,
        &mut bytes,
        Verified::Asked(guard),
        wall_ms,
    )
}

/// Appends what rests on the state of `leader_epoch`. Whoever answers waits for the commit.
fn append(
    partition: &Partition,
    leader_epoch: LeaderEpoch,
    bytes: &mut [u8],
    verified: Verified,
    wall_ms: i64,
) -> Result<i64, AppendError> {
    let how = AppendAs {
        origin: AppendOrigin::Coordinator,
        acks: RequiredAcks::AllLater,
        leader_epoch: Some(leader_epoch),
        verified,
        now_ms: wall_ms,
    };
    let appended = partition.append(bytes, &how);
    let appended = appended.map_err(|refused| AppendError::Log(refused.error))?;
    Ok(appended.end_offset())
}

/// The bytes of as many batches as the records' size asks for, each begun as `empty` is.
fn batches(
    partition: &Partition,
    empty: BatchBuilder,
    records: impl Iterator<Item = Result<EncodedRecord, CoordinatorError>>,
    wall_ms: i64,
) -> Result<Vec<u8>, AppendError> {
    let batch_bytes_max = usize::try_from(partition.settings().config.max_message_bytes).unwrap_or(0);
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
