//! The table of APIs: one row per key that the broker serves. It is the only list of them; ApiVersions and
//! docs/COMPATIBILITY.md are made from it. A row's version range is that of Apache Kafka 4.4.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::controller::ApiError;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::RequestHeader;
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::faults;
use crate::forwarding;
use crate::handlers::*;
use crate::request::RequestContext;
use barnabas_controller::authorization;
use barnabas_network::metrics::RequestMetrics;
use barnabas_network::request_memory::RequestMemory;
use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::{encode, read, ready};
use barnabas_network::{ConnectionContext, Limits, Service};

/// Starts a request whose header has been read. The body lies in the connection's buffer and is gone
/// afterwards.
type Start = fn(&Arc<Broker>, RequestContext, &mut [u8]) -> Outcome;

/// One API that is served. On which listeners is [`ApiKey::listeners`].
pub struct Api {
    /// Which.
    pub key: ApiKey,
    /// Who may call it.
    pub authorization: Authorization,
    /// Who decides.
    pub decider: Decider,
    /// What slows it down.
    pub throttle: Throttle,
    start: Start,
}

/// Who may call an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The handler asks: it depends on what the request names.
    ByHandler,
    /// Whoever may do this to the cluster. The table asks, before the handler runs.
    Cluster(AclOperation),
}

/// Who decides what comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// This broker.
    Broker,
    /// The active controller, wherever it is: the request changes metadata.
    Controller,
}

/// The quotas that a request counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// None: it is brokers' among themselves.
    Exempt,
    /// That of the time that requests take (`request_percentage`), as with all that follow.
    Request,
    /// That of bytes written too.
    Produce,
    /// That of bytes read too.
    Fetch,
    /// That of changes to metadata too (`controller_mutation_rate`).
    Mutation,
}

/// How a handler is run:
/// - `raw`: `fn start`, which reads the body and writes the response itself;
/// - `ready`: `fn handle(&Broker, &RequestContext, Request) -> Response`, which waits for nothing;
/// - `checked`: as `ready`, where `fn is_understood(&Request)` says whether the connection is closed instead;
/// - `exclusive`: `async fn handle(&Broker, &RequestContext, Request) -> Response`; later requests of the
///   connection start when it is done;
/// - `forwarded`: as `exclusive`, where the active controller is on this node; otherwise it answers, and
///   authorises;
/// - `checked_forwarded`: `checked` and `forwarded`;
/// - `among_brokers`: as `exclusive`, but for the versions from `SENT_BY_BROKERS_SINCE` on: requests of many
///   clients come over one connection then, and don't wait for each other.
///
/// Where the table authorises, `fn refused(&RequestContext, &Request, &ApiError) -> Response` is the answer
/// to who may not.
macro_rules! start {
    (raw $module:ident, ByHandler) => {
        $module::start
    };
    (ready $module:ident, ByHandler) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                ready(&context, &$module::handle(broker, &context, request))
            })
        }
    };
    (ready $module:ident, Cluster($operation:ident)) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                match check_cluster(broker, &context, AclOperation::$operation) {
                    Ok(()) => ready(&context, &$module::handle(broker, &context, request)),
                    Err(error) => ready(&context, &$module::refused(&context, &request, &error)),
                }
            })
        }
    };
    (checked $module:ident, Cluster($operation:ident)) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                if !$module::is_understood(&request) {
                    return Outcome::Ready(Reply::Close);
                }
                match check_cluster(broker, &context, AclOperation::$operation) {
                    Ok(()) => ready(&context, &$module::handle(broker, &context, request)),
                    Err(error) => ready(&context, &$module::refused(&context, &request, &error)),
                }
            })
        }
    };
    (checked_forwarded $module:ident, Cluster($operation:ident)) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                if !$module::is_understood(&request) {
                    return Outcome::Ready(Reply::Close);
                }
                let here = here!($module, Cluster($operation));
                forwarding::start(broker, context, (body, request), $module::refused, here)
            })
        }
    };
    (forwarded $module:ident, $authorization:ident $(($operation:ident))?) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                let here = here!($module, $authorization $(($operation))?);
                forwarding::start(broker, context, (body, request), $module::refused, here)
            })
        }
    };
    (exclusive $module:ident, ByHandler) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                let broker = broker.clone();
                Outcome::Exclusive(Box::pin(async move {
                    let response = $module::handle(&broker, &context, request).await;
                    encode(&context, &response)
                }))
            })
        }
    };
    (among_brokers $module:ident, ByHandler) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                let broker = broker.clone();
                let is_brokers = context.api_version >= $module::SENT_BY_BROKERS_SINCE;
                let answer = Box::pin(async move {
                    let response = $module::handle(&broker, &context, request).await;
                    encode(&context, &response)
                });
                if is_brokers {
                    Outcome::Staged(answer)
                } else {
                    Outcome::Exclusive(answer)
                }
            })
        }
    };
    (exclusive $module:ident, Cluster($operation:ident)) => {
        |broker, context, body| {
            read(context, body, |context, request| {
                if let Err(error) = check_cluster(broker, &context, AclOperation::$operation) {
                    return ready(&context, &$module::refused(&context, &request, &error));
                }
                let broker = broker.clone();
                Outcome::Exclusive(Box::pin(async move {
                    let response = $module::handle(&broker, &context, request).await;
                    encode(&context, &response)
                }))
            })
        }
    };
}

