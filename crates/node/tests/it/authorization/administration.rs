//! Calls of the APIs of administrators, about what must stay secret.

use super::requests::*;
use crate::node::Client;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use barnabas_protocol::messages::alter_configs_request::{self, AlterableConfig};
use barnabas_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use barnabas_protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use barnabas_protocol::messages::alter_user_scram_credentials_request::ScramCredentialDeletion;
use barnabas_protocol::messages::create_acls_request::AclCreation;
use barnabas_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use barnabas_protocol::messages::delete_acls_request::DeleteAclsFilter;
use barnabas_protocol::messages::elect_leaders_request::TopicPartitions;
use barnabas_protocol::messages::incremental_alter_configs_request;
use barnabas_protocol::messages::update_features_request::FeatureUpdateKey;
use barnabas_protocol::messages::*;
use uuid::Uuid;

pub fn resources(client: &mut Client, topic_id: Uuid) -> Vec<(ApiKey, String)> {
    let config = || {
        AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1")))
    };
    let altered = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(TOPIC))
        .with_configs(vec![config()]);
    let incremental = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(TOPIC))
        .with_configs(vec![
            incremental_alter_configs_request::AlterableConfig::default()
                .with_name(text("retention.ms"))
                .with_value(Some(text("1"))),
        ]);
    let more = CreatePartitionsTopic::default().with_name(topic()).with_count(9);
    vec![
        (
            ApiKey::Metadata,
            newest(client, MetadataRequest::default().with_topics(None)),
        ),
        (ApiKey::CreateTopics, newest(client, create_topic("mine"))),
        (ApiKey::DeleteTopics, newest(client, delete_topic(Ok(topic_id)))),
        (
            ApiKey::DescribeConfigs,
            newest(client, describe_configs(2, TOPIC)),
        ),
        (
            ApiKey::AlterConfigs,
            newest(
                client,
                AlterConfigsRequest::default().with_resources(vec![altered]),
            ),
        ),
        (
            ApiKey::CreatePartitions,
            newest(
                client,
                CreatePartitionsRequest::default()
                    .with_timeout_ms(10_000)
                    .with_topics(vec![more]),
            ),
        ),
        (
            ApiKey::IncrementalAlterConfigs,
            newest(
                client,
                IncrementalAlterConfigsRequest::default().with_resources(vec![incremental]),
            ),
        ),
        (
            ApiKey::DescribeTopicPartitions,
            newest(
                client,
                DescribeTopicPartitionsRequest::default().with_response_partition_limit(100),
            ),
        ),
    ]
}

