//! The snapshot: the image as records, in one JSON file that is replaced whole.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::types::SnapshotMeta;
use crate::error::MetadataError;
use crate::image::MetadataImage;
use crate::records::{MetadataRecord, encoding};

/// Where the snapshot of a node lies.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    dir: PathBuf,
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
    const NAME: &str = "snapshot.json";

    /// The snapshot in a node's metadata folder.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Reads the file as it is; `None` when there is none.
    pub fn read(&self) -> Result<Option<Vec<u8>>, MetadataError> {
        let path = self.dir.join(Self::NAME);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MetadataError::Io { path, source }),
        }
    }

    /// Decodes what [`SnapshotFile::read`] gave.
    pub fn decode(&self, bytes: &[u8]) -> Result<SnapshotContent, MetadataError> {
        serde_json::from_slice(bytes).map_err(|error| MetadataError::Corrupt {
            path: self.dir.join(Self::NAME),
            reason: error.to_string(),
        })
    }

    /// Replaces the file: a crash leaves the old one or the new one.
    pub fn write(&self, bytes: &[u8]) -> Result<(), MetadataError> {
        let path = self.dir.join(Self::NAME);
        let temporary = self.dir.join("snapshot.tmp");
        let written = (|| {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.dir)?.sync_all()
        })();
        written.map_err(|source| MetadataError::Io { path, source })
    }
}
