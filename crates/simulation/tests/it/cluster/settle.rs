//! Whether a cluster is well: what its nodes say of the topics, and what their images hold.

use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::MetadataImage;
use barnabas_protocol::messages::MetadataResponse;
use barnabas_simulation::Machine;
use tokio::time::sleep;

use super::client::ClusterClient;

/// Whether all nodes are there, and all replicas of all topics in sync.
pub fn are_in_sync(metadata: &MetadataResponse, nodes: &[i32]) -> bool {
    let mut partitions = metadata.topics.iter().flat_map(|topic| &topic.partitions);
    metadata.brokers.len() == nodes.len()
        && partitions.all(|partition| {
            partition.leader_id.0 >= 0 && partition.isr_nodes.len() == partition.replica_nodes.len()
        })
}

/// What all nodes say of the topics once they say the same, and all is in sync.
pub async fn settled(who: &str, client: &mut ClusterClient, nodes: &[i32]) -> MetadataResponse {
    let mut said = Vec::new();
    for _ in 0..300 {
        said.clear();
        for node in nodes {
            said.extend(client.metadata(Some(*node), None).await);
        }
        let topics = |metadata: &MetadataResponse| metadata.topics.clone();
        let same = said.windows(2).all(|pair| topics(&pair[0]) == topics(&pair[1]));
        let in_sync = said.iter().all(|metadata| are_in_sync(metadata, nodes));
        if said.len() == nodes.len() && same && in_sync {
            return said.remove(0);
        }
        sleep(Duration::from_millis(500)).await;
    }
    panic!(
        "{who}: the nodes don't come to terms: {:#?}",
        said.iter().map(summary).collect::<Vec<_>>()
    )
}

/// The brokers, and of each partition leader, epoch and who is in sync.
pub fn summary(metadata: &MetadataResponse) -> (Vec<i32>, Vec<String>) {
    let brokers = metadata.brokers.iter().map(|broker| broker.node_id.0);
    let topics = metadata.topics.iter().map(|topic| {
        let name = topic
            .name
            .as_ref()
            .map(|name| name.to_string())
            .unwrap_or_default();
        let partitions = topic.partitions.iter().map(|partition| {
            let ids = |ids: &[barnabas_protocol::messages::BrokerId]| -> Vec<i32> {
                ids.iter().map(|id| id.0).collect()
            };
            format!(
                "{} in {}: {:?} of {:?}",
                partition.leader_id.0,
                partition.leader_epoch,
                ids(&partition.isr_nodes),
                ids(&partition.replica_nodes)
            )
        });
        format!("{name}: {}", partitions.collect::<Vec<_>>().join(", "))
    });
    (brokers.collect(), topics.collect())
}

/// A node's image, where it runs.
pub fn image(machine: &Machine) -> Option<Arc<MetadataImage>> {
    Some(machine.server()?.broker()?.image().clone())
}

/// Waits until all nodes have the same image, to the last word, in which nothing is on the move.
pub async fn images_are_equal(who: &str, machines: &[Machine]) {
    let mut offsets = Vec::new();
    for _ in 0..600 {
        let images: Vec<_> = machines.iter().filter_map(image).collect();
        offsets = images.iter().map(|image| image.offset).collect();
        let is_even = offsets.windows(2).all(|pair| pair[0] == pair[1]);
        if is_even && images.len() == machines.len() {
            for (machine, other) in machines.iter().zip(&images) {
                assert!(
                    **other == *images[0],
                    "{who}: {} has another image at the same offset",
                    machine.address()
                );
            }
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("{who}: the nodes don't come to the same offset of the metadata: {offsets:?}");
}
