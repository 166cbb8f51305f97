//! `meta.properties`: which cluster and node a log directory belongs to, in Apache Kafka's format (version 1).
//!
//! Written once, when the directory is formatted; a directory of another cluster or node stops the start.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::error::MetadataError;

/// The file's name within a log directory.
pub const FILE_NAME: &str = "meta.properties";

/// The content of a `meta.properties` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id: 22 characters of URL-safe base64.
    pub cluster_id: String,
    /// The node's id.
    pub node_id: i32,
    /// The directory's id, in the same form as the cluster's; absent in directories of older brokers.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    /// Reads the file of a log directory; `None` when the directory has none yet.
    pub fn read(log_dir: &Path) -> Result<Option<Self>, MetadataError> {
        let path = log_dir.join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text)
                .map(Some)
                .map_err(|reason| MetadataError::Corrupt { path, reason }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MetadataError::Io { path, source }),
        }
    }

    /// Writes the file into a log directory, whole or not at all, and durably.
    pub fn write(&self, log_dir: &Path) -> Result<(), MetadataError> {
        let path = log_dir.join(FILE_NAME);
        let temporary = log_dir.join(format!("{FILE_NAME}.tmp"));
        let written = (|| {
            let mut file = File::create(&temporary)?;
            file.write_all(self.render().as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(log_dir)?.sync_all()
        })();
        written.map_err(|source| MetadataError::Io { path, source })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
        let values: BTreeMap<&str, &str> = lines
            .filter_map(|line| line.split_once(['=', ':']))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect();
        let value = |key: &str| {
            values
                .get(key)
                .copied()
                .ok_or_else(|| format!("{key} is missing"))
        };
        match value("version")? {
            "1" => {}
            other => return Err(format!("version {other} is not supported, only 1 is")),
        }
        let node_id = value("node.id")?;
        Ok(Self {
            cluster_id: value("cluster.id")?.to_owned(),
            node_id: node_id
                .parse()
                .map_err(|_| format!("node.id {node_id} is not a number"))?,
            directory_id: values.get("directory.id").map(|&id| id.to_owned()),
        })
    }

    fn render(&self) -> String {
        let mut text = format!(
            "version=1\nnode.id={}\ncluster.id={}\n",
            self.node_id, self.cluster_id
        );
        if let Some(directory_id) = &self.directory_id {
            let _ = writeln!(text, "directory.id={directory_id}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(MetaProperties::read(dir.path()).unwrap(), None);
        let properties = MetaProperties {
            cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".into(),
            node_id: 1,
            directory_id: Some("d".into()),
        };
        properties.write(dir.path()).unwrap();
        assert_eq!(MetaProperties::read(dir.path()).unwrap(), Some(properties));
    }

    #[test]
    fn a_file_of_apache_kafka_is_read_and_a_broken_one_is_refused() {
        let kafka =
            "#\n#Sat Nov 21 12:00:00 UTC 2026\ncluster.id=abc\ndirectory.id=xyz\nnode.id=3\nversion=1\n";
        assert_eq!(MetaProperties::parse(kafka).unwrap().node_id, 3);
        assert_eq!(
            MetaProperties::parse("version=0\n"),
            Err("version 0 is not supported, only 1 is".into())
        );
        assert_eq!(
            MetaProperties::parse("version=1\nnode.id=x\ncluster.id=a"),
            Err("node.id x is not a number".into())
        );
    }
}
