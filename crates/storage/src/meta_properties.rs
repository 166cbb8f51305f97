//! `meta.properties`, the file that says to which cluster and node a log directory belongs (KIP-631, KIP-858).

use uuid::Uuid;

use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::kafka_uuid;

/// Its name in the log directory.
pub const FILE_NAME: &str = "meta.properties";

/// Content of `meta.properties`, version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: i32,
    /// `directory.id`, written in Kafka's URL-safe base64.
    pub directory_id: Uuid,
}

impl MetaProperties {
    /// Reads the file in `log_dir`, if there is one.
    ///
    /// # Errors
    /// `Io`; `Corrupt` with the line that is wrong.
    pub fn read(log_dir: &Folder) -> Result<Option<MetaProperties>> {
        let path = log_dir.join(FILE_NAME);
        let Some(bytes) = log_dir.disk().read_optional(&path)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        parse(&text)
            .map(Some)
            .map_err(|reason| StorageError::corrupt(path, 0, reason))
    }

    /// Writes the file in `log_dir`.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&self, log_dir: &Folder) -> Result<()> {
        let mut text = String::from("#\n");
        text += &format!("cluster.id={}\n", self.cluster_id);
        text += &format!("directory.id={}\n", kafka_uuid::encode(self.directory_id));
        text += &format!("node.id={}\nversion=1\n", self.node_id);
        log_dir
            .disk()
            .replace(&log_dir.join(FILE_NAME), text.as_bytes(), Durability::Synced)
    }
}

fn parse(text: &str) -> std::result::Result<MetaProperties, String> {
    let get = |key: &str| {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with(['#', '!']));
        let mut pairs = lines.filter_map(|line| line.split_once('='));
        pairs
            .find(|(k, _)| k.trim() == key)
            .map(|(_, value)| value.trim().replace('\\', ""))
    };
    let version = get("version").ok_or("version is missing")?;
    if version != "1" {
        return Err(format!("version {version} is not known, only 1"));
    }
    let node_id = get("node.id").ok_or("node.id is missing")?;
    let node_id = node_id
        .parse()
        .map_err(|_| format!("node.id {node_id} is not a number"))?;
    let cluster_id = get("cluster.id").ok_or("cluster.id is missing")?;
    let directory_id = get("directory.id").ok_or("directory.id is missing")?;
    let directory_id = kafka_uuid::decode(&directory_id)
        .ok_or_else(|| format!("directory.id {directory_id} is not an id"))?;
    Ok(MetaProperties {
        cluster_id,
        node_id,
        directory_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(MetaProperties::read(&Folder::real(folder.path())).unwrap(), None);
        let properties = MetaProperties {
            cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".to_owned(),
            node_id: 3,
            directory_id: Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788),
        };
        properties.write(&Folder::real(folder.path())).unwrap();
        assert_eq!(
            MetaProperties::read(&Folder::real(folder.path())).unwrap(),
            Some(properties)
        );
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            ("", "version is missing"),
            (
                "version=2\nnode.id=1\ncluster.id=x",
                "version 2 is not known, only 1",
            ),
            ("version=1\ncluster.id=x", "node.id is missing"),
            (
                "version=1\nnode.id=one\ncluster.id=x",
                "node.id one is not a number",
            ),
            ("version=1\nnode.id=1", "cluster.id is missing"),
            ("version=1\nnode.id=1\ncluster.id=x", "directory.id is missing"),
            (
                "version=1\nnode.id=1\ncluster.id=x\ndirectory.id=?",
                "directory.id ? is not an id",
            ),
        ];
        for (text, reason) in cases {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text}");
        }
    }
}
