//! The errors of this crate, and what a client sees of them.

use std::path::PathBuf;

use barnabas_protocol::error::ErrorCode;

/// Why the metadata quorum couldn't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// This node isn't the active controller, or the quorum is shutting down.
    #[error("this node is not the active controller")]
    NotController,
    /// A file of the metadata log couldn't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is on disk isn't what this crate wrote.
    #[error("{path}: {reason}")]
    Corrupt {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder belongs to another cluster or node.
    #[error("{0}")]
    Mismatch(String),
    /// Raft or its log store has failed; the node can't go on.
    #[error("the metadata log has failed: {0}")]
    Storage(String),
}

impl MetadataError {
    /// What a client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotController => ErrorCode::NotController,
            Self::Io { .. } | Self::Storage(_) => ErrorCode::KafkaStorageError,
            Self::Corrupt { .. } | Self::Mismatch(_) => ErrorCode::UnknownServerError,
        }
    }
}
