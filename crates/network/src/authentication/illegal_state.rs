//! What a client is told that sends another request where its SASL token was due: ILLEGAL_SASL_STATE in the
//! answer to that request, where the answer has a place for it, as in Apache Kafka.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::guard;
use barnabas_protocol::messages::metadata_response::MetadataResponseTopic;
use barnabas_protocol::messages::*;

use crate::response::Reply;
use crate::rpc::{RequestContext, decode, encode};

/// The answers that have an error of their own, and those that have only errors of items, of which there are
/// none.
macro_rules! answer {
    ($context:expr; with_error: $($with:ident $with_response:ident,)*; without: $($without:ident $without_response:ident,)*) => {
        match $context.api_key {
            $(ApiKey::$with => {
                let code = ErrorCode::IllegalSaslState.code();
                let answer = encode($context, &$with_response::default().with_error_code(code));
                match answer {
                    // A version that has no place for it.
                    Reply::Close => encode($context, &$with_response::default()),
                    answer => answer,
                }
            })*
            $(ApiKey::$without => encode($context, &$without_response::default()),)*
            _ => Reply::Close,
        }
    };
}

/// The answer; the connection is closed without one where the request can't be read.
pub fn answer(context: &RequestContext, body: &[u8]) -> Reply {
    let (key, version) = (context.api_key, context.api_version);
    if !key.supports(version) || guard::check(key, version, body).is_err() {
        return Reply::Close;
    }
    if key == ApiKey::Metadata {
        return metadata(context, body);
    }
    answer!(context;
        with_error:
            Fetch FetchResponse,
            FindCoordinator FindCoordinatorResponse,
            JoinGroup JoinGroupResponse,
            Heartbeat HeartbeatResponse,
            LeaveGroup LeaveGroupResponse,
            SyncGroup SyncGroupResponse,
            ListGroups ListGroupsResponse,
            SaslHandshake SaslHandshakeResponse,
            ApiVersions ApiVersionsResponse,
            InitProducerId InitProducerIdResponse,
            AddOffsetsToTxn AddOffsetsToTxnResponse,
            EndTxn EndTxnResponse,
            DescribeAcls DescribeAclsResponse,
            DescribeLogDirs DescribeLogDirsResponse,
            CreateDelegationToken CreateDelegationTokenResponse,
            RenewDelegationToken RenewDelegationTokenResponse,
            ExpireDelegationToken ExpireDelegationTokenResponse,
            DescribeDelegationToken DescribeDelegationTokenResponse,
            ElectLeaders ElectLeadersResponse,
            AlterPartitionReassignments AlterPartitionReassignmentsResponse,
            ListPartitionReassignments ListPartitionReassignmentsResponse,
            OffsetDelete OffsetDeleteResponse,
            DescribeClientQuotas DescribeClientQuotasResponse,
            DescribeUserScramCredentials DescribeUserScramCredentialsResponse,
            DescribeQuorum DescribeQuorumResponse,
            UpdateFeatures UpdateFeaturesResponse,
            DescribeCluster DescribeClusterResponse,
            UnregisterBroker UnregisterBrokerResponse,
            ListTransactions ListTransactionsResponse,
            ConsumerGroupHeartbeat ConsumerGroupHeartbeatResponse,
            ListConfigResources ListConfigResourcesResponse,
            UnregisterController UnregisterControllerResponse,
        ;
        without:
            Produce ProduceResponse,
            ListOffsets ListOffsetsResponse,
            OffsetCommit OffsetCommitResponse,
            OffsetFetch OffsetFetchResponse,
            DescribeGroups DescribeGroupsResponse,
            CreateTopics CreateTopicsResponse,
            DeleteTopics DeleteTopicsResponse,
            DeleteRecords DeleteRecordsResponse,
            OffsetForLeaderEpoch OffsetForLeaderEpochResponse,
            AddPartitionsToTxn AddPartitionsToTxnResponse,
            WriteTxnMarkers WriteTxnMarkersResponse,
            TxnOffsetCommit TxnOffsetCommitResponse,
            CreateAcls CreateAclsResponse,
            DeleteAcls DeleteAclsResponse,
            DescribeConfigs DescribeConfigsResponse,
            AlterConfigs AlterConfigsResponse,
            AlterReplicaLogDirs AlterReplicaLogDirsResponse,
            CreatePartitions CreatePartitionsResponse,
            DeleteGroups DeleteGroupsResponse,
            IncrementalAlterConfigs IncrementalAlterConfigsResponse,
            AlterClientQuotas AlterClientQuotasResponse,
            AlterUserScramCredentials AlterUserScramCredentialsResponse,
            DescribeProducers DescribeProducersResponse,
            DescribeTransactions DescribeTransactionsResponse,
            ConsumerGroupDescribe ConsumerGroupDescribeResponse,
            DescribeTopicPartitions DescribeTopicPartitionsResponse,
    )
}

/// What a client asks for first that takes a refusal of its token for a success (kafkajs): each topic has the
/// error.
fn metadata(context: &RequestContext, body: &[u8]) -> Reply {
    let Some(request) = decode::<MetadataRequest>(context, body) else {
        return Reply::Close;
    };
    let code = ErrorCode::IllegalSaslState.code();
    let topics = request.topics.unwrap_or_default().into_iter().map(|topic| {
        MetadataResponseTopic::default()
            .with_name(Some(topic.name.unwrap_or_default()))
            .with_topic_id(topic.topic_id)
            .with_error_code(code)
    });
    encode(
        context,
        &MetadataResponse::default().with_topics(topics.collect()),
    )
}
