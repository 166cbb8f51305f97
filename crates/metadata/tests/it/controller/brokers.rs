//! Brokers leave and come back; leaders are elected; producer ids are given out; features change.

use barnabas_metadata::controller::{
    AllocateProducerIds, ElectLeaders, RegisterBroker, UnregisterBroker, UpdateFeatures, registration_request,
};
use barnabas_metadata::features;
use barnabas_metadata::records::{BrokerRegistration, MetadataRecord, NO_LEADER, PartitionRecord};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::elect_leaders_request::TopicPartitions;
use barnabas_protocol::messages::update_features_request::FeatureUpdateKey;
use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, BrokerId, ElectLeadersRequest, UpdateFeaturesRequest,
};
use uuid::Uuid;

use super::fixture::{Cluster, text, topic_name};

/// A topic with one partition.
fn with_partition(brokers: &[i32], replicas: &[i32], isr: &[i32], leader: i32) -> Cluster {
    let brokers: Vec<_> = brokers.iter().map(|id| (*id, None)).collect();
    let mut cluster = Cluster::of(&brokers);
    let topic_id = Uuid::from_u128(9);
    cluster.apply(&[
        MetadataRecord::Topic {
            name: "a".into(),
            topic_id,
        },
        MetadataRecord::Partition(PartitionRecord {
            topic_id,
            partition_id: 0,
            replicas: replicas.to_vec(),
            isr: isr.to_vec(),
            leader,
            leader_epoch: 4,
            partition_epoch: 6,
            directories: vec![],
            ..PartitionRecord::default()
        }),
    ]);
    cluster
}

fn state(cluster: &Cluster) -> (i32, Vec<i32>, i32) {
    let partition = cluster.image.topics.partition("a", 0).unwrap();
    (partition.leader, partition.isr.clone(), partition.leader_epoch)
}

fn register(broker_id: i32) -> RegisterBroker {
    let broker = BrokerRegistration {
        broker_id,
        incarnation_id: Uuid::from_u128(2),
        features: features::broker_features(),
        ..BrokerRegistration::default()
    };
    RegisterBroker(registration_request("", &broker, -1))
}

#[test]
fn the_last_replica_keeps_the_partition_and_leads_again_when_it_is_back() {
    let mut cluster = with_partition(&[1], &[1], &[1], 1);
    cluster.alone = true;
    assert_eq!(cluster.submit(UnregisterBroker { broker_id: 1 }), Ok(()));
    assert_eq!(state(&cluster), (NO_LEADER, vec![1], 5));
    assert!(cluster.image.brokers.is_empty());
    let error = cluster.submit(UnregisterBroker { broker_id: 1 }).unwrap_err();
    assert_eq!(error.code, ErrorCode::BrokerIdNotRegistered);
    let epoch = cluster.submit(register(1)).broker_epoch;
    assert_eq!(
        (state(&cluster), cluster.image.brokers[&1].broker_epoch),
        ((1, vec![1], 6), epoch)
    );
}

#[test]
fn another_replica_takes_over() {
    let mut cluster = with_partition(&[1, 2], &[1, 2], &[1, 2], 1);
    assert_eq!(cluster.submit(UnregisterBroker { broker_id: 1 }), Ok(()));
    assert_eq!(state(&cluster), (2, vec![2], 5));
}

fn elect(cluster: &mut Cluster, election_type: i8, partition: i32) -> i16 {
    let asked = TopicPartitions::default()
        .with_topic(topic_name("a"))
        .with_partitions(vec![partition]);
    let request = ElectLeadersRequest::default()
        .with_election_type(election_type)
        .with_topic_partitions(Some(vec![asked]))
        .with_timeout_ms(1000);
    cluster.submit(ElectLeaders(request)).unwrap()[0].partition_result[0].error_code
}

#[test]
fn elections_follow_preference_and_need() {
    let mut cluster = with_partition(&[1, 2], &[1, 2], &[1, 2], 2);
    assert_eq!(
        elect(&mut cluster, 1, 0),
        ErrorCode::ElectionNotNeeded.code(),
        "there is a leader"
    );
    assert_eq!(elect(&mut cluster, 0, 0), 0);
    assert_eq!(state(&cluster), (1, vec![1, 2], 5));
    assert_eq!(elect(&mut cluster, 0, 0), ErrorCode::ElectionNotNeeded.code());
    assert_eq!(
        elect(&mut cluster, 0, 1),
        ErrorCode::UnknownTopicOrPartition.code()
    );

    let mut lagging = with_partition(&[1, 2], &[1, 2], &[2], 2);
    assert_eq!(
        elect(&mut lagging, 0, 0),
        ErrorCode::PreferredLeaderNotAvailable.code()
    );
    let mut lost = with_partition(&[1], &[1, 2], &[2], NO_LEADER);
    assert_eq!(elect(&mut lost, 1, 0), 0);
    assert_eq!(
        state(&lost),
        (1, vec![1], 5),
        "an unclean leader is alone in sync"
    );
}

#[test]
fn producer_ids_come_in_blocks_that_never_overlap() {
    let mut cluster = Cluster::of_one();
    let allocate = |broker_epoch| {
        let request = AllocateProducerIdsRequest::default()
            .with_broker_id(BrokerId(1))
            .with_broker_epoch(broker_epoch);
        AllocateProducerIds(request)
    };
    let starts = [(); 3].map(|()| cluster.submit(allocate(1)).producer_id_start.0);
    assert_eq!(starts, [0, 1000, 2000]);
    let stale = cluster.submit(allocate(0));
    assert_eq!(stale.error_code, ErrorCode::StaleBrokerEpoch.code());
    assert_eq!(cluster.image.next_producer_id, 3000);
}

#[test]
fn features_move_within_what_is_supported() {
    let mut cluster = Cluster::of_one();
    cluster.apply(&features::bootstrap_records(1, false));
    let mut update = |name: &str, level: i16, upgrade_type: i8| {
        let update = FeatureUpdateKey::default()
            .with_feature(text(name))
            .with_max_version_level(level)
            .with_upgrade_type(upgrade_type);
        cluster.submit(UpdateFeatures(
            UpdateFeaturesRequest::default().with_feature_updates(vec![update]),
        ))
    };
    let (upgrade, safe) = (1, 2);
    assert_eq!(update("group.version", 0, safe), Ok(()));
    assert_eq!(update("group.version", 1, upgrade), Ok(()));
    for (name, level, upgrade_type, reason) in [
        (
            "group.version",
            2,
            upgrade,
            "Local controller 1 only supports versions 0-1",
        ),
        (
            "group.version",
            0,
            upgrade,
            "Can't downgrade the version of this feature without",
        ),
        (
            "group.version",
            -1,
            safe,
            "A feature version cannot be less than 0.",
        ),
        (
            "group.version",
            0,
            9,
            "The controller does not support the given upgrade type.",
        ),
        (
            "nothing",
            1,
            upgrade,
            "Local controller 1 does not support this feature.",
        ),
        (
            "kraft.version",
            0,
            safe,
            "Can't downgrade the version of this feature.",
        ),
        (
            "metadata.version",
            29,
            safe,
            "Refusing to perform the requested downgrade",
        ),
    ] {
        let error = update(name, level, upgrade_type).unwrap_err();
        let message = error.message.unwrap();
        assert!(
            error.code == ErrorCode::InvalidUpdateVersion && message.contains(reason),
            "{message}"
        );
    }
}
