//! `partition.metadata`: the topic id a folder belongs to (KIP-516).

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::kafka_uuid;

const FILE_NAME: &str = "partition.metadata";

/// Content of `partition.metadata`, version 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The topic's id.
    pub topic_id: Uuid,
}

/// Its path in a partition's folder.
pub fn partition_metadata_path(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

impl PartitionMetadata {
    /// Reads the file in a partition's folder. `None` when it is missing, or empty after a power cut.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn read(folder: &Folder) -> Result<Option<PartitionMetadata>> {
        let path = folder.join(FILE_NAME);
        let bytes = folder.disk().read_optional(&path)?.unwrap_or_default();
        if bytes.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&bytes);
        let field = |line: Option<&str>, name: &str| {
            let value = line
                .and_then(|line| line.split_once(": "))
                .filter(|(key, _)| *key == name);
            value.map(|(_, value)| value.trim().to_owned())
        };
        let mut lines = text.lines();
        let version = field(lines.next(), "version");
        let topic_id = field(lines.next(), "topic_id").and_then(|id| kafka_uuid::decode(&id));
        match (version.as_deref(), topic_id) {
            (Some("0"), Some(topic_id)) => Ok(Some(PartitionMetadata { topic_id })),
            _ => Err(StorageError::corrupt(
                path,
                0,
                format!("malformed content {text:?}"),
            )),
        }
    }

    /// Writes the file into a partition's folder, durably.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_synced(&self, folder: &Folder) -> Result<()> {
        self.write(folder, Durability::Synced)
    }

    /// Whether the file is what a power cut leaves of one that was being written: its beginning, or zeros.
    ///
    /// # Errors
    /// `Io`.
    pub fn is_torn(folder: &Folder) -> Result<bool> {
        let bytes = folder
            .disk()
            .read_optional(&folder.join(FILE_NAME))?
            .unwrap_or_default();
        let sound = Self {
            topic_id: Uuid::nil(),
        }
        .text();
        let known = &sound.as_bytes()[..sound.len() - kafka_uuid::encode(Uuid::nil()).len()];
        let common = bytes.len().min(known.len());
        Ok(bytes.len() <= sound.len() && (bytes.contains(&0) || bytes[..common] == known[..common]))
    }

    fn text(&self) -> String {
        format!("version: 0\ntopic_id: {}", kafka_uuid::encode(self.topic_id))
    }

    /// Writes the file into a partition's folder.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&self, folder: &Folder, durability: Durability) -> Result<()> {
        folder
            .disk()
            .replace(&folder.join(FILE_NAME), self.text().as_bytes(), durability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_rubbish_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            PartitionMetadata::read(&Folder::real(folder.path())).unwrap(),
            None
        );
        let metadata = PartitionMetadata {
            topic_id: Uuid::from_u128(77),
        };
        metadata
            .write(&Folder::real(folder.path()), Durability::PageCache)
            .unwrap();
        assert_eq!(
            PartitionMetadata::read(&Folder::real(folder.path())).unwrap(),
            Some(metadata)
        );
        for rubbish in [
            "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAATQ",
            "version: 0\n",
            "\0\0\0",
        ] {
            std::fs::write(folder.path().join(FILE_NAME), rubbish).unwrap();
            assert!(
                PartitionMetadata::read(&Folder::real(folder.path())).is_err(),
                "{rubbish:?}"
            );
            let torn = !rubbish.starts_with("version: 1");
            assert_eq!(
                PartitionMetadata::is_torn(&Folder::real(folder.path())).unwrap(),
                torn,
                "{rubbish:?}"
            );
        }
    }
}
