//! What the quorum needs of a disk: a small ordered store for vote and log, and a file for the snapshot. On a
//! node it is a folder ([`super::folder`]), in a simulation memory that forgets what wasn't synced
//! ([`super::simulated_disk`]).

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use crate::error::MetadataError;

/// A range of keys.
pub type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Changes that are made all or not at all.
#[derive(Debug, Default)]
pub struct Changes {
    /// Keys with their new values.
    pub set: Vec<KeyValue>,
    /// Keys that go.
    pub removed: Vec<Vec<u8>>,
}

/// Where a voter keeps its vote and its log: keys and values in order.
pub trait LogDisk: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MetadataError>;

    /// Keys and values in order.
    fn range(&self, keys: KeyRange) -> Result<Vec<KeyValue>, MetadataError>;

    /// The last key of a range.
    fn last_key(&self, keys: KeyRange) -> Result<Option<Vec<u8>>, MetadataError>;

    /// Makes changes. They are visible at once, and on disk after the next [`LogDisk::sync`].
    fn change(&self, changes: Changes) -> Result<(), MetadataError>;

    /// Waits until every change made before is on disk.
    fn sync(&self) -> io::Result<()>;

    /// What is told of something in the log that can't be read.
    fn corrupt(&self, reason: String) -> MetadataError;
}

/// Where a voter keeps its snapshot.
pub trait SnapshotDisk: Send + Sync + 'static {
    /// The snapshot; `None` when there is none.
    fn read(&self) -> Result<Option<Vec<u8>>, MetadataError>;

    /// Replaces the snapshot: a crash leaves the old one or the new one. It is on disk when this returns.
    fn replace(&self, bytes: &[u8]) -> Result<(), MetadataError>;

    /// What is told of a snapshot that can't be read.
    fn corrupt(&self, reason: String) -> MetadataError;
}

/// The disk of one voter.
#[derive(Clone, Debug)]
pub struct MetadataDisk {
    /// Vote and log. It is closed when the quorum has shut down.
    pub log: Arc<dyn LogDisk>,
    /// The snapshot.
    pub snapshots: Arc<dyn SnapshotDisk>,
}

impl fmt::Debug for dyn LogDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogDisk")
    }
}

impl fmt::Debug for dyn SnapshotDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SnapshotDisk")
    }
}
