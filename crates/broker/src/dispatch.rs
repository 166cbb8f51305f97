//! The table of APIs: one row per key that the broker serves. It is the only list of them; ApiVersions and
//! docs/COMPATIBILITY.md are made from it. A row's version range is that of Apache Kafka 4.4.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::header::{RequestHeader, encode_response_header};
use barnabas_protocol::messages::{self, Encodable};
use bytes::Bytes;

use crate::broker::Broker;
use crate::handlers::*;
use crate::request::RequestContext;
use barnabas_network::request_memory::RequestMemory;
use barnabas_network::response::{Outcome, PendingReply, Reply, frame_buffer};
use barnabas_network::{ConnectionContext, Limits, Service};

/// Starts a request whose header has been read. The body lies in the connection's buffer and is gone afterwards.
type Start = fn(&Arc<Broker>, RequestContext, &mut [u8]) -> Outcome;

/// One API that is served.
pub struct Api {
    /// Which.
    pub key: ApiKey,
    start: Start,
}

/// A row whose handler is `fn handle(&Broker, &RequestContext, Request) -> Response`: it waits for nothing.
macro_rules! ready {
    ($key:ident, $request:ident, $handler:path) => {
        Api {
            key: ApiKey::$key,
            start: |broker, context, body| match decode::<messages::$request>(&context, body) {
                Some(request) => Outcome::Ready(encode(&context, &$handler(broker, &context, request))),
                None => Outcome::Ready(Reply::Close),
            },
        }
    };
}

/// A row whose handler is `fn handle(&Broker, &RequestContext, Request) -> Option<Response>`: without an answer the
/// connection is closed.
macro_rules! checked {
    ($key:ident, $request:ident, $handler:path) => {
        Api {
            key: ApiKey::$key,
            start: |broker, context, body| {
                let request = decode::<messages::$request>(&context, body);
                match request.and_then(|request| $handler(broker, &context, request)) {
                    Some(response) => Outcome::Ready(encode(&context, &response)),
                    None => Outcome::Ready(Reply::Close),
                }
            },
        }
    };
}

/// A row whose handler is `async fn handle(&Broker, &RequestContext, Request) -> Response`: later requests of the
/// connection start when it is done.
macro_rules! exclusive {
    ($key:ident, $request:ident, $handler:path) => {
        Api {
            key: ApiKey::$key,
            start: |broker, context, body| match decode::<messages::$request>(&context, body) {
                Some(request) => {
                    let broker = broker.clone();
                    let reply: PendingReply = Box::pin(async move {
                        let response = $handler(&broker, &context, request).await;
                        encode(&context, &response)
                    });
                    Outcome::Exclusive(reply)
                }
                None => Outcome::Ready(Reply::Close),
            },
        }
    };
}

/// A row whose handler reads the body and writes the response itself.
macro_rules! raw {
    ($key:ident, $handler:path) => {
        Api {
            key: ApiKey::$key,
            start: $handler,
        }
    };
}