pub fn cluster(client: &mut Client) -> Vec<(ApiKey, String)> {
    let acl = AclCreation::default()
        .with_resource_type(2)
        .with_resource_name(text(TOPIC))
        .with_resource_pattern_type(3)
        .with_principal(text("User:mal"))
        .with_host(text("*"))
        .with_operation(3)
        .with_permission_type(3);
    let acls = DeleteAclsFilter::default()
        .with_resource_type_filter(1)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1);
    let dir = AlterReplicaLogDir::default()
        .with_path(text("/"))
        .with_topics(vec![
            AlterReplicaLogDirTopic::default()
                .with_name(topic())
                .with_partitions(vec![0]),
        ]);
    let elected = TopicPartitions::default()
        .with_topic(topic())
        .with_partitions(vec![0]);
    let moved = ReassignableTopic::default()
        .with_name(topic())
        .with_partitions(vec![
            ReassignablePartition::default().with_replicas(Some(vec![BrokerId(1)])),
        ]);
    let quota = EntryData::default()
        .with_entity(vec![
            EntityData::default()
                .with_entity_type(text("user"))
                .with_entity_name(Some(text("mal"))),
        ])
        .with_ops(vec![
            OpData::default()
                .with_key(text("producer_byte_rate"))
                .with_value(1.0),
        ]);
    let quorum = describe_quorum_request::TopicData::default()
        .with_topic_name(TopicName(text("__cluster_metadata")))
        .with_partitions(vec![describe_quorum_request::PartitionData::default()]);
    let feature = FeatureUpdateKey::default()
        .with_feature(text("group.version"))
        .with_upgrade_type(2);
    vec![
        (
            ApiKey::CreateDelegationToken,
            newest(client, CreateDelegationTokenRequest::default()),
        ),
        (
            ApiKey::RenewDelegationToken,
            newest(client, RenewDelegationTokenRequest::default()),
        ),
        (
            ApiKey::ExpireDelegationToken,
            newest(client, ExpireDelegationTokenRequest::default()),
        ),
        (
            ApiKey::DescribeDelegationToken,
            newest(
                client,
                DescribeDelegationTokenRequest::default().with_owners(None),
            ),
        ),
        (
            ApiKey::ApiVersions,
            ask(
                client,
                3,
                ApiVersionsRequest::default()
                    .with_client_software_name(text("test"))
                    .with_client_software_version(text("1")),
            ),
        ),
        (
            ApiKey::DescribeAcls,
            newest(
                client,
                DescribeAclsRequest::default()
                    .with_resource_type_filter(1)
                    .with_pattern_type_filter(1)
                    .with_operation(1)
                    .with_permission_type(1),
            ),
        ),
        (
            ApiKey::CreateAcls,
            newest(client, CreateAclsRequest::default().with_creations(vec![acl])),
        ),
        (
            ApiKey::DeleteAcls,
            newest(client, DeleteAclsRequest::default().with_filters(vec![acls])),
        ),
        (
            ApiKey::AlterReplicaLogDirs,
            newest(client, AlterReplicaLogDirsRequest::default().with_dirs(vec![dir])),
        ),
        (
            ApiKey::DescribeLogDirs,
            newest(client, DescribeLogDirsRequest { topics: None }),
        ),
        (
            ApiKey::ElectLeaders,
            newest(
                client,
                ElectLeadersRequest::default()
                    .with_timeout_ms(10_000)
                    .with_topic_partitions(Some(vec![elected])),
            ),
        ),
        (
            ApiKey::AlterPartitionReassignments,
            newest(
                client,
                AlterPartitionReassignmentsRequest::default()
                    .with_timeout_ms(10_000)
                    .with_topics(vec![moved]),
            ),
        ),
        (
            ApiKey::ListPartitionReassignments,
            newest(
                client,
                ListPartitionReassignmentsRequest::default().with_topics(None),
            ),
        ),
        (
            ApiKey::DescribeClientQuotas,
            newest(client, DescribeClientQuotasRequest::default()),
        ),
        (
            ApiKey::AlterClientQuotas,
            newest(
                client,
                AlterClientQuotasRequest::default().with_entries(vec![quota]),
            ),
        ),
        (
            ApiKey::DescribeUserScramCredentials,
            newest(
                client,
                DescribeUserScramCredentialsRequest::default().with_users(None),
            ),
        ),
        (
            ApiKey::AlterUserScramCredentials,
            newest(
                client,
                AlterUserScramCredentialsRequest::default().with_deletions(vec![
                    ScramCredentialDeletion::default()
                        .with_name(text("mal"))
                        .with_mechanism(1),
                ]),
            ),
        ),
        (
            ApiKey::DescribeQuorum,
            newest(client, DescribeQuorumRequest::default().with_topics(vec![quorum])),
        ),
        (
            ApiKey::UpdateFeatures,
            newest(
                client,
                UpdateFeaturesRequest::default()
                    .with_timeout_ms(10_000)
                    .with_feature_updates(vec![feature]),
            ),
        ),
        (
            ApiKey::DescribeCluster,
            newest(
                client,
                DescribeClusterRequest::default()
                    .with_endpoint_type(1)
                    .with_include_cluster_authorized_operations(true),
            ),
        ),
        (
            ApiKey::UnregisterBroker,
            newest(
                client,
                UnregisterBrokerRequest::default().with_broker_id(BrokerId(1)),
            ),
        ),
        (
            ApiKey::GetTelemetrySubscriptions,
            newest(client, GetTelemetrySubscriptionsRequest::default()),
        ),
        (
            ApiKey::PushTelemetry,
            newest(client, PushTelemetryRequest::default()),
        ),
        (
            ApiKey::ListConfigResources,
            newest(client, ListConfigResourcesRequest::default()),
        ),
        (
            ApiKey::AddRaftVoter,
            newest(client, AddRaftVoterRequest::default()),
        ),
        (
            ApiKey::RemoveRaftVoter,
            newest(client, RemoveRaftVoterRequest::default()),
        ),
        (
            ApiKey::UnregisterController,
            newest(client, UnregisterControllerRequest::default()),
        ),
    ]
}
