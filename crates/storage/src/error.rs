//! What can go wrong in a log directory, and which error code a client sees of it.
//!
//! Corrupt bytes and failed system calls are errors here, with path and position; they never panic.

use std::io;
use std::path::PathBuf;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{InvalidRecord, RecordsError};
use rustix::io::Errno;

/// The crate's error; [`StorageError::error_code`] maps it to the protocol.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A system call failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as an infinitive: `write to`, `open`.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file's content is not what it must be.
    #[error("{} is corrupt at byte {position}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it (bytes from its start; line numbers for text files are in the reason).
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// An earlier failure took the log offline; it answers nothing until the process starts again.
    #[error("the log {topic}-{partition} is offline after an earlier storage error")]
    Offline {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The log's directory has failed and serves nothing until the process starts again.
    #[error("the log directory {} has failed", path.display())]
    DirFailed {
        /// The log directory.
        path: PathBuf,
    },
    /// The log was deleted, or closed for good.
    #[error("the log is gone")]
    Gone,
    /// Another process holds the log directory.
    #[error("the log directory {} is in use by another process", path.display())]
    Locked {
        /// The log directory.
        path: PathBuf,
    },
    /// The offset asked for is not in the log.
    #[error("offset {offset} is out of range: the log holds {log_start_offset} to {log_end_offset}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: i64,
        /// First offset of the log.
        log_start_offset: i64,
        /// Offset after the last record.
        log_end_offset: i64,
    },
    /// A batch that came by replication doesn't continue the log.
    #[error("batch with base offset {base_offset} cannot follow log end offset {log_end_offset}")]
    UnexpectedAppendOffset {
        /// Of the batch.
        base_offset: i64,
        /// Of the log.
        log_end_offset: i64,
    },
    /// The bytes to append are not whole record batches.
    #[error("batches to append are malformed: {0}")]
    MalformedBatches(#[from] RecordsError),
    /// All batches together are larger than a segment may be (`segment.bytes`).
    #[error("{size} bytes of batches exceed segment.bytes = {segment_bytes}")]
    LargerThanSegment {
        /// Of the batches, bytes.
        size: usize,
        /// The limit, bytes.
        segment_bytes: u32,
    },
    /// An idempotent producer's batch leaves a gap or steps back.
    #[error(
        "out of order sequence number for producer {producer_id}: {sequence} came, {last_sequence} is the last known"
    )]
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// First sequence of the refused batch.
        sequence: i32,
        /// Last sequence that was appended, -1 for none.
        last_sequence: i32,
    },
    /// A producer with a newer epoch has written.
    #[error("epoch {epoch} of producer {producer_id} is behind the last seen epoch {current_epoch}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// Epoch of the refused batch.
        epoch: i16,
        /// Last seen.
        current_epoch: i16,
    },
    /// A plain batch came from a producer in the middle of a transaction.
    #[error("producer {producer_id} has a transaction open and must write transactionally")]
    InvalidTxnState {
        /// The producer.
        producer_id: i64,
    },
    /// A transaction marker came from a coordinator that has been replaced.
    #[error(
        "coordinator epoch {coordinator_epoch} for producer {producer_id} is behind the current {current_epoch}"
    )]
    TransactionCoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// Of the refused marker.
        coordinator_epoch: i32,
        /// Last seen.
        current_epoch: i32,
    },
    /// A record that is looked into is larger than `max.decompressed.message.bytes` lets it be.
    #[error("{} has a record that is too large in the batch at byte {position}: {reason}", path.display())]
    RecordTooLarge {
        /// The segment's file.
        path: PathBuf,
        /// Where the batch begins, bytes from its start.
        position: u64,
        /// Its size and the limit.
        reason: InvalidRecord,
    },
    /// A cleaning was given up: the log was deleted, cut off, or is to be left alone.
    #[error("the cleaning of {} was given up", path.display())]
    CleaningAborted {
        /// The partition's folder.
        path: PathBuf,
    },
    /// The folder's name doesn't name a partition, or a file in it contradicts the name or the topic id.
    #[error("{} is not the folder of a partition: {reason}", path.display())]
    NotAPartition {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl StorageError {
    /// The code a client sees, as Apache Kafka's.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            StorageError::Io { .. }
            | StorageError::Offline { .. }
            | StorageError::DirFailed { .. }
            | StorageError::Locked { .. }
            | StorageError::NotAPartition { .. } => ErrorCode::KafkaStorageError,
            StorageError::Corrupt { .. } | StorageError::MalformedBatches(_) => ErrorCode::CorruptMessage,
            StorageError::RecordTooLarge { .. } => ErrorCode::InvalidRecord,
            StorageError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            StorageError::Gone => ErrorCode::UnknownTopicOrPartition,
            StorageError::UnexpectedAppendOffset { .. } | StorageError::CleaningAborted { .. } => {
                ErrorCode::UnknownServerError
            }
            StorageError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            StorageError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            StorageError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            StorageError::InvalidTxnState { .. } => ErrorCode::InvalidTxnState,
            StorageError::TransactionCoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
        }
    }

    /// Whether it says that the disk, or the folder on it, can't be relied on any more. A process that lacks
    /// descriptors or memory says nothing of the disk.
    pub fn is_of_disk(&self) -> bool {
        const OF_THE_PROCESS: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR];
        match self {
            StorageError::Io { source, .. } => !OF_THE_PROCESS
                .iter()
                .any(|errno| source.raw_os_error() == Some(errno.raw_os_error())),
            _ => false,
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> StorageError {
        let path = path.into();
        move |source| StorageError::Io { action, path, source }
    }

    pub(crate) fn corrupt(
        path: impl Into<PathBuf>,
        position: u64,
        reason: impl Into<String>,
    ) -> StorageError {
        StorageError::Corrupt {
            path: path.into(),
            position,
            reason: reason.into(),
        }
    }
}

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, StorageError>;
