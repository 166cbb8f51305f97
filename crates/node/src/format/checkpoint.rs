//! What a formatted folder says its cluster begins with: a snapshot of Apache Kafka's metadata log at offset
//! 0, with features, users and voters. Kafka's `StorageTool` writes it and this node, and this node reads
//! both.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use barnabas_inspect::InspectError;
use barnabas_inspect::cluster::{self, Cluster};
use barnabas_metadata::features::{KRAFT_VERSION, METADATA_VERSION, feature, records_of_levels};
use barnabas_metadata::records::{MetadataRecord, ScramCredentialRecord, ScramMechanism};
use barnabas_protocol::kraft_voters::{self, KRaftVoter};
use barnabas_protocol::metadata_records::{ControlRecord, FeatureLevelRecord, UserScramCredentialRecord};
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use barnabas_storage::Disk;

/// The snapshot's file.
const FILE_NAME: &str = "00000000000000000000-0000000000.checkpoint";

/// Why a formatted folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It can't be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// A cluster that this release can't run.
    #[error("{path} begins with {what}, which this release doesn't know")]
    Unknown {
        /// The file.
        path: String,
        /// What.
        what: String,
    },
    /// A text is too long for a record.
    #[error("a record of the snapshot: {0}")]
    Record(String),
}

/// What a cluster begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bootstrap {
    /// Finalized levels; kraft.version is not among them.
    pub features: BTreeMap<String, i16>,
    /// Users.
    pub scram: Vec<ScramCredentialRecord>,
    /// 1 where the quorum can change its voters.
    pub kraft_version: i16,
    /// The voters of such a quorum; none where they are others, or the settings name them.
    pub voters: Vec<KRaftVoter>,
}

impl Bootstrap {
    /// As records of the metadata.
    pub fn records(&self, min_insync_replicas: i32) -> Vec<MetadataRecord> {
        let mut levels = self.features.clone();
        levels.insert(KRAFT_VERSION.to_owned(), self.kraft_version);
        let scram = self
            .scram
            .iter()
            .cloned()
            .map(MetadataRecord::UserScramCredential);
        records_of_levels(levels, min_insync_replicas)
            .into_iter()
            .chain(scram)
            .collect()
    }
}

/// metadata.version, then the others by name, as Kafka's tool writes them.
pub fn in_order(features: &BTreeMap<String, i16>) -> impl Iterator<Item = (&String, &i16)> {
    let first = features.get_key_value(METADATA_VERSION);
    let others = features.iter().filter(|(name, _)| *name != METADATA_VERSION);
    first.into_iter().chain(others)
}

/// Reads what the log directory was formatted with; `None` where it wasn't, or by a node that is no
/// controller.
///
/// # Errors
/// See [`CheckpointError`].
pub fn read(disk: &Disk, log_dir: &Path) -> Result<Option<Bootstrap>, CheckpointError> {
    let path = cluster::folder(log_dir).join(FILE_NAME);
    if !disk.exists(&path) {
        return Ok(None);
    }
    let cluster = Cluster::read_snapshot(&path)?;
    let unknown = |what: String| CheckpointError::Unknown {
        path: path.display().to_string(),
        what,
    };
    for (name, level) in &cluster.features {
        if !feature(name).is_some_and(|known| (known.min..=known.max).contains(level)) {
            return Err(unknown(format!("{name} at level {level}")));
        }
    }
    if let Some(kind) = cluster.unknown_records.first() {
        return Err(unknown(format!("a record of type {kind}")));
    }
    let scram = cluster.scram.into_values().map(|user| {
        let mechanism = ScramMechanism::from_code(user.mechanism)
            .ok_or_else(|| unknown(format!("a user of SCRAM mechanism {}", user.mechanism)))?;
        Ok(ScramCredentialRecord {
            name: user.name.to_string(),
            mechanism,
            salt: user.salt.to_vec(),
            stored_key: user.stored_key.to_vec(),
            server_key: user.server_key.to_vec(),
            iterations: user.iterations,
        })
    });
    Ok(Some(Bootstrap {
        features: cluster.features,
        scram: scram.collect::<Result<_, CheckpointError>>()?,
        kraft_version: cluster.kraft_version,
        voters: cluster.voters,
    }))
}

/// Writes it into the log directory.
///
/// # Errors
/// See [`CheckpointError`].
pub fn write(log_dir: &Path, bootstrap: &Bootstrap, now_ms: i64) -> Result<(), CheckpointError> {
    let bytes = encode(bootstrap, now_ms)?;
    let folder = cluster::folder(log_dir);
    fs::create_dir_all(&folder)?;
    // Whole or not at all: the folder counts as formatted only afterwards.
    let mut file = File::create(folder.join(FILE_NAME))?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    File::open(&folder)?.sync_all()?;
    Ok(())
}

