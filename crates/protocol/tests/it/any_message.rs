//! Decoding and encoding by API key: one place that knows the structs of every API. The fuzz targets include this file.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec::{decode_request, encode_response};
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::messages::{self, Decodable, Encodable, Message, Request};
use bytes::{Bytes, BytesMut};

macro_rules! apis {
    ($($api:ident $request:ident $response:ident,)*) => {
        /// Guards and decodes a request, and encodes it again; `None` where no struct knows the version.
        pub fn request_round_trip(api: ApiKey, version: i16, body: &[u8]) -> Option<Result<BytesMut, Malformed>> {
            match api {
                $(ApiKey::$api => request::<messages::$request>(version, body),)*
            }
        }

        /// Decodes a response, which must be sound, and encodes it again; `None` where no struct knows the version.
        pub fn response_round_trip(api: ApiKey, version: i16, body: &[u8]) -> Option<BytesMut> {
            match api {
                $(ApiKey::$api => response::<messages::$response>(version, body),)*
            }
        }
    };
}

apis! {
            Produce ProduceRequest ProduceResponse,
            Fetch FetchRequest FetchResponse,
            ListOffsets ListOffsetsRequest ListOffsetsResponse,
            Metadata MetadataRequest MetadataResponse,
            OffsetCommit OffsetCommitRequest OffsetCommitResponse,
            OffsetFetch OffsetFetchRequest OffsetFetchResponse,
            FindCoordinator FindCoordinatorRequest FindCoordinatorResponse,
            JoinGroup JoinGroupRequest JoinGroupResponse,
            Heartbeat HeartbeatRequest HeartbeatResponse,
            LeaveGroup LeaveGroupRequest LeaveGroupResponse,
            SyncGroup SyncGroupRequest SyncGroupResponse,
            DescribeGroups DescribeGroupsRequest DescribeGroupsResponse,
            ListGroups ListGroupsRequest ListGroupsResponse,
            SaslHandshake SaslHandshakeRequest SaslHandshakeResponse,
            ApiVersions ApiVersionsRequest ApiVersionsResponse,
            CreateTopics CreateTopicsRequest CreateTopicsResponse,
            DeleteTopics DeleteTopicsRequest DeleteTopicsResponse,
            DeleteRecords DeleteRecordsRequest DeleteRecordsResponse,
            InitProducerId InitProducerIdRequest InitProducerIdResponse,
            OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse,
            AddPartitionsToTxn AddPartitionsToTxnRequest AddPartitionsToTxnResponse,
            AddOffsetsToTxn AddOffsetsToTxnRequest AddOffsetsToTxnResponse,
            EndTxn EndTxnRequest EndTxnResponse,
            WriteTxnMarkers WriteTxnMarkersRequest WriteTxnMarkersResponse,
            TxnOffsetCommit TxnOffsetCommitRequest TxnOffsetCommitResponse,
            DescribeAcls DescribeAclsRequest DescribeAclsResponse,
            CreateAcls CreateAclsRequest CreateAclsResponse,
            DeleteAcls DeleteAclsRequest DeleteAclsResponse,
            DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse,
            AlterConfigs AlterConfigsRequest AlterConfigsResponse,
            AlterReplicaLogDirs AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse,
            DescribeLogDirs DescribeLogDirsRequest DescribeLogDirsResponse,
            SaslAuthenticate SaslAuthenticateRequest SaslAuthenticateResponse,
            CreatePartitions CreatePartitionsRequest CreatePartitionsResponse,
            CreateDelegationToken CreateDelegationTokenRequest CreateDelegationTokenResponse,
            RenewDelegationToken RenewDelegationTokenRequest RenewDelegationTokenResponse,
            ExpireDelegationToken ExpireDelegationTokenRequest ExpireDelegationTokenResponse,
            DescribeDelegationToken DescribeDelegationTokenRequest DescribeDelegationTokenResponse,
            DeleteGroups DeleteGroupsRequest DeleteGroupsResponse,
            ElectLeaders ElectLeadersRequest ElectLeadersResponse,
            IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse,
            AlterPartitionReassignments AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse,
            ListPartitionReassignments ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse,
            OffsetDelete OffsetDeleteRequest OffsetDeleteResponse,
            DescribeClientQuotas DescribeClientQuotasRequest DescribeClientQuotasResponse,
            AlterClientQuotas AlterClientQuotasRequest AlterClientQuotasResponse,
            DescribeUserScramCredentials DescribeUserScramCredentialsRequest DescribeUserScramCredentialsResponse,
            AlterUserScramCredentials AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse,
            Vote VoteRequest VoteResponse,
            BeginQuorumEpoch BeginQuorumEpochRequest BeginQuorumEpochResponse,
            EndQuorumEpoch EndQuorumEpochRequest EndQuorumEpochResponse,
            DescribeQuorum DescribeQuorumRequest DescribeQuorumResponse,
            AlterPartition AlterPartitionRequest AlterPartitionResponse,
            UpdateFeatures UpdateFeaturesRequest UpdateFeaturesResponse,
            Envelope EnvelopeRequest EnvelopeResponse,
            FetchSnapshot FetchSnapshotRequest FetchSnapshotResponse,
            DescribeCluster DescribeClusterRequest DescribeClusterResponse,
            DescribeProducers DescribeProducersRequest DescribeProducersResponse,
            BrokerRegistration BrokerRegistrationRequest BrokerRegistrationResponse,
            BrokerHeartbeat BrokerHeartbeatRequest BrokerHeartbeatResponse,
            UnregisterBroker UnregisterBrokerRequest UnregisterBrokerResponse,
            DescribeTransactions DescribeTransactionsRequest DescribeTransactionsResponse,
            ListTransactions ListTransactionsRequest ListTransactionsResponse,
            AllocateProducerIds AllocateProducerIdsRequest AllocateProducerIdsResponse,
            ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse,
            ConsumerGroupDescribe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse,
            ControllerRegistration ControllerRegistrationRequest ControllerRegistrationResponse,
            GetTelemetrySubscriptions GetTelemetrySubscriptionsRequest GetTelemetrySubscriptionsResponse,
            PushTelemetry PushTelemetryRequest PushTelemetryResponse,
            AssignReplicasToDirs AssignReplicasToDirsRequest AssignReplicasToDirsResponse,
            ListConfigResources ListConfigResourcesRequest ListConfigResourcesResponse,
            DescribeTopicPartitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse,
            ShareGroupHeartbeat ShareGroupHeartbeatRequest ShareGroupHeartbeatResponse,
            ShareGroupDescribe ShareGroupDescribeRequest ShareGroupDescribeResponse,
            ShareFetch ShareFetchRequest ShareFetchResponse,
            ShareAcknowledge ShareAcknowledgeRequest ShareAcknowledgeResponse,
            AddRaftVoter AddRaftVoterRequest AddRaftVoterResponse,
            RemoveRaftVoter RemoveRaftVoterRequest RemoveRaftVoterResponse,
            UpdateRaftVoter UpdateRaftVoterRequest UpdateRaftVoterResponse,
            InitializeShareGroupState InitializeShareGroupStateRequest InitializeShareGroupStateResponse,
            ReadShareGroupState ReadShareGroupStateRequest ReadShareGroupStateResponse,
            WriteShareGroupState WriteShareGroupStateRequest WriteShareGroupStateResponse,
            DeleteShareGroupState DeleteShareGroupStateRequest DeleteShareGroupStateResponse,
            ReadShareGroupStateSummary ReadShareGroupStateSummaryRequest ReadShareGroupStateSummaryResponse,
            StreamsGroupHeartbeat StreamsGroupHeartbeatRequest StreamsGroupHeartbeatResponse,
            StreamsGroupDescribe StreamsGroupDescribeRequest StreamsGroupDescribeResponse,
            DescribeShareGroupOffsets DescribeShareGroupOffsetsRequest DescribeShareGroupOffsetsResponse,
            AlterShareGroupOffsets AlterShareGroupOffsetsRequest AlterShareGroupOffsetsResponse,
            DeleteShareGroupOffsets DeleteShareGroupOffsetsRequest DeleteShareGroupOffsetsResponse,
            StreamsGroupTopologyDescriptionUpdate StreamsGroupTopologyDescriptionUpdateRequest StreamsGroupTopologyDescriptionUpdateResponse,
            UnregisterController UnregisterControllerRequest UnregisterControllerResponse,
}

fn request<T: Request>(version: i16, body: &[u8]) -> Option<Result<BytesMut, Malformed>> {
    if version > T::VERSIONS.max {
        return None;
    }
    let decoded = decode_request::<T>(version, Bytes::copy_from_slice(body));
    Some(decoded.map(|request| encoded(&request, version)))
}

fn response<T: Message + Decodable + Encodable>(version: i16, body: &[u8]) -> Option<BytesMut> {
    if version > T::VERSIONS.max {
        return None;
    }
    let response = T::decode(&mut Bytes::copy_from_slice(body), version).expect("a sound response");
    Some(encoded(&response, version))
}

fn encoded<T: Encodable>(message: &T, version: i16) -> BytesMut {
    let mut buffer = BytesMut::new();
    encode_response(message, version, &mut buffer).expect("what was decoded can be encoded");
    buffer
}
