//! The hash over the topics that a group reads, as Apache Kafka computes it (KIP-1101): when it differs from
//! the one in the group's record, topics were created, grown, deleted or moved to other racks, and the group
//! must be assigned anew.

use std::sync::Arc;

use bytes::BufMut;
use twox_hash::XxHash3_64;

use crate::cluster::ClusterView;

/// Marks the format of a topic's hash.
const TOPIC_HASH_MAGIC: u8 = 0;

/// The hash of the topics with these names, given in order; 0 if none exists.
pub(crate) fn group_hash<'a>(names: impl Iterator<Item = &'a Arc<str>>, cluster: &dyn ClusterView) -> i64 {
    let mut bytes = Vec::new();
    for topic_hash in names.filter_map(|name| topic_hash(name, cluster)) {
        bytes.put_u64_le(topic_hash);
    }
    if bytes.is_empty() {
        0
    } else {
        XxHash3_64::oneshot(&bytes) as i64
    }
}

fn topic_hash(name: &str, cluster: &dyn ClusterView) -> Option<u64> {
    let topic = cluster.topic(name)?;
    let (high, low) = topic.id.as_u64_pair();
    let mut bytes = vec![TOPIC_HASH_MAGIC];
    bytes.put_u64_le(high);
    bytes.put_u64_le(low);
    put_text(&mut bytes, &topic.name);
    bytes.put_i32_le(topic.partition_count);
    let racks = cluster.partition_racks(name);
    for (partition, racks) in (0..topic.partition_count).zip(&racks) {
        bytes.put_i32_le(partition);
        for rack in racks {
            let units = rack.encode_utf16().count();
            bytes.put_i32_le(i32::try_from(units).unwrap_or(i32::MAX));
            put_text(&mut bytes, rack);
        }
    }
    Some(XxHash3_64::oneshot(&bytes))
}

/// Text as hash4j hashes it: its UTF-16 units, then their number.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let mut units = 0;
    for unit in text.encode_utf16() {
        bytes.put_u16_le(unit);
        units += 1;
    }
    bytes.put_i32_le(units);
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::kafka_uuid;
    use uuid::Uuid;

    use super::*;
    use crate::cluster::{ConsumerSettings, Topic};

    #[derive(Debug)]
    struct OneTopic;

    impl ClusterView for OneTopic {
        fn version(&self) -> i64 {
            0
        }

        fn topics_created_at(&self) -> i64 {
            0
        }

        fn topic(&self, name: &str) -> Option<Topic> {
            (name == "t1").then(|| Topic {
                name: name.into(),
                id: kafka_uuid::decode("4qtdKH48RZSFY10SxRyC4Q").unwrap_or_default(),
                partition_count: 3,
            })
        }

        fn topic_by_id(&self, _: &Uuid) -> Option<Topic> {
            None
        }

        fn partition_racks(&self, _: &str) -> Vec<Vec<String>> {
            vec![Vec::new(); 3]
        }

        fn each_topic_name(&self, _: &mut dyn FnMut(&Arc<str>)) {}

        fn consumer_settings(&self, _: &str) -> ConsumerSettings {
            ConsumerSettings::default()
        }
    }

    #[test]
    fn hashes_are_kafkas() {
        // Computed with hash4j as Apache Kafka 4.4 does.
        let names: [Arc<str>; 2] = ["missing".into(), "t1".into()];
        assert_eq!(group_hash(names.iter(), &OneTopic), 8_068_362_408_323_564_275);
        assert_eq!(group_hash(names[..1].iter(), &OneTopic), 0);
    }
}