fn encode(bootstrap: &Bootstrap, now_ms: i64) -> Result<Vec<u8>, CheckpointError> {
    let wrong = |error: &dyn std::fmt::Display| CheckpointError::Record(error.to_string());
    // Version 0, the newest record's time, no tagged fields.
    let mut header = vec![0, 0];
    header.extend(now_ms.to_be_bytes());
    header.push(0);
    let mut first = vec![(ControlRecord::SnapshotHeader, header)];
    if bootstrap.kraft_version > 0 {
        let [high, low] = bootstrap.kraft_version.to_be_bytes();
        first.push((ControlRecord::KRaftVersion, vec![0, 0, high, low, 0]));
    }
    if !bootstrap.voters.is_empty() {
        first.push((
            ControlRecord::KRaftVoters,
            kraft_voters::encode(&bootstrap.voters),
        ));
    }
    let mut values = Vec::new();
    for (name, level) in in_order(&bootstrap.features) {
        let record = FeatureLevelRecord::default()
            .with_name(name.clone().into())
            .with_feature_level(*level);
        values.push(record.to_value().map_err(|error| wrong(&error))?);
    }
    for user in &bootstrap.scram {
        let record = UserScramCredentialRecord {
            name: user.name.clone().into(),
            mechanism: user.mechanism.code(),
            salt: user.salt.clone().into(),
            stored_key: user.stored_key.clone().into(),
            server_key: user.server_key.clone().into(),
            iterations: user.iterations,
        };
        values.push(record.to_value().map_err(|error| wrong(&error))?);
    }
    let control = |base_offset: usize, records: &[(ControlRecord, Vec<u8>)]| {
        let mut batch = batch(base_offset).control();
        for (kind, value) in records {
            batch.append(&RecordFields {
                timestamp: now_ms,
                key: Some(&kind.to_key()),
                value: Some(value),
                headers: &[],
            });
        }
        batch.build().map_err(|error| wrong(&error))
    };
    let mut bytes = control(0, &first)?;
    let mut data = batch(first.len());
    for value in &values {
        data.append(&RecordFields {
            timestamp: now_ms,
            value: Some(value),
            ..RecordFields::default()
        });
    }
    bytes.extend(data.build().map_err(|error| wrong(&error))?);
    let last = [(ControlRecord::SnapshotFooter, vec![0, 0, 0])];
    bytes.extend(control(first.len() + values.len(), &last)?);
    Ok(bytes)
}

fn batch(base_offset: usize) -> BatchBuilder {
    BatchBuilder::new(Compression::None)
        .base_offset(base_offset as i64)
        .partition_leader_epoch(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `kafka-storage.sh format -I 1@127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg` of Apache Kafka 4.4 wrote.
    const KAFKAS: &str = "\
        00000000000000000000009a0000000002d40cfaea002000000002000001a22aaa651d000001a22aaa651dffffffffff\
        ffffffffffffffffff000000032a0000000800000003160000000001a22aaa650600001e00000208000000050a000000\
        010000820100000408000000066e000002000000012445d8e9aab3418fb7d8fe534adcda16020b434f4e54524f4c4c45\
        520a3132372e302e302e314a950000000001000000000000000000000003000000f1000000000286bc01e60000000000\
        05000001a22aaa6544000001a22aaa6544ffffffffffffffffffffffffffff000000063a000000012e010c00116d6574\
        61646174612e76657273696f6e002100005a000002014e010c0021656c696769626c652e6c65616465722e7265706c69\
        6361732e76657273696f6e00010000340000040128010c000e67726f75702e76657273696f6e00010000340000060128\
        010c000e73686172652e76657273696f6e0002000038000008012c010c001073747265616d732e76657273696f6e0001\
        00004000000a0134010c00147472616e73616374696f6e2e76657273696f6e0002000000000000000000090000003f00\
        000000021a7712f5002000000000000001a22aaa6546000001a22aaa6546ffffffffffffffffffffffffffff00000001\
        1a00000008000000040600000000";

    fn read_back(bytes: &[u8]) -> Result<Option<Bootstrap>, CheckpointError> {
        let folder = tempfile::tempdir().unwrap();
        let metadata = cluster::folder(folder.path());
        fs::create_dir_all(&metadata).unwrap();
        assert_eq!(read(&Disk::Real, folder.path()).unwrap(), None);
        fs::write(metadata.join(FILE_NAME), bytes).unwrap();
        read(&Disk::Real, folder.path())
    }

    #[test]
    fn what_kafkas_tool_wrote_is_read_and_written_alike() {
        let bytes: Vec<u8> = (0..KAFKAS.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&KAFKAS[at..at + 2], 16).unwrap())
            .collect();
        let found = read_back(&bytes).unwrap().unwrap();
        assert_eq!((found.kraft_version, found.features.len()), (1, 6));
        assert_eq!(found.features[METADATA_VERSION], 33);
        assert_eq!(found.voters[0].endpoints[0].port, 19093);
        let ours = encode(&found, 1_796_012_139_782).unwrap();
        // Only times differ, and the checksums over them.
        assert_eq!(ours.len(), bytes.len());
        let differ = ours.iter().zip(&bytes).filter(|(ours, theirs)| ours != theirs);
        assert!(differ.count() < 30);
        assert_eq!(read_back(&ours).unwrap(), Some(found));
        assert!(read_back(&ours[..ours.len() - 1]).is_err());
    }

    #[test]
    fn a_cluster_that_we_cannot_run_is_refused() {
        for (name, level) in [("group.version", 9), ("future.version", 1)] {
            let bootstrap = Bootstrap {
                features: BTreeMap::from([(name.to_owned(), level)]),
                ..Bootstrap::default()
            };
            let said = read_back(&encode(&bootstrap, 0).unwrap())
                .unwrap_err()
                .to_string();
            assert!(said.contains(&format!("{name} at level {level}")), "{said}");
        }
    }
}
