//! The errors of this crate, and what a client sees of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

/// Why the metadata quorum couldn't do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MetadataError {
    /// This node isn't the active controller.
    #[error("this node is not the active controller")]
    NotController {
        /// Who is, as far as this node knows.
        leader_id: Option<i32>,
    },
    /// No active controller was found in time. Whether the request has had its effect is not known.
    #[error("no active controller has answered in time")]
    TimedOut,
    /// The quorum is shutting down.
    #[error("the metadata quorum is shutting down")]
    ShuttingDown,
    /// A file of the metadata log couldn't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
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
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    /// What a client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotController { .. } | Self::ShuttingDown => ErrorCode::NotController,
            Self::TimedOut => ErrorCode::RequestTimedOut,
            Self::Io { .. } | Self::Storage(_) => ErrorCode::KafkaStorageError,
            Self::Corrupt { .. } | Self::Mismatch(_) => ErrorCode::UnknownServerError,
        }
    }
}