/// What answers a request on the active controller's node.
macro_rules! here {
    ($module:ident, ByHandler) => {
        async |broker: &Arc<Broker>, context: &RequestContext, request| {
            $module::handle(broker, context, request).await
        }
    };
    ($module:ident, Cluster($operation:ident)) => {
        async |broker: &Arc<Broker>, context: &RequestContext, request| match check_cluster(
            broker,
            context,
            AclOperation::$operation,
        ) {
            Ok(()) => $module::handle(broker, context, request).await,
            Err(error) => $module::refused(context, &request, &error),
        }
    };
}

/// A row: key, how its handler is run, who may call it, who decides, what slows it down.
macro_rules! row {
    ($key:ident, $how:ident $module:ident, $authorization:ident $(($operation:ident))?, $decider:ident, $throttle:ident) => {
        Api {
            key: ApiKey::$key,
            authorization: Authorization::$authorization $((AclOperation::$operation))?,
            decider: Decider::$decider,
            throttle: Throttle::$throttle,
            start: start!($how $module, $authorization $(($operation))?),
        }
    };
}

/// Every API that is served, by ascending key.
#[rustfmt::skip]
pub static APIS: &[Api] = &[
    row!(Produce,                      raw k00_produce,                             ByHandler,                Broker,     Produce),
    row!(Fetch,                        raw k01_fetch,                               ByHandler,                Broker,     Fetch),
    row!(ListOffsets,                  ready k02_list_offsets,                      ByHandler,                Broker,     Request),
    row!(Metadata,                     exclusive k03_metadata,                      ByHandler,                Broker,     Request),
    row!(OffsetCommit,                 exclusive k08_offset_commit,                 ByHandler,                Broker,     Request),
    row!(OffsetFetch,                  exclusive k09_offset_fetch,                  ByHandler,                Broker,     Request),
    row!(FindCoordinator,              exclusive k10_find_coordinator,              ByHandler,                Broker,     Request),
    row!(JoinGroup,                    exclusive k11_join_group,                    ByHandler,                Broker,     Request),
    row!(Heartbeat,                    exclusive k12_heartbeat,                     ByHandler,                Broker,     Request),
    row!(LeaveGroup,                   exclusive k13_leave_group,                   ByHandler,                Broker,     Request),
    row!(SyncGroup,                    exclusive k14_sync_group,                    ByHandler,                Broker,     Request),
    row!(DescribeGroups,               exclusive k15_describe_groups,               ByHandler,                Broker,     Request),
    row!(ListGroups,                   exclusive k16_list_groups,                   ByHandler,                Broker,     Request),
    row!(SaslHandshake,                ready k17_sasl_handshake,                    ByHandler,                Broker,     Request),
    row!(ApiVersions,                  raw k18_api_versions,                        ByHandler,                Broker,     Request),
    row!(CreateTopics,                 forwarded k19_create_topics,                 ByHandler,                Controller, Mutation),
    row!(DeleteTopics,                 forwarded k20_delete_topics,                 ByHandler,                Controller, Mutation),
    row!(DeleteRecords,                exclusive k21_delete_records,                ByHandler,                Broker,     Request),
    row!(InitProducerId,               exclusive k22_init_producer_id,              ByHandler,                Broker,     Request),
    row!(OffsetForLeaderEpoch,         ready k23_offset_for_leader_epoch,           ByHandler,                Broker,     Request),
    row!(AddPartitionsToTxn,           among_brokers k24_add_partitions_to_txn,     ByHandler,                Broker,     Request),
    row!(AddOffsetsToTxn,              exclusive k25_add_offsets_to_txn,            ByHandler,                Broker,     Request),
    row!(EndTxn,                       exclusive k26_end_txn,                       ByHandler,                Broker,     Request),
    row!(WriteTxnMarkers,              among_brokers k27_write_txn_markers,         ByHandler,                Broker,     Exempt),
    row!(TxnOffsetCommit,              exclusive k28_txn_offset_commit,             ByHandler,                Broker,     Request),
    row!(DescribeAcls,                 checked k29_describe_acls,                   Cluster(Describe),        Broker,     Request),
    row!(CreateAcls,                   checked_forwarded k30_create_acls,                Cluster(Alter),           Controller, Request),
    row!(DeleteAcls,                   checked_forwarded k31_delete_acls,                Cluster(Alter),           Controller, Request),
    row!(DescribeConfigs,              ready k32_describe_configs,                  ByHandler,                Broker,     Request),
    row!(AlterConfigs,                 exclusive k33_alter_configs,                 ByHandler,                Controller, Request),
    row!(AlterReplicaLogDirs,          ready k34_alter_replica_log_dirs,            Cluster(Alter),           Broker,     Request),
    row!(DescribeLogDirs,              ready k35_describe_log_dirs,                 Cluster(Describe),        Broker,     Request),
    row!(SaslAuthenticate,             ready k36_sasl_authenticate,                 ByHandler,                Broker,     Request),
    row!(CreatePartitions,             forwarded k37_create_partitions,             ByHandler,                Controller, Mutation),
    row!(CreateDelegationToken,        exclusive k38_create_delegation_token,       ByHandler,                Controller, Request),
    row!(RenewDelegationToken,         exclusive k39_renew_delegation_token,        ByHandler,                Controller, Request),
    row!(ExpireDelegationToken,        exclusive k40_expire_delegation_token,       ByHandler,                Controller, Request),
    row!(DescribeDelegationToken,      ready k41_describe_delegation_token,         ByHandler,                Broker,     Request),
    row!(DeleteGroups,                 exclusive k42_delete_groups,                 ByHandler,                Broker,     Request),
    row!(ElectLeaders,                 forwarded k43_elect_leaders,                 Cluster(Alter),           Controller, Request),
    row!(IncrementalAlterConfigs,      exclusive k44_incremental_alter_configs,     ByHandler,                Controller, Request),
    row!(AlterPartitionReassignments,  forwarded k45_alter_partition_reassignments, Cluster(Alter),           Controller, Request),
    row!(ListPartitionReassignments,   ready k46_list_partition_reassignments,      Cluster(Describe),        Broker,     Request),
    row!(OffsetDelete,                 exclusive k47_offset_delete,                 ByHandler,                Broker,     Request),
    row!(DescribeClientQuotas,         ready k48_describe_client_quotas,            Cluster(DescribeConfigs), Broker,     Request),
    row!(AlterClientQuotas,            forwarded k49_alter_client_quotas,           Cluster(AlterConfigs),    Controller, Request),
    row!(DescribeUserScramCredentials, ready k50_describe_user_scram_credentials,   Cluster(Describe),        Broker,     Request),
    row!(AlterUserScramCredentials,    forwarded k51_alter_user_scram_credentials,  Cluster(Alter),           Controller, Request),
    row!(DescribeQuorum,               exclusive k55_describe_quorum,               Cluster(Describe),        Broker,     Request),
    row!(UpdateFeatures,               forwarded k57_update_features,               Cluster(Alter),           Controller, Request),
    row!(DescribeCluster,              ready k60_describe_cluster,                  ByHandler,                Broker,     Request),
    row!(DescribeProducers,            ready k61_describe_producers,                ByHandler,                Broker,     Request),
    row!(UnregisterBroker,             exclusive k64_unregister_broker,             Cluster(Alter),           Controller, Request),
    row!(DescribeTransactions,         exclusive k65_describe_transactions,         ByHandler,                Broker,     Request),
    row!(ListTransactions,             exclusive k66_list_transactions,             ByHandler,                Broker,     Request),
    row!(ConsumerGroupHeartbeat,       exclusive k68_consumer_group_heartbeat,      ByHandler,                Broker,     Request),
    row!(ConsumerGroupDescribe,        exclusive k69_consumer_group_describe,       ByHandler,                Broker,     Request),
    row!(GetTelemetrySubscriptions,    ready k71_get_telemetry_subscriptions,       ByHandler,                Broker,     Request),
    row!(PushTelemetry,                ready k72_push_telemetry,                    ByHandler,                Broker,     Request),
    row!(ListConfigResources,          ready k74_list_config_resources,             Cluster(DescribeConfigs), Broker,     Request),
    row!(DescribeTopicPartitions,      ready k75_describe_topic_partitions,         ByHandler,                Broker,     Request),
    row!(ShareGroupHeartbeat,           exclusive k76_share_group_heartbeat,         ByHandler,                Broker,     Request),
    row!(ShareGroupDescribe,            exclusive k77_share_group_describe,          ByHandler,                Broker,     Request),
    row!(ShareFetch,                   raw k78_share_fetch,                         ByHandler,                Broker,     Fetch),
    row!(ShareAcknowledge,             raw k79_share_acknowledge,                   ByHandler,                Broker,     Request),
    row!(AddRaftVoter,                 forwarded k80_add_raft_voter,                Cluster(Alter),           Controller, Request),
    row!(RemoveRaftVoter,              forwarded k81_remove_raft_voter,             Cluster(Alter),           Controller, Request),
    row!(InitializeShareGroupState,     among_brokers k83_initialize_share_group_state, ByHandler,                Broker,     Request),
    row!(ReadShareGroupState,           among_brokers k84_read_share_group_state,    ByHandler,                Broker,     Request),
    row!(WriteShareGroupState,          among_brokers k85_write_share_group_state,   ByHandler,                Broker,     Request),
    row!(DeleteShareGroupState,         among_brokers k86_delete_share_group_state,  ByHandler,                Broker,     Request),
    row!(ReadShareGroupStateSummary,    among_brokers k87_read_share_group_state_summary, ByHandler,                Broker,     Request),
    row!(StreamsGroupHeartbeat,        exclusive k88_streams_group_heartbeat,       ByHandler,                Broker,     Request),
    row!(StreamsGroupDescribe,         exclusive k89_streams_group_describe,        ByHandler,                Broker,     Request),
    row!(DescribeShareGroupOffsets,     exclusive k90_describe_share_group_offsets,  ByHandler,                Broker,     Request),
    row!(AlterShareGroupOffsets,        exclusive k91_alter_share_group_offsets,     ByHandler,                Broker,     Request),
    row!(DeleteShareGroupOffsets,       exclusive k92_delete_share_group_offsets,    ByHandler,                Broker,     Request),
    row!(StreamsGroupTopologyDescriptionUpdate, exclusive k93_streams_group_topology_description_update, ByHandler, Broker, Request),
    row!(UnregisterController,         forwarded k94_unregister_controller,         Cluster(Alter),           Controller, Request),
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

    fn metrics(&self) -> Option<&Arc<RequestMetrics>> {
        self.0.metrics.as_ref()
    }

    fn closed(&self, connection: &ConnectionContext) {
        self.0.shares().connection_closed(&self.0, connection.id);
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
        let limits = self.0.metadata.connection_limits();
        places(limits.connections_from(&self.0.config(), address))
    }

    fn pause_accepting(&self, listener: &str) -> Duration {
        self.0.metadata.connection_limits().pause_accepting(listener)
    }

    fn turned_away(&self, address: IpAddr) -> Option<Duration> {
        self.0.metadata.connection_limits().turned_away(address)
    }

    fn request_memory(&self) -> &Arc<RequestMemory> {
        &self.0.request_memory
    }
}