/// Every API that is served, by ascending key.
pub static APIS: &[Api] = &[
    raw!(Produce, k00_produce::start),
    raw!(Fetch, k01_fetch::start),
    ready!(ListOffsets, ListOffsetsRequest, k02_list_offsets::handle),
    exclusive!(Metadata, MetadataRequest, k03_metadata::handle),
    exclusive!(OffsetCommit, OffsetCommitRequest, k08_offset_commit::handle),
    exclusive!(OffsetFetch, OffsetFetchRequest, k09_offset_fetch::handle),
    exclusive!(
        FindCoordinator,
        FindCoordinatorRequest,
        k10_find_coordinator::handle
    ),
    exclusive!(JoinGroup, JoinGroupRequest, k11_join_group::handle),
    exclusive!(Heartbeat, HeartbeatRequest, k12_heartbeat::handle),
    exclusive!(LeaveGroup, LeaveGroupRequest, k13_leave_group::handle),
    exclusive!(SyncGroup, SyncGroupRequest, k14_sync_group::handle),
    exclusive!(DescribeGroups, DescribeGroupsRequest, k15_describe_groups::handle),
    exclusive!(ListGroups, ListGroupsRequest, k16_list_groups::handle),
    raw!(ApiVersions, k18_api_versions::start),
    exclusive!(CreateTopics, CreateTopicsRequest, k19_create_topics::handle),
    exclusive!(DeleteTopics, DeleteTopicsRequest, k20_delete_topics::handle),
    exclusive!(DeleteRecords, DeleteRecordsRequest, k21_delete_records::handle),
    exclusive!(
        InitProducerId,
        InitProducerIdRequest,
        k22_init_producer_id::handle
    ),
    ready!(
        OffsetForLeaderEpoch,
        OffsetForLeaderEpochRequest,
        k23_offset_for_leader_epoch::handle
    ),
    exclusive!(
        AddPartitionsToTxn,
        AddPartitionsToTxnRequest,
        k24_add_partitions_to_txn::handle
    ),
    exclusive!(
        AddOffsetsToTxn,
        AddOffsetsToTxnRequest,
        k25_add_offsets_to_txn::handle
    ),
    exclusive!(EndTxn, EndTxnRequest, k26_end_txn::handle),
    exclusive!(
        WriteTxnMarkers,
        WriteTxnMarkersRequest,
        k27_write_txn_markers::handle
    ),
    exclusive!(
        TxnOffsetCommit,
        TxnOffsetCommitRequest,
        k28_txn_offset_commit::handle
    ),
    checked!(DescribeAcls, DescribeAclsRequest, k29_describe_acls::handle),
    checked!(CreateAcls, CreateAclsRequest, k30_create_acls::handle),
    checked!(DeleteAcls, DeleteAclsRequest, k31_delete_acls::handle),
    ready!(
        DescribeConfigs,
        DescribeConfigsRequest,
        k32_describe_configs::handle
    ),
    exclusive!(AlterConfigs, AlterConfigsRequest, k33_alter_configs::handle),
    ready!(
        AlterReplicaLogDirs,
        AlterReplicaLogDirsRequest,
        k34_alter_replica_log_dirs::handle
    ),
    ready!(
        DescribeLogDirs,
        DescribeLogDirsRequest,
        k35_describe_log_dirs::handle
    ),
    exclusive!(
        CreatePartitions,
        CreatePartitionsRequest,
        k37_create_partitions::handle
    ),
    exclusive!(DeleteGroups, DeleteGroupsRequest, k42_delete_groups::handle),
    exclusive!(ElectLeaders, ElectLeadersRequest, k43_elect_leaders::handle),
    exclusive!(
        IncrementalAlterConfigs,
        IncrementalAlterConfigsRequest,
        k44_incremental_alter_configs::handle
    ),
    exclusive!(
        AlterPartitionReassignments,
        AlterPartitionReassignmentsRequest,
        k45_alter_partition_reassignments::handle
    ),
    ready!(
        ListPartitionReassignments,
        ListPartitionReassignmentsRequest,
        k46_list_partition_reassignments::handle
    ),
    exclusive!(OffsetDelete, OffsetDeleteRequest, k47_offset_delete::handle),
    ready!(
        DescribeClientQuotas,
        DescribeClientQuotasRequest,
        k48_describe_client_quotas::handle
    ),
    exclusive!(
        AlterClientQuotas,
        AlterClientQuotasRequest,
        k49_alter_client_quotas::handle
    ),
    ready!(
        DescribeUserScramCredentials,
        DescribeUserScramCredentialsRequest,
        k50_describe_user_scram_credentials::handle
    ),
    exclusive!(
        AlterUserScramCredentials,
        AlterUserScramCredentialsRequest,
        k51_alter_user_scram_credentials::handle
    ),
    ready!(DescribeQuorum, DescribeQuorumRequest, k55_describe_quorum::handle),
    exclusive!(UpdateFeatures, UpdateFeaturesRequest, k57_update_features::handle),
    ready!(
        DescribeCluster,
        DescribeClusterRequest,
        k60_describe_cluster::handle
    ),
    ready!(
        DescribeProducers,
        DescribeProducersRequest,
        k61_describe_producers::handle
    ),
    exclusive!(
        UnregisterBroker,
        UnregisterBrokerRequest,
        k64_unregister_broker::handle
    ),
    exclusive!(
        DescribeTransactions,
        DescribeTransactionsRequest,
        k65_describe_transactions::handle
    ),
    exclusive!(
        ListTransactions,
        ListTransactionsRequest,
        k66_list_transactions::handle
    ),
    exclusive!(
        ConsumerGroupHeartbeat,
        ConsumerGroupHeartbeatRequest,
        k68_consumer_group_heartbeat::handle
    ),
    exclusive!(
        ConsumerGroupDescribe,
        ConsumerGroupDescribeRequest,
        k69_consumer_group_describe::handle
    ),
    ready!(
        ListConfigResources,
        ListConfigResourcesRequest,
        k74_list_config_resources::handle
    ),
    ready!(
        DescribeTopicPartitions,
        DescribeTopicPartitionsRequest,
        k75_describe_topic_partitions::handle
    ),
];

