//! One log directory on disk: partition logs in Apache Kafka's file formats, their indexes, recovery and
//! producer state.
//!
//! The broker holds a [`LogDir`] for each of `log.dirs` and a [`Log`] for each partition. Everything is
//! synchronous; the broker says when and where it runs. Time and random ids are arguments.

pub mod checkpoint;
pub mod cleaner;
pub mod deletion;
pub mod disk;
pub mod error;
mod file_io;
mod index;
pub use barnabas_protocol::kafka_uuid;
pub mod layout;
pub mod log;
mod log_config;
pub mod log_dir;
mod meta_properties;
mod open_files;
pub mod platform;
pub mod producer_state;
mod segment;
#[cfg(test)]
mod simulation;
pub mod txn_index;
pub mod validate;

pub use deletion::DeletionQueue;
pub use disk::{Disk, DiskSpace, File, Folder};
pub use error::StorageError;
pub use index::{Entry as IndexEntry, OffsetEntry, TimeEntry};
pub use log::{
    AbortedTxn, AppendInfo, AppendOrigin, EpochEndOffset, FetchSlice, Log, LogFlush, ReadBound,
    RemovedSegments, RetentionCheck, RetentionVerdict, TimestampOffset,
};
pub use log_config::LogConfig;
pub use log_dir::{Loaded, LogCheckpoint, LogDir};
pub use meta_properties::MetaProperties;
pub use open_files::OpenFiles;
pub use producer_state::{ProducerEntry, ProducerSequence, VerificationGuard, Verified};