fn places(setting: i32) -> usize {
    usize::try_from(setting).unwrap_or(0)
}

/// Starts the request in `frame` (its size prefix taken off). A header that can't be read, an unknown key or
/// a version out of range closes the connection, as Apache Kafka does; ApiVersions alone answers for any
/// version.
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
    let Some(api) = served(header.api_key).filter(|api| is_offered(broker, api.key)) else {
        return refuse(format_args!("{name} is not served"));
    };
    if !api.key.supports(version) && api.key != ApiKey::ApiVersions {
        return refuse(format_args!("{name} is not served in version {version}"));
    }
    let context = RequestContext {
        connection: connection.clone(),
        principal: connection.principal(),
        api_key: api.key,
        api_version: header.api_version,
        correlation_id: header.correlation_id,
        client_id: connection.client_id(header.client_id),
    };
    let body_start = header.size;
    let body = &mut frame[body_start..];
    if broker.metadata.faults().is_on() {
        return faults::serve::start(broker, context, body, serve);
    }
    run(broker, api, context, body)
}

/// Runs a request's handler.
fn serve(broker: &Arc<Broker>, context: RequestContext, body: &mut [u8]) -> Outcome {
    match served(context.api_key) {
        Some(api) => run(broker, api, context, body),
        None => Outcome::Ready(Reply::Close),
    }
}

