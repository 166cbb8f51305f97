//! Which replica a consumer should read from (KIP-392): with `replica.selector.class` =
//! `org.apache.kafka.common.replica.RackAwareReplicaSelector` one in the consumer's own rack.
//!
//! Pure, but for the partition's lock.

use std::cmp::Reverse;
use std::sync::Arc;

use barnabas_metadata::image::MetadataImage;
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::core::ReplicaView;

/// The selector that Apache Kafka brings along, beside the one that always takes the leader.
pub const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// A consumer that has said in which rack it is.
pub struct Nearby {
    /// This broker, the leader.
    pub node_id: i32,
    /// Where the brokers are.
    pub image: Arc<MetadataImage>,
    /// The consumer's rack.
    pub rack: String,
    /// The listener that it has come by, and comes by to others.
    pub listener: String,
}

impl Nearby {
    /// The follower to read `offset` of a partition from; `None` for the leader.
    pub fn replica_for(&self, partition: &Partition, offset: i64) -> Option<i32> {
        if self.is_in_rack(self.node_id) {
            return None;
        }
        self.nearest(partition.replicas_with(offset))
    }

    /// Of those in the rack the one that has most, and had all latest.
    fn nearest(&self, replicas: Vec<ReplicaView>) -> Option<i32> {
        let near = replicas
            .into_iter()
            .filter(|replica| self.is_in_rack(replica.broker_id));
        let best = near.max_by_key(|replica| {
            (
                replica.end_offset,
                replica.caught_up_ms,
                Reverse(replica.broker_id),
            )
        });
        best.map(|replica| replica.broker_id)
    }

    fn is_in_rack(&self, broker_id: i32) -> bool {
        self.image.alive_broker(broker_id).is_some_and(|broker| {
            broker.rack.as_deref() == Some(&*self.rack) && broker.endpoint(&self.listener).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use barnabas_metadata::records::{BrokerEndpoint, BrokerRegistration, MetadataRecord};

    use super::*;

    fn nearby(rack: &str) -> Nearby {
        let broker = |broker_id, rack: &str, fenced, listener: &str| {
            MetadataRecord::RegisterBroker(BrokerRegistration {
                broker_id,
                rack: Some(rack.to_owned()),
                fenced,
                endpoints: vec![BrokerEndpoint {
                    listener: listener.to_owned(),
                    host: "h".to_owned(),
                    port: 1,
                    security_protocol: 0,
                }],
                ..BrokerRegistration::default()
            })
        };
        let records = [
            broker(1, "a", false, "L"),
            broker(2, "b", false, "L"),
            broker(3, "b", false, "L"),
            broker(4, "b", true, "L"),
            broker(5, "b", false, "OTHER"),
        ];
        let (image, _) = MetadataImage::empty().apply(&records, 1, 1);
        Nearby {
            node_id: 1,
            image: Arc::new(image),
            rack: rack.to_owned(),
            listener: "L".to_owned(),
        }
    }

    #[test]
    fn the_nearest_is_in_the_rack_and_has_most() {
        let view = |(broker_id, end_offset, caught_up_ms)| ReplicaView {
            broker_id,
            end_offset,
            caught_up_ms,
        };
        let cases = [
            ("b", vec![(2, 5, 0), (3, 6, 0)], Some(3)),
            ("b", vec![(2, 6, 9), (3, 6, 8)], Some(2)),
            ("b", vec![(2, 6, 9), (3, 6, 9)], Some(2)),
            ("b", vec![(4, 9, 9), (5, 9, 9)], None),
            ("c", vec![(2, 6, 9), (3, 6, 8)], None),
        ];
        for (rack, replicas, expected) in cases {
            let views = replicas.iter().copied().map(view).collect();
            assert_eq!(nearby(rack).nearest(views), expected, "{rack} {replicas:?}");
        }
        assert!(nearby("a").is_in_rack(1), "the leader is near");
    }
}
