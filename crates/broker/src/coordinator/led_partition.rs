//! A partition of an internal topic as its coordinator sees it: a log, and the leader epoch that it may write
//! in.

use std::fmt::Display;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use barnabas_coordinator::runtime::{Commit, PartitionLog};
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::append::{AppendAs, RequiredAcks};
use barnabas_replica::partition::core::LeaderEpoch;
use barnabas_replica::partition::registry::Partitions;
use barnabas_storage::{AppendOrigin, Verified};

/// A partition that this broker leads.
#[derive(Clone)]
pub(super) struct LedPartition(Arc<Partition>);

/// The partitions of a topic, by index, with the leader epoch: those that `node_id` leads in the image and
/// has a log of. `None` if the delta changes nothing of them.
pub(super) fn led_partitions(
    image: &MetadataImage,
    delta: &MetadataDelta,
    name: &str,
    node_id: i32,
    partitions: &Partitions,
) -> Option<Vec<Option<(LedPartition, i32)>>> {
    let Some(topic) = image.topics.by_name(name) else {
        let gone = delta.topics_deleted.iter().any(|topic| &*topic.name == name);
        return gone.then(Vec::new);
    };
    if !delta.partitions.contains_key(&topic.id) {
        return None;
    }
    let led = (0..).zip(&topic.partitions).map(|(index, state)| {
        let led = state.leader == node_id;
        let partition = led.then(|| partitions.by_id(&topic.id, index).ok())??;
        Some((LedPartition(partition), state.leader_epoch))
    });
    Some(led.collect())
}

/// How a coordinator appends in `leader_epoch`: whoever answers waits for the commit.
pub(super) fn append_as(leader_epoch: i32, verified: Verified, wall_ms: i64) -> AppendAs {
    AppendAs {
        origin: AppendOrigin::Coordinator,
        acks: RequiredAcks::AllLater,
        leader_epoch: Some(LeaderEpoch(leader_epoch)),
        end_offset: None,
        verified,
        now_ms: wall_ms,
    }
}

impl Deref for LedPartition {
    type Target = Partition;

    fn deref(&self) -> &Partition {
        &self.0
    }
}

impl PartialEq for LedPartition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartitionLog for LedPartition {
    fn name(&self) -> impl Display {
        let id = self.0.id();
        format!("{}-{}", id.topic, id.partition)
    }

    fn offsets(&self) -> (i64, i64) {
        self.0.offsets()
    }

    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    fn batch_bytes_max(&self) -> usize {
        usize::try_from(self.0.settings().config.max_message_bytes).unwrap_or(0)
    }

    fn read(&self, offset: i64, max_bytes: u32) -> io::Result<Vec<u8>> {
        let slice = self.0.read(offset, max_bytes);
        slice
            .map_err(|error| io::Error::other(error.to_string()))?
            .to_vec()
    }

    fn append(&self, batches: &mut [u8], leader_epoch: i32, wall_ms: i64) -> Result<i64, ErrorCode> {
        let how = append_as(leader_epoch, Verified::NotAsked, wall_ms);
        Ok(self.0.append(batches, &how)?.end_offset())
    }

    fn commit_of(&self, end_offset: i64, leader_epoch: i32) -> Result<Option<Commit>, ErrorCode> {
        // Whoever waits is told when the epoch ends; that it had not ended before is looked at afterwards.
        let commit = self.0.wait_for_commit(end_offset);
        let still_leads = AppendAs {
            acks: RequiredAcks::None,
            ..append_as(leader_epoch, Verified::NotAsked, 0)
        };
        self.0.check_append(&still_leads)?;
        Ok(commit)
    }
}

#[cfg(test)]
mod tests {
    use barnabas_config::{BrokerConfig, Layers, Settings};
    use barnabas_environment::Environment;
    use barnabas_protocol::records::compression::Compression;
    use barnabas_protocol::records::{BatchBuilder, RecordFields};
    use barnabas_replica::log_dirs::LogDirs;
    use barnabas_replica::partition::TopicPartition;
    use barnabas_replica::partition::core::Assignment;
    use barnabas_replica::partition::replication_quota::ReplicationQuotas;
    use barnabas_replica::partition::settings::TopicSettings;
    use barnabas_replica::partition::shared::Shared;
    use barnabas_storage::{Disk, LogDir, OpenFiles};
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;

    fn assignment(leader: i32, leader_epoch: i32, isr: &[i32]) -> Assignment {
        Assignment {
            leader,
            leader_epoch: LeaderEpoch(leader_epoch),
            partition_epoch: 0,
            replicas: vec![1, 2],
            isr: isr.to_vec(),
            alive: vec![],
        }
    }

    /// On broker 1, which leads in epoch 5; both replicas must be in sync.
    fn led() -> (LedPartition, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let log_dir = LogDir::open(&Disk::Real, &path, Arc::new(OpenFiles::new(16))).unwrap();
        let dirs = LogDirs::new(&Disk::Real, vec![(path, Ok(log_dir))], 0).unwrap();
        let dir = dirs.metadata().clone();
        let given = [
            ("node.id", "1"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
            ("min.insync.replicas", "2"),
        ];
        let given: Settings = given
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let layers = Layers::of_static(given);
        let settings = TopicSettings::defaults(&layers, &BrokerConfig::resolve(&layers).unwrap());
        let id = TopicPartition {
            topic: "t".into(),
            topic_id: Uuid::from_u128(1),
            partition: 0,
        };
        let storage = dir.storage().unwrap();
        let log = storage.create_log(id.topic.clone(), 0, id.topic_id, settings.log.clone());
        let shared = Shared::new(&Environment::system(), 30_000, ReplicationQuotas::new(1, (11, 1)));
        let assigned = assignment(1, 5, &[1, 2]);
        let partition = Partition::new(id, 1, assigned, settings, dir, Some(log), shared);
        (LedPartition(partition), folder)
    }

    fn append(led: &LedPartition, leader_epoch: i32) -> Result<i64, ErrorCode> {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.append(&RecordFields::default());
        PartitionLog::append(led, &mut builder.build().unwrap(), leader_epoch, 1_000)
    }

    #[test]
    fn an_append_is_of_its_leader_epoch_and_needs_enough_replicas() {
        let (led, _folder) = led();
        assert_eq!(append(&led, 5), Ok(1));
        assert_eq!(append(&led, 4), Err(ErrorCode::NotLeaderOrFollower));
        led.assign(assignment(1, 7, &[1, 2]));
        assert_eq!(append(&led, 5), Err(ErrorCode::NotLeaderOrFollower));
        led.assign(assignment(1, 7, &[1]));
        assert_eq!(append(&led, 7), Err(ErrorCode::NotEnoughReplicas));
        assert_eq!(PartitionLog::offsets(&led), (0, 1));
    }

    #[test]
    fn a_commit_is_of_its_leader_epoch() {
        let (led, _folder) = led();
        let end_offset = append(&led, 5).unwrap();
        let mut commit = led
            .commit_of(end_offset, 5)
            .unwrap()
            .expect("the follower has nothing");
        assert!(commit.try_recv().is_err());
        led.assign(assignment(1, 7, &[1, 2]));
        assert_eq!(commit.try_recv(), Ok(Err(ErrorCode::NotLeaderOrFollower)));
        // Whoever comes only now is not left waiting, nor told of what is committed in another epoch.
        let over = Some(ErrorCode::NotLeaderOrFollower);
        assert_eq!(led.commit_of(end_offset, 5).err(), over);
        led.assign(assignment(2, 8, &[1, 2]));
        assert_eq!(led.commit_of(0, 7).err(), over);
    }
}