fn run(broker: &Arc<Broker>, api: &Api, context: RequestContext, body: &mut [u8]) -> Outcome {
    match broker.throttling().begin() {
        // A Fetch counts for itself: that of a broker doesn't.
        Some(began) if !matches!(api.throttle, Throttle::Exempt | Throttle::Fetch) => {
            let outcome = (api.start)(broker, context.clone(), body);
            let throttling = broker.throttling();
            let spent = throttling.since(Some(began));
            throttling.time(context, spent, outcome)
        }
        _ => (api.start)(broker, context, body),
    }
}

/// Whether this broker offers an API: metrics of clients only where somebody takes them.
pub fn is_offered(broker: &Broker, key: ApiKey) -> bool {
    let is_of_telemetry = matches!(key, ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry);
    !is_of_telemetry || broker.telemetry.is_some()
}

/// The row of an API that is served.
fn served(key: ApiKey) -> Option<&'static Api> {
    APIS.binary_search_by_key(&key, |api| api.key)
        .ok()
        .map(|row| &APIS[row])
}

fn check_cluster(broker: &Broker, context: &RequestContext, operation: AclOperation) -> Result<(), ApiError> {
    if broker.rights(context).on_cluster(operation) {
        Ok(())
    } else {
        Err(authorization::failed(ErrorCode::ClusterAuthorizationFailed))
    }
}
