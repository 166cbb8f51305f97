//! Requests to the controller as data: what can wait in a queue, be decided with others, and be sent to
//! another node.

use serde::{Deserialize, Serialize};

use super::{
    AllocateProducerIds, AlterClientQuotas, AlterConfigs, AlterPartition, AlterPartitionReassignments,
    AlterUserScramCredentials, AssignReplicasToDirs, BrokerHeartbeat, CreateAcls, CreateDelegationToken,
    CreatePartitions, CreateTopics, Decide, DecideContext, Decision, DeleteAcls, DeleteTopics, ElectLeaders,
    ExpireDelegationToken, FenceBroker, ImportCluster, IncrementalAlterConfigs, RegisterBroker,
    RegisterController, RenewDelegationToken, UnregisterBroker, UnregisterController, UpdateFeatures, wire,
};
use crate::image::MetadataImage;

/// A request that is one of [`ControllerRequest`]'s kinds.
pub trait Request: Decide + Into<ControllerRequest> {
    /// The reply, if it is the reply to a request of this kind.
    fn reply_of(reply: ControllerReply) -> Option<Self::Reply>;
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident $(=> $wire:literal)?,)*) => {
        /// Any request to the controller.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum ControllerRequest {
            $($(#[$doc])* $name($name),)*
        }

        /// The reply to a request of the same name.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum ControllerReply {
            $($(#[$doc])* $name($(#[serde(with = $wire)])? <$name as Decide>::Reply),)*
        }

        impl Decide for ControllerRequest {
            type Reply = ControllerReply;

            fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<ControllerReply> {
                match self {
                    $(Self::$name(request) => {
                        let Decision { records, reply } = request.decide(image, ctx);
                        Decision { records, reply: ControllerReply::$name(reply) }
                    })*
                }
            }
        }

        $(
            impl From<$name> for ControllerRequest {
                fn from(request: $name) -> Self {
                    Self::$name(request)
                }
            }

            impl Request for $name {
                fn reply_of(reply: ControllerReply) -> Option<Self::Reply> {
                    match reply {
                        ControllerReply::$name(reply) => Some(reply),
                        _ => None,
                    }
                }
            }
        )*
    };
}

requests! {
    /// See [`CreateTopics`].
    CreateTopics => "wire::answered",
    /// See [`DeleteTopics`].
    DeleteTopics => "wire::items",
    /// See [`CreatePartitions`].
    CreatePartitions => "wire::items",
    /// See [`AlterConfigs`].
    AlterConfigs,
    /// See [`IncrementalAlterConfigs`].
    IncrementalAlterConfigs,
    /// See [`AlterClientQuotas`].
    AlterClientQuotas,
    /// See [`AlterUserScramCredentials`].
    AlterUserScramCredentials,
    /// See [`AlterPartitionReassignments`].
    AlterPartitionReassignments => "wire::answered",
    /// See [`ElectLeaders`].
    ElectLeaders => "wire::items",
    /// See [`UpdateFeatures`].
    UpdateFeatures,
    /// See [`RegisterBroker`].
    RegisterBroker => "wire::response",
    /// See [`BrokerHeartbeat`].
    BrokerHeartbeat => "wire::response",
    /// See [`FenceBroker`].
    FenceBroker,
    /// See [`UnregisterBroker`].
    UnregisterBroker,
    /// See [`RegisterController`].
    RegisterController => "wire::response",
    /// See [`UnregisterController`].
    UnregisterController,
    /// See [`AlterPartition`].
    AlterPartition => "wire::response",
    /// See [`AssignReplicasToDirs`].
    AssignReplicasToDirs => "wire::response",
    /// See [`AllocateProducerIds`].
    AllocateProducerIds => "wire::response",
    /// See [`ImportCluster`].
    ImportCluster,
    /// See [`CreateAcls`].
    CreateAcls,
    /// See [`DeleteAcls`].
    DeleteAcls,
    /// See [`CreateDelegationToken`].
    CreateDelegationToken => "wire::response",
    /// See [`RenewDelegationToken`].
    RenewDelegationToken => "wire::response",
    /// See [`ExpireDelegationToken`].
    ExpireDelegationToken => "wire::response",
}

impl ControllerRequest {
    /// Whether the decision needs an offset of its own: a broker's epoch is the offset of its registration.
    pub(crate) fn takes_offset(&self) -> bool {
        matches!(self, Self::RegisterBroker(_))
    }
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::error::ErrorCode;
    use barnabas_protocol::messages::alter_partition_response::{PartitionData, TopicData};
    use barnabas_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
    use barnabas_protocol::messages::create_topics_request::CreatableTopic;
    use barnabas_protocol::messages::create_topics_response::CreatableTopicResult;
    use barnabas_protocol::messages::delete_topics_response::DeletableTopicResult;
    use barnabas_protocol::messages::elect_leaders_response::ReplicaElectionResult;
    use barnabas_protocol::messages::{
        AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionReassignmentsRequest,
        AlterPartitionReassignmentsResponse, AlterPartitionRequest, AlterPartitionResponse,
        AlterUserScramCredentialsRequest, AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
        BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest,
        BrokerRegistrationResponse, ControllerRegistrationRequest, ControllerRegistrationResponse,
        CreateAclsRequest, CreateDelegationTokenRequest, CreateDelegationTokenResponse,
        CreatePartitionsRequest, CreateTopicsRequest, CreateTopicsResponse, DeleteAclsRequest,
        DeleteTopicsRequest, ElectLeadersRequest, ExpireDelegationTokenRequest,
        ExpireDelegationTokenResponse, RenewDelegationTokenRequest, RenewDelegationTokenResponse, StrBytes,
        TopicName, UpdateFeaturesRequest,
    };

    use super::*;
    use crate::controller::{AlterConfigOp, ApiError, QuotaAlteration};
    use crate::records::ConfigResource;

    #[test]
    fn requests_are_the_same_at_the_other_end() {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("orders")))
            .with_num_partitions(3)
            .with_replication_factor(-1);
        let create = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(5);
        let set = vec![("a".to_owned(), AlterConfigOp::Append("b".to_owned()))];
        let quota = QuotaAlteration {
            entity: vec![("user".into(), None)],
            quotas: vec![("producer_byte_rate".into(), Some(0.5))],
        };
        let requests: Vec<ControllerRequest> = vec![
            CreateTopics(create).into(),
            DeleteTopics(DeleteTopicsRequest::default()).into(),
            CreatePartitions(CreatePartitionsRequest::default()).into(),
            AlterConfigs {
                resources: vec![(ConfigResource::topic("t"), vec![("a".into(), None)])],
                validate_only: true,
            }
            .into(),
            IncrementalAlterConfigs {
                resources: vec![(ConfigResource::broker(1), set)],
                validate_only: false,
            }
            .into(),
            AlterClientQuotas {
                alterations: vec![quota],
                ..AlterClientQuotas::default()
            }
            .into(),
            AlterUserScramCredentials(AlterUserScramCredentialsRequest::default()).into(),
            AlterPartitionReassignments(AlterPartitionReassignmentsRequest::default()).into(),
            ElectLeaders(ElectLeadersRequest::default()).into(),
            UpdateFeatures(UpdateFeaturesRequest::default()).into(),
            UnregisterBroker { broker_id: 3 }.into(),
            RegisterController(ControllerRegistrationRequest::default()).into(),
            UnregisterController { controller_id: 3 }.into(),
            RegisterBroker(BrokerRegistrationRequest::default()).into(),
            BrokerHeartbeat(BrokerHeartbeatRequest::default().with_cordoned_log_dirs(Some(vec![]))).into(),
            FenceBroker {
                broker_id: 1,
                broker_epoch: 2,
            }
            .into(),
            AlterPartition(AlterPartitionRequest::default()).into(),
            AssignReplicasToDirs(AssignReplicasToDirsRequest::default()).into(),
            AllocateProducerIds(AllocateProducerIdsRequest::default()).into(),
            ImportCluster::default().into(),
            CreateAcls(CreateAclsRequest::default()).into(),
            DeleteAcls(DeleteAclsRequest::default()).into(),
            CreateDelegationToken {
                requester: "User:alice".into(),
                request: CreateDelegationTokenRequest::default().with_max_lifetime_ms(7),
            }
            .into(),
            RenewDelegationToken {
                requester: "User:alice".into(),
                request: RenewDelegationTokenRequest::default().with_hmac(vec![1, 2].into()),
            }
            .into(),
            ExpireDelegationToken {
                requester: "User:alice".into(),
                request: ExpireDelegationTokenRequest::default().with_expiry_time_period_ms(-1),
            }
            .into(),
        ];
        for request in requests {
            let bytes = serde_json::to_vec(&request).unwrap();
            assert_eq!(
                serde_json::from_slice::<ControllerRequest>(&bytes).unwrap(),
                request
            );
        }
        let lying = r#"{"CreateTopics":[7,[127,255,255,255,15]]}"#;
        assert!(serde_json::from_str::<ControllerRequest>(lying).is_err());
    }

    #[test]
    fn replies_are_the_same_at_the_other_end() {
        let refused = || ApiError::new(ErrorCode::PolicyViolation, "no");
        let topic = CreatableTopicResult::default()
            .with_name(TopicName(StrBytes::from_static_str("orders")))
            .with_error_code(36);
        let created = CreateTopicsResponse::default().with_topics(vec![topic]);
        let deleted = DeletableTopicResult::default().with_topic_id(uuid::Uuid::from_u128(7));
        let outcome = (
            ConfigResource::topic("t"),
            Err(ApiError::bare(ErrorCode::InvalidConfig)),
        );
        let partition = PartitionData::default().with_isr(vec![BrokerId(3)]);
        let altered = TopicData::default().with_partitions(vec![partition]);
        let replies = vec![
            ControllerReply::CreateTopics(Ok(created)),
            ControllerReply::CreateTopics(Err(refused())),
            ControllerReply::DeleteTopics(Ok(vec![deleted])),
            ControllerReply::CreatePartitions(Ok(vec![CreatePartitionsTopicResult::default()])),
            ControllerReply::AlterConfigs(Ok(vec![outcome])),
            ControllerReply::AlterClientQuotas(vec![(
                [("user".to_owned(), None)].into_iter().collect(),
                Err(refused()),
            )]),
            ControllerReply::AlterUserScramCredentials([("u".to_owned(), Ok(()))].into_iter().collect()),
            ControllerReply::AlterPartitionReassignments(Ok(AlterPartitionReassignmentsResponse::default())),
            ControllerReply::ElectLeaders(Ok(vec![ReplicaElectionResult::default()])),
            ControllerReply::UpdateFeatures(Ok(())),
            ControllerReply::RegisterBroker(BrokerRegistrationResponse::default().with_broker_epoch(5)),
            ControllerReply::BrokerHeartbeat(BrokerHeartbeatResponse::default().with_is_fenced(false)),
            ControllerReply::FenceBroker(true),
            ControllerReply::UnregisterBroker(Err(refused())),
            ControllerReply::RegisterController(
                ControllerRegistrationResponse::default().with_error_code(35),
            ),
            ControllerReply::UnregisterController(Err(refused())),
            ControllerReply::AlterPartition(AlterPartitionResponse::default().with_topics(vec![altered])),
            ControllerReply::AssignReplicasToDirs(AssignReplicasToDirsResponse::default()),
            ControllerReply::AllocateProducerIds(
                AllocateProducerIdsResponse::default().with_producer_id_len(1000),
            ),
            ControllerReply::ImportCluster(Ok(())),
            ControllerReply::CreateAcls(Ok(vec![Ok(()), Err(refused())])),
            ControllerReply::DeleteAcls(vec![Ok(vec![]), Err(refused())]),
            ControllerReply::CreateDelegationToken(
                CreateDelegationTokenResponse::default().with_hmac(vec![1, 2].into()),
            ),
            ControllerReply::RenewDelegationToken(
                RenewDelegationTokenResponse::default().with_error_code(63),
            ),
            ControllerReply::ExpireDelegationToken(
                ExpireDelegationTokenResponse::default().with_expiry_timestamp_ms(5),
            ),
        ];
        for reply in replies {
            let bytes = serde_json::to_vec(&reply).unwrap();
            assert_eq!(serde_json::from_slice::<ControllerReply>(&bytes).unwrap(), reply);
        }
        let lying = r#"{"DeleteTopics":{"Ok":[6,[0,0,0,0,255,255,255,255,15]]}}"#;
        assert!(serde_json::from_str::<ControllerReply>(lying).is_err());
    }

    #[test]
    fn names_in_an_older_version_of_delete_topics_are_forwarded() {
        let name = TopicName(StrBytes::from_static_str("t"));
        let asked = DeleteTopics(DeleteTopicsRequest::default().with_topic_names(vec![name.clone()]));
        let sent = serde_json::to_string(&asked).unwrap();
        let DeleteTopics(come) = serde_json::from_str(&sent).unwrap();
        let names: Vec<_> = come.topics.into_iter().map(|topic| topic.name).collect();
        assert_eq!(names, [Some(name)]);
    }
}
