//! Tells the controller in which log directories replicas lie, where the metadata says something else: one
//! request at a time, again and again until the metadata says the same (AssignReplicasToDirs, KIP-858).
//!
//! Kafka's `AssignmentsManager`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::channel::ControllerChannel;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use barnabas_protocol::messages::{AssignReplicasToDirsRequest, BrokerId};
use uuid::Uuid;

use super::own_epoch::OwnEpoch;
use crate::ReplicaManager;
use crate::partition::Partition;

/// Replicas in one request, as in Apache Kafka.
const REPLICAS_MAX: usize = 2_250;
/// Waits between two tries of the same, milliseconds.
const BACKOFF_MS: std::ops::RangeInclusive<u64> = 50..=1_000;

/// A replica, and where it lies.
type Lies = (Arc<Partition>, Uuid);

/// Runs until the process stops.
pub async fn run(
    replicas: Arc<ReplicaManager>,
    channel: Arc<dyn ControllerChannel>,
    own_epoch: Arc<OwnEpoch>,
) {
    let stopping = replicas.stopping().clone();
    let running = go_on(&replicas, &*channel, &own_epoch);
    stopping.run_until_cancelled(running).await;
}

async fn go_on(replicas: &ReplicaManager, channel: &dyn ControllerChannel, own_epoch: &OwnEpoch) {
    let queue = &replicas.partitions().shared().dir_queue;
    let node_id = replicas.config().node_id;
    let mut waiting: Vec<Arc<Partition>> = Vec::new();
    let mut backoff_ms = *BACKOFF_MS.start();
    loop {
        tokio::select! {
            biased;
            () = queue.filled() => {}
            () = tokio::time::sleep(Duration::from_millis(backoff_ms)), if !waiting.is_empty() => {}
        }
        waiting.extend(queue.take().iter().filter_map(std::sync::Weak::upgrade));
        // Those that were told, or deleted, want nothing any more.
        let lies = waiting.drain(..).filter_map(|partition| {
            let directory = partition.take_dir_to_tell()?;
            Some((partition, directory))
        });
        let mut lies: Vec<Lies> = lies.collect();
        let later = lies.split_off(lies.len().min(REPLICAS_MAX));
        let told = match own_epoch.get() {
            Some(epoch) if !lies.is_empty() => tell(channel, request(node_id, epoch, &lies)).await,
            _ => lies.is_empty(),
        };
        backoff_ms = match told {
            true => *BACKOFF_MS.start(),
            false => (backoff_ms * 2).min(*BACKOFF_MS.end()),
        };
        // What was told is in the metadata soon; a replica that it puts elsewhere comes by the queue again.
        let again = later.into_iter().chain(lies.into_iter().filter(|_| !told));
        waiting.extend(again.map(|(partition, _)| partition));
    }
}

/// Whether the controller has decided it.
async fn tell(channel: &dyn ControllerChannel, request: AssignReplicasToDirsRequest) -> bool {
    match channel.assign_replicas_to_dirs(request).await {
        Ok(response) => {
            let error = ErrorCode::from_code(response.error_code);
            if error != Some(ErrorCode::None) {
                tracing::warn!(?error, "the controller doesn't note where replicas lie");
            }
            error == Some(ErrorCode::None)
        }
        Err(error) => {
            tracing::debug!(%error, "the controller could not be told where replicas lie");
            false
        }
    }
}

fn request(node_id: i32, broker_epoch: i64, lies: &[Lies]) -> AssignReplicasToDirsRequest {
    let mut directories: BTreeMap<Uuid, BTreeMap<Uuid, Vec<PartitionData>>> = BTreeMap::new();
    for (partition, directory) in lies {
        let id = partition.id();
        let topics = directories.entry(*directory).or_default();
        let data = PartitionData::default().with_partition_index(id.partition);
        topics.entry(id.topic_id).or_default().push(data);
    }
    let directories = directories.into_iter().map(|(id, topics)| {
        let topics = topics.into_iter().map(|(topic_id, partitions)| {
            TopicData::default()
                .with_topic_id(topic_id)
                .with_partitions(partitions)
        });
        DirectoryData::default().with_id(id).with_topics(topics.collect())
    });
    AssignReplicasToDirsRequest::default()
        .with_broker_id(BrokerId(node_id))
        .with_broker_epoch(broker_epoch)
        .with_directories(directories.collect())
}
