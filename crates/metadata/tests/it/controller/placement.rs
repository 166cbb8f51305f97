//! Replicas are spread over racks and brokers.

use std::collections::BTreeMap;

use barnabas_metadata::controller::CreateTopics;
use barnabas_metadata::records::MetadataRecord;
use barnabas_protocol::messages::CreateTopicsRequest;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;

use super::fixture::{Cluster, topic_name};

fn place(cluster: &Cluster, partitions: i32, replicas: i16) -> Vec<Vec<i32>> {
    let topic = CreatableTopic::default()
        .with_name(topic_name("a"))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(1000);
    let records = cluster.decide(CreateTopics(request)).records;
    let replicas = |record| match record {
        MetadataRecord::Partition(partition) => Some(partition.replicas),
        _ => None,
    };
    records.into_iter().filter_map(replicas).collect()
}

fn leads(placements: &[Vec<i32>]) -> Vec<usize> {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    for replicas in placements {
        *counts.entry(replicas[0]).or_default() += 1;
    }
    counts.into_values().collect()
}

#[test]
fn every_broker_leads_as_often_and_no_replica_is_there_twice() {
    let brokers: Vec<_> = (1..=4).map(|id| (id, None)).collect();
    let placements = place(&Cluster::of(&brokers), 40, 3);
    assert_eq!(leads(&placements), [10, 10, 10, 10]);
    for replicas in placements {
        let mut distinct = replicas.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 3, "{replicas:?}");
    }
}

#[test]
fn every_rack_has_a_replica_before_one_has_two() {
    let rack_of = |id: i32| ["a", "b", "c"][(id % 3) as usize];
    let brokers: Vec<_> = (0..9).map(|id| (id, Some(rack_of(id)))).collect();
    let placements = place(&Cluster::of(&brokers), 27, 3);
    for replicas in placements {
        let mut racks: Vec<_> = replicas.iter().map(|id| rack_of(*id)).collect();
        racks.sort_unstable();
        assert_eq!(racks, ["a", "b", "c"], "{replicas:?}");
    }
}

#[test]
fn one_broker_gets_everything() {
    assert_eq!(place(&Cluster::of_one(), 3, 1), [[1], [1], [1]]);
}