/// The broker as what stands behind its listeners.
pub struct BrokerService(Arc<Broker>);

impl BrokerService {
    /// For the listeners of this broker.
    pub fn new(broker: Arc<Broker>) -> Self {
        BrokerService(broker)
    }
}

impl Service for BrokerService {
    fn start(&self, connection: &Rc<ConnectionContext>, frame: &mut [u8]) -> Outcome {
        start(&self.0, connection, frame)
    }

    fn limits(&self) -> Limits {
        let config = self.0.config();
        Limits {
            connections_max: places(config.max_connections),
            frame_bytes_max: places(config.socket_request_max_bytes),
            idle_max: Duration::from_millis(
                u64::try_from(config.connections_max_idle_ms).unwrap_or(u64::MAX),
            ),
        }
    }

    fn connections_max_from(&self, address: IpAddr) -> usize {
        places(self.0.config().connections_from(address))
    }

    fn request_memory(&self) -> &Arc<RequestMemory> {
        &self.0.request_memory
    }
}

fn places(setting: i32) -> usize {
    usize::try_from(setting).unwrap_or(0)
}

/// Starts the request in `frame` (its size prefix taken off). A header that can't be read, an unknown key or a
/// version out of range closes the connection, as Apache Kafka does; ApiVersions alone answers for any version.
fn start(broker: &Arc<Broker>, connection: &Rc<ConnectionContext>, frame: &mut [u8]) -> Outcome {
    let refuse = |why: std::fmt::Arguments<'_>| {
        tracing::info!(client = %connection.client_host, "connection closed: {why}");
        Outcome::Ready(Reply::Close)
    };
    let header = match RequestHeader::decode(frame) {
        Ok(header) => header,
        Err(error) => return refuse(format_args!("no request of the Kafka protocol ({error})")),
    };
    let (name, version) = (header.api_key.name(), header.api_version);
    let Some(api) = served(header.api_key) else {
        return refuse(format_args!("{name} is not served"));
    };
    if !api.key.supports(version) && api.key != ApiKey::ApiVersions {
        return refuse(format_args!("{name} is not served in version {version}"));
    }
    let context = RequestContext {
        connection: connection.clone(),
        api_key: api.key,
        api_version: header.api_version,
        correlation_id: header.correlation_id,
        client_id: connection.client_id(header.client_id),
    };
    let body_start = header.size;
    (api.start)(broker, context, &mut frame[body_start..])
}

/// The row of an API that is served.
fn served(key: ApiKey) -> Option<&'static Api> {
    APIS.binary_search_by_key(&key, |api| api.key)
        .ok()
        .map(|row| &APIS[row])
}

/// Decodes a body, copied so that what outlives the request doesn't pin the connection's buffer.
pub fn decode<T: messages::Request>(context: &RequestContext, body: &[u8]) -> Option<T> {
    let decoded = codec::decode_request(context.api_version, Bytes::copy_from_slice(body));
    decoded
        .inspect_err(|error| {
            let api = context.api_key.name();
            tracing::debug!(api, version = context.api_version, %error, "malformed request");
        })
        .ok()
}

/// Encodes a response frame. A response that can't be encoded is a fault of the broker: the connection is closed,
/// so that the client sees an error and not silence.
pub fn encode<T: Encodable>(context: &RequestContext, response: &T) -> Reply {
    let mut buffer = frame_buffer(RESPONSE_BYTES);
    encode_response_header(
        context.api_key,
        context.api_version,
        context.correlation_id,
        &mut buffer,
    );
    match codec::encode_response(response, context.api_version, &mut buffer) {
        Ok(()) => Reply::frame(buffer),
        Err(error) => {
            tracing::error!(api = context.api_key.name(), %error, "could not encode a response");
            Reply::Close
        }
    }
}

/// First capacity of a response's buffer: most fit.
const RESPONSE_BYTES: usize = 512;
