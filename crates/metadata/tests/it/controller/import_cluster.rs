//! The topics of another cluster are taken over as a whole, or not at all.

use std::collections::BTreeMap;

use barnabas_metadata::controller::{ImportCluster, ImportedPartition, ImportedTopic};
use barnabas_metadata::image::{ConfigMap, QuotaEntity, USER};
use barnabas_metadata::records::{
    AccessControlEntryRecord, ConfigResource, DelegationTokenRecord, MetadataRecord, ScramCredentialRecord,
    ScramMechanism,
};
use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::fixture::Cluster;

fn user() -> QuotaEntity {
    QuotaEntity::from([(USER.to_owned(), Some("anna".to_owned()))])
}

fn credential() -> ScramCredentialRecord {
    ScramCredentialRecord {
        name: "anna".to_owned(),
        mechanism: ScramMechanism::Sha256,
        salt: vec![1],
        stored_key: vec![2],
        server_key: vec![3],
        iterations: 4096,
    }
}

fn acl(id: u128) -> AccessControlEntryRecord {
    AccessControlEntryRecord {
        id: Uuid::from_u128(id),
        resource_type: 2,
        resource_name: "orders".to_owned(),
        pattern_type: 3,
        principal: "User:anna".to_owned(),
        host: "*".to_owned(),
        operation: 3,
        permission_type: 3,
    }
}

fn token() -> DelegationTokenRecord {
    DelegationTokenRecord {
        token_id: "t".to_owned(),
        owner: "User:anna".to_owned(),
        requester: "User:anna".to_owned(),
        renewers: Vec::new(),
        issue_timestamp: 1,
        max_timestamp: 3,
        expiration_timestamp: 2,
    }
}

fn import(name: &str, id: u128) -> ImportCluster {
    let known = ImportedPartition {
        leader_epoch: 4,
        partition_epoch: 9,
    };
    ImportCluster {
        topics: vec![ImportedTopic {
            name: name.to_owned(),
            topic_id: Uuid::from_u128(id),
            partitions: vec![known, ImportedPartition::default()],
        }],
        configs: vec![(
            ConfigResource::topic(name),
            ConfigMap::from([("retention.ms".to_owned(), "5".to_owned())]),
        )],
        features: BTreeMap::from([("group.version".to_owned(), 1), ("share.version".to_owned(), 0)]),
        quotas: vec![(user(), "request_percentage".to_owned(), 12.5)],
        scram: vec![credential()],
        acls: Box::new([acl(id)]),
        delegation_tokens: Box::new([token()]),
        next_producer_id: 3000,
        directory_id: Uuid::from_u128(77),
    }
}

#[test]
fn topics_keep_their_ids_and_partitions_get_larger_epochs() {
    let mut cluster = Cluster::of_one();
    let decision = cluster.decide(import("orders", 5));
    assert_eq!(decision.reply, Ok(()));
    cluster.apply(&decision.records);
    let topic = cluster.image.topics.by_name("orders").unwrap();
    assert_eq!((topic.id, topic.partitions.len()), (Uuid::from_u128(5), 2));
    let partition = &topic.partitions[0];
    assert_eq!(
        (
            partition.leader,
            partition.leader_epoch,
            partition.partition_epoch
        ),
        (1, 5, 10)
    );
    assert_eq!(
        (&partition.replicas[..], &partition.isr[..]),
        (&[1][..], &[1][..])
    );
    assert_eq!(partition.directories, [Uuid::from_u128(77)]);
    assert_eq!(
        cluster
            .image
            .configs
            .value(&ConfigResource::topic("orders"), "retention.ms"),
        Some("5")
    );
    assert_eq!(cluster.image.next_producer_id, 3000);
    assert_eq!(cluster.image.quotas[&user()]["request_percentage"], 12.5);
    let scram = &cluster.image.scram["anna"];
    assert_eq!(*scram[&ScramMechanism::Sha256], credential());
    assert_eq!(cluster.image.features.level("group.version"), 1);
    assert_eq!(*cluster.image.acls[&Uuid::from_u128(5)], acl(5));
    assert_eq!(*cluster.image.delegation_tokens["t"], token());

    // Another cluster's features don't change those of one that has topics, and ids that were given stay given.
    let mut second = import("payments", 6);
    second.next_producer_id = 1000;
    second.features = BTreeMap::from([("group.version".to_owned(), 0)]);
    let decision = cluster.decide(second);
    let changes = |record: &MetadataRecord| {
        matches!(
            record,
            MetadataRecord::FeatureLevel { .. } | MetadataRecord::ProducerIds { .. }
        )
    };
    assert!(!decision.records.iter().any(changes), "{:?}", decision.records);
    let is_acl = |record: &MetadataRecord| matches!(record, MetadataRecord::AccessControlEntry(_));
    assert!(
        !decision.records.iter().any(is_acl),
        "it is there under another id"
    );
}

#[test]
fn a_topic_that_is_there_refuses_all() {
    let mut cluster = Cluster::of_one();
    let records = cluster.decide(import("orders", 5)).records;
    cluster.apply(&records);
    for taken in [import("orders", 6), import("payments", 5)] {
        let mut both = import("returns", 7);
        both.topics.extend(taken.topics);
        let decision = cluster.decide(both);
        assert_eq!(decision.reply.unwrap_err().code, ErrorCode::TopicAlreadyExists);
        assert_eq!(decision.records, []);
    }
}
