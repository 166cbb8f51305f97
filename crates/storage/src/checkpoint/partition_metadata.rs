//! `partition.metadata`: the topic id a folder belongs to (KIP-516).

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::kafka_uuid;

const FILE_NAME: &str = "partition.metadata";

/// Content of `partition.metadata`, version 0; what a later version has behind it is passed over.
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
        let mut lines = text.lines();
        let mut field = |name: &str| {
            let (key, value) = lines.next()?.split_once(':')?;
            (key == name).then(|| value.trim())
        };
        let version: Option<i32> = field("version").and_then(|version| version.parse().ok());
        let topic_id = field("topic_id").and_then(kafka_uuid::decode);
        // A later version, as Apache Kafka has it, begins with the same lines.
        match (version, topic_id) {
            (Some(0..), Some(topic_id)) => Ok(Some(PartitionMetadata { topic_id })),
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
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::real(temporary.path());
        let read = || PartitionMetadata::read(&folder);
        assert_eq!(read().unwrap(), None);
        let metadata = PartitionMetadata {
            topic_id: Uuid::from_u128(77),
        };
        metadata.write(&folder, Durability::PageCache).unwrap();
        assert_eq!(read().unwrap(), Some(metadata));
        for (rubbish, torn) in [
            ("version: -1\ntopic_id: AAAAAAAAAAAAAAAAAAAATQ", false),
            ("version: 1\nname: t\ntopic_id: AAAAAAAAAAAAAAAAAAAATQ", false),
            ("version: 0\n", true),
            ("\0\0\0", true),
        ] {
            std::fs::write(folder.join(FILE_NAME), rubbish).unwrap();
            assert!(read().is_err(), "{rubbish:?}");
            assert_eq!(PartitionMetadata::is_torn(&folder).unwrap(), torn, "{rubbish:?}");
        }
    }

    #[test]
    fn a_later_version_says_the_topic_too() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::real(temporary.path());
        let topic_id = Uuid::from_u128(77);
        for text in [
            "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAATQ",
            "version:  7\r\ntopic_id:\tAAAAAAAAAAAAAAAAAAAATQ\r\ncolour: red\n",
        ] {
            std::fs::write(folder.join(FILE_NAME), text).unwrap();
            let read = PartitionMetadata::read(&folder).unwrap();
            assert_eq!(read, Some(PartitionMetadata { topic_id }), "{text:?}");
        }
    }
}
