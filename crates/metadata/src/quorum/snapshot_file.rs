//! The snapshot: the image as records, in one JSON file that is replaced whole.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::disk::SnapshotDisk;
use super::types::SnapshotMeta;
use crate::error::MetadataError;
use crate::image::MetadataImage;
use crate::records::{MetadataRecord, encoding};

/// The snapshot on a disk. Clones share it.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    disk: Arc<dyn SnapshotDisk>,
}

/// A snapshot's content.
#[derive(Debug, Serialize, Deserialize)]
pub struct SnapshotContent {
    /// Raft's part: the last log id and the membership.
    pub meta: SnapshotMeta,
    /// The records that build the image.
    #[serde(with = "encoding::records")]
    pub records: Vec<MetadataRecord>,
}

impl SnapshotContent {
    /// The image as it was when the snapshot was taken.
    pub fn image(&self) -> MetadataImage {
        let (offset, epoch) = match &self.meta.last_log_id {
            Some(log_id) => (log_id.index as i64, log_id.leader_id.term as i32),
            None => (-1, 0),
        };
        MetadataImage::empty().apply(&self.records, offset, epoch).0
    }
}

impl SnapshotFile {
    /// The snapshot on a disk.
    pub fn new(disk: Arc<dyn SnapshotDisk>) -> Self {
        Self { disk }
    }

    /// Reads the file as it is; `None` when there is none.
    pub fn read(&self) -> Result<Option<Vec<u8>>, MetadataError> {
        self.disk.read()
    }

    /// Decodes what [`SnapshotFile::read`] gave.
    pub fn decode(&self, bytes: &[u8]) -> Result<SnapshotContent, MetadataError> {
        serde_json::from_slice(bytes).map_err(|error| self.disk.corrupt(error.to_string()))
    }

    /// Replaces the file: a crash leaves the old one or the new one.
    pub fn write(&self, bytes: &[u8]) -> Result<(), MetadataError> {
        self.disk.replace(bytes)
    }
}
