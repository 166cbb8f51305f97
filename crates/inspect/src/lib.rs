//! Looks into the files of a log directory without changing anything: what `barnabas log dump` and `barnabas
//! log verify` do.
//!
//! Works on folders of this broker and of Apache Kafka alike, since the files are the same, and best while no
//! broker runs on them. Files are streamed: memory follows the largest sound batch, whatever a damaged length
//! claims.

pub mod cluster;
pub mod dump;
pub mod finding;
pub mod place;
pub mod segments;
pub mod verify;

pub use finding::{Finding, Severity};

use std::path::PathBuf;

use barnabas_storage::StorageError;

/// Why a path could not be looked into at all; what is wrong with its content is a [`Finding`].
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A file can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path isn't of a log directory.
    #[error("{} is neither a log directory, nor a partition's folder, nor one of their files", path.display())]
    Unknown {
        /// The path.
        path: PathBuf,
    },
}

impl InspectError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> InspectError {
        let path = path.into();
        move |source| InspectError::Io { path, source }
    }
}

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, InspectError>;
