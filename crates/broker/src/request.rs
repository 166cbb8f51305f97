//! What a handler knows of the request that it answers.

use barnabas_metadata::image::{MetadataImage, PartitionImage};
use barnabas_metadata::records::BrokerRegistration;
use barnabas_network::ConnectionContext;
pub use barnabas_network::rpc::RequestContext;

/// The replicas of a partition that clients of a listener can't reach: of brokers that are fenced or gone or
/// don't have it, and in log directories that have failed.
pub fn offline_replicas(image: &MetadataImage, partition: &PartitionImage, listener: &str) -> Vec<i32> {
    let is_online = |id: i32| {
        image.alive_broker(id).is_some_and(|broker| {
            broker.endpoint(listener).is_some() && broker.has_online_dir(&partition.directory(id))
        })
    };
    let replicas = partition.replicas.iter().copied();
    replicas.filter(|id| !is_online(*id)).collect()
}

/// Where the client of a connection finds `broker`, by its listener of the same name: host and port.
/// `node_id` is this node's.
pub fn endpoint<'a>(
    connection: &'a ConnectionContext,
    node_id: i32,
    broker: &'a BrokerRegistration,
) -> Option<(&'a str, u16)> {
    let endpoint = broker.endpoint(&connection.listener.name)?;
    let host = match &connection.told_host {
        Some(told) if broker.broker_id == node_id => told,
        _ => &endpoint.host,
    };
    Some((host, endpoint.port))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use barnabas_metadata::records::{BrokerEndpoint, MetadataRecord, PartitionRecord};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn offline_are_fenced_brokers_missing_listeners_and_failed_folders() {
        let broker = |broker_id, fenced, listener: &str| {
            MetadataRecord::RegisterBroker(BrokerRegistration {
                broker_id,
                fenced,
                endpoints: vec![BrokerEndpoint {
                    listener: listener.to_owned(),
                    host: "h".to_owned(),
                    port: 1,
                    security_protocol: 0,
                }],
                log_dirs: vec![Uuid::from_u128(1000), Uuid::from_u128(1001)],
                ..BrokerRegistration::default()
            })
        };
        let records = [broker(1, false, "A"), broker(2, true, "A"), broker(3, false, "B")];
        let (brokers, _) = MetadataImage::empty().apply(&records, 1, 1);
        let in_directory = |directory: u128| {
            let topic_id = Uuid::from_u128(7);
            let topic = MetadataRecord::Topic {
                name: "t".to_owned(),
                topic_id,
            };
            let partition = MetadataRecord::Partition(PartitionRecord {
                topic_id,
                replicas: vec![1, 2, 3, 4],
                directories: vec![Uuid::from_u128(directory); 4],
                ..PartitionRecord::default()
            });
            let (image, _) = brokers.apply(&[topic, partition], 2, 1);
            offline_replicas(&image, image.topics.partition("t", 0).unwrap(), "A")
        };
        let expected = BTreeMap::from([
            (0, vec![2, 3, 4]),
            (1, vec![1, 2, 3, 4]),
            (2, vec![2, 3, 4]),
            (1001, vec![2, 3, 4]),
            (1002, vec![1, 2, 3, 4]),
        ]);
        for (directory, offline) in expected {
            assert_eq!(in_directory(directory), offline, "{directory}");
        }
    }
}
