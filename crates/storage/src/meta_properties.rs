//! `meta.properties`, the file that says to which cluster and node a log directory belongs (KIP-631,
//! KIP-858).

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
    /// `directory.id`, written in Kafka's URL-safe base64. Folders of Apache Kafka before 3.7 have none.
    pub directory_id: Option<Uuid>,
    /// Lines that say something else; they stay as they are.
    others: Vec<String>,
}

impl MetaProperties {
    /// The content for a new log directory.
    pub fn new(cluster_id: String, node_id: i32, directory_id: Uuid) -> MetaProperties {
        MetaProperties {
            cluster_id,
            node_id,
            directory_id: Some(directory_id),
            others: Vec::new(),
        }
    }

    /// Whether there is such a file in `log_dir`.
    pub fn exists(log_dir: &Folder) -> bool {
        log_dir.disk().exists(&log_dir.join(FILE_NAME))
    }

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
        if let Some(directory_id) = self.directory_id {
            text += &format!("directory.id={}\n", kafka_uuid::encode(directory_id));
        }
        text += &format!("node.id={}\nversion=1\n", self.node_id);
        self.others.iter().for_each(|line| text += &format!("{line}\n"));
        let path = log_dir.join(FILE_NAME);
        log_dir.disk().replace(&path, text.as_bytes(), Durability::Synced)
    }
}

fn parse(text: &str) -> std::result::Result<MetaProperties, String> {
    const KNOWN: [&str; 4] = ["version", "node.id", "cluster.id", "directory.id"];
    let key_of = |line: &str| {
        line.split_once('=')
            .map_or(line, |(key, _)| key)
            .trim()
            .to_owned()
    };
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
        .collect();
    let get = |key: &str| {
        // As in any properties file the last one counts.
        let line = lines.iter().rfind(|line| key_of(line) == key)?;
        let (_, value) = line.split_once('=')?;
        Some(value.trim().replace('\\', ""))
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
    let directory_id = get("directory.id")
        .map(|id| kafka_uuid::decode(&id).ok_or_else(|| format!("directory.id {id} is not an id")))
        .transpose()?;
    let is_other = |line: &&&str| !KNOWN.contains(&key_of(line).as_str());
    let others = lines.iter().filter(is_other).map(|line| (*line).to_owned());
    Ok(MetaProperties {
        cluster_id,
        node_id,
        directory_id,
        others: others.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(MetaProperties::read(&Folder::real(folder.path())).unwrap(), None);
        let directory_id = Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788);
        let properties = MetaProperties::new("MkU3OEVBNTcwNTJENDM2Qg".to_owned(), 3, directory_id);
        properties.write(&Folder::real(folder.path())).unwrap();
        assert_eq!(
            MetaProperties::read(&Folder::real(folder.path())).unwrap(),
            Some(properties)
        );
    }

    #[test]
    fn what_is_not_known_stays_and_the_directory_id_may_be_missing() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::real(temporary.path());
        let path = folder.join(FILE_NAME);
        let text = "#Tue\nnode.id=1\nfuture.key=a\\:b=c\nversion=1\nnode.id=2\nalone\ncluster.id=x\n";
        std::fs::write(&path, text).unwrap();
        let mut properties = MetaProperties::read(&folder).unwrap().unwrap();
        assert_eq!((properties.node_id, properties.directory_id), (2, None));
        properties.directory_id = Some(Uuid::from_u128(77));
        properties.write(&folder).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "#\ncluster.id=x\ndirectory.id=AAAAAAAAAAAAAAAAAAAATQ\nnode.id=2\nversion=1\nfuture.key=a\\:b=c\nalone\n"
        );
        assert_eq!(MetaProperties::read(&folder).unwrap(), Some(properties));
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
