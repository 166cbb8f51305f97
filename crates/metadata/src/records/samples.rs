//! Records of every kind, for tests.

use uuid::Uuid;

use super::*;

/// Records of every kind, and of each its empty and its full form. Applied in order they make an image.
pub fn records() -> Vec<MetadataRecord> {
    [brokers(), topics(), configs(), security()].concat()
}

fn brokers() -> Vec<MetadataRecord> {
    let endpoint = BrokerEndpoint {
        listener: "PLAINTEXT".into(),
        host: "localhost".into(),
        port: 9092,
        security_protocol: 0,
    };
    let feature = BrokerFeature {
        name: "metadata.version".into(),
        min_supported_version: 7,
        max_supported_version: 29,
    };
    vec![
        MetadataRecord::ClusterId {
            cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".into(),
        },
        MetadataRecord::NoOp {},
        feature_level("metadata.version", 29),
        feature_level("share.version", 0),
        MetadataRecord::RegisterController(ControllerRegistration {
            controller_id: 3,
            incarnation_id: Uuid::from_u128(3),
            endpoints: vec![endpoint.clone()],
            features: vec![feature.clone()],
        }),
        MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id: 1,
            broker_epoch: 4,
            incarnation_id: Uuid::from_u128(1),
            endpoints: vec![endpoint],
            features: vec![feature],
            rack: Some("a".into()),
            fenced: true,
            in_controlled_shutdown: false,
            log_dirs: vec![Uuid::from_u128(9), Uuid::from_u128(10)],
            cordoned_log_dirs: vec![Uuid::from_u128(10)],
        }),
        MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChange {
            broker_id: 1,
            broker_epoch: 4,
            fenced: Some(false),
            ..BrokerRegistrationChange::default()
        }),
        MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChange {
            broker_id: 1,
            broker_epoch: 4,
            fenced: None,
            in_controlled_shutdown: Some(true),
            log_dirs: Some(vec![Uuid::from_u128(9)]),
            cordoned_log_dirs: Some(vec![]),
        }),
        MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id: 2,
            broker_epoch: 5,
            ..BrokerRegistration::default()
        }),
        MetadataRecord::UnregisterBroker {
            broker_id: 2,
            broker_epoch: 5,
        },
    ]
}

fn topics() -> Vec<MetadataRecord> {
    let (topic_id, gone) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let topic = |name: &str, topic_id| MetadataRecord::Topic {
        name: name.into(),
        topic_id,
    };
    vec![
        topic("orders", topic_id),
        MetadataRecord::ClearElr {
            topic_id: Some(topic_id),
        },
        MetadataRecord::ClearElr { topic_id: None },
        MetadataRecord::Partition(PartitionRecord {
            topic_id,
            partition_id: 0,
            replicas: vec![1, 2],
            isr: vec![1],
            leader: 1,
            leader_epoch: 3,
            partition_epoch: 5,
            directories: vec![Uuid::from_u128(9), Uuid::nil()],
            ..PartitionRecord::default()
        }),
        MetadataRecord::Partition(PartitionRecord {
            topic_id,
            partition_id: 1,
            replicas: vec![1, 2, 3],
            isr: vec![1],
            leader: 1,
            leader_epoch: 1,
            partition_epoch: 2,
            directories: vec![Uuid::from_u128(9), Uuid::nil(), Uuid::nil()],
            leader_recovery_state: LeaderRecoveryState::Recovering,
            removing_replicas: vec![1],
            adding_replicas: vec![3],
            eligible_leader_replicas: vec![2],
            last_known_elr: vec![3],
        }),
        MetadataRecord::PartitionChange(PartitionChangeRecord {
            topic_id,
            partition_id: 0,
            isr: Some(vec![1, 2]),
            leader: Some(2),
            replicas: Some(vec![1, 2, 3]),
            removing_replicas: Some(vec![1]),
            adding_replicas: Some(vec![3]),
            directories: Some(vec![Uuid::from_u128(9), Uuid::nil(), Uuid::nil()]),
            leader_recovery_state: Some(LeaderRecoveryState::Recovered),
            eligible_leader_replicas: Some(vec![3]),
            last_known_elr: Some(vec![]),
        }),
        MetadataRecord::PartitionChange(PartitionChangeRecord {
            topic_id,
            partition_id: 0,
            leader: Some(NO_LEADER),
            ..PartitionChangeRecord::default()
        }),
        topic("gone", gone),
        MetadataRecord::RemoveTopic { topic_id: gone },
    ]
}

fn configs() -> Vec<MetadataRecord> {
    let config = |resource, name: &str, value: Option<&str>| MetadataRecord::Config {
        resource,
        name: name.into(),
        value: value.map(str::to_owned),
    };
    let all_clients = ConfigResource::new(ConfigResourceType::ClientMetrics, "all");
    vec![
        config(ConfigResource::topic("orders"), "retention.ms", Some("5")),
        config(ConfigResource::default_broker(), "min.insync.replicas", Some("1")),
        config(
            ConfigResource::group("readers"),
            "consumer.session.timeout.ms",
            None,
        ),
        config(all_clients, "interval.ms", Some("1000")),
        MetadataRecord::ClientQuota {
            entity: vec![("client-id".into(), Some("app".into())), ("user".into(), None)],
            key: "producer_byte_rate".into(),
            value: Some(1.5),
        },
        MetadataRecord::ClientQuota {
            entity: vec![("ip".into(), Some("10.0.0.1".into()))],
            key: "connection_creation_rate".into(),
            value: None,
        },
        MetadataRecord::ProducerIds {
            broker_id: 1,
            broker_epoch: 4,
            next_producer_id: 1000,
        },
    ]
}

fn security() -> Vec<MetadataRecord> {
    let credential = |name: &str, mechanism| {
        MetadataRecord::UserScramCredential(ScramCredentialRecord {
            name: name.into(),
            mechanism,
            salt: vec![0, 255],
            stored_key: vec![1],
            server_key: vec![2],
            iterations: 4096,
        })
    };
    let entry = |id| {
        MetadataRecord::AccessControlEntry(AccessControlEntryRecord {
            id: Uuid::from_u128(id),
            resource_type: 2,
            resource_name: "orders".into(),
            pattern_type: 3,
            principal: "User:alice".into(),
            host: "*".into(),
            operation: 3,
            permission_type: 3,
        })
    };
    let token = |token_id: &str| {
        MetadataRecord::DelegationToken(DelegationTokenRecord {
            token_id: token_id.into(),
            owner: "User:alice".into(),
            requester: "User:bob".into(),
            renewers: vec!["User:carol".into()],
            issue_timestamp: 1,
            max_timestamp: 3,
            expiration_timestamp: 2,
        })
    };
    vec![
        credential("alice", ScramMechanism::Sha512),
        credential("bob", ScramMechanism::Sha256),
        MetadataRecord::RemoveUserScramCredential {
            name: "bob".into(),
            mechanism: ScramMechanism::Sha256,
        },
        entry(20),
        entry(21),
        MetadataRecord::RemoveAccessControlEntry {
            id: Uuid::from_u128(21),
        },
        token("kept"),
        token("gone"),
        MetadataRecord::RemoveDelegationToken {
            token_id: "gone".into(),
        },
    ]
}

fn feature_level(name: &str, level: i16) -> MetadataRecord {
    MetadataRecord::FeatureLevel {
        name: name.into(),
        level,
    }
}
