//! The broker's settings.

use super::{Secret, field};
use crate::definitions::{self, ConfigKey};
use crate::{ConfigException, Layers, Value};

view! {
    /// The broker's settings in effect.
    BrokerConfig of definitions::broker {
        /// This node's id in the cluster.
        node_id: i32 = "node.id",
        /// The id of a new cluster, or the one that this node's has; empty where it goes without saying.
        cluster_id: String = "cluster.id",
        /// The rack of this node, if any.
        broker_rack: Option<String> = "broker.rack",
        /// What the node is: `broker`, `controller`.
        process_roles: Vec<String> = "process.roles",
        /// The controllers that vote, `id@host:port` each; the same on all nodes.
        controller_quorum_voters: Vec<String> = "controller.quorum.voters",
        /// Where controllers can be found, if the metadata says who votes.
        controller_quorum_bootstrap_servers: Vec<String> = "controller.quorum.bootstrap.servers",
        /// Whether a controller that is no voter becomes one by itself.
        controller_quorum_auto_join_enable: bool = "controller.quorum.auto.join.enable",
        /// How long a voter stays with a leader that it doesn't hear, milliseconds.
        controller_quorum_fetch_timeout_ms: i32 = "controller.quorum.fetch.timeout.ms",
        /// How long an election of a controller may take, milliseconds.
        controller_quorum_election_timeout_ms: i32 = "controller.quorum.election.timeout.ms",
        /// How long a broker whose connection to the controller has ended may take to come back before it
        /// is fenced, milliseconds.
        barnabas_broker_disconnect_grace_ms: i32 = "barnabas.broker.disconnect.grace.ms",
        /// Topics that are there when the node is ready, as `start_topics` reads them.
        barnabas_topics: String = "barnabas.topics",
        /// Where health and metrics are: `host:port`; empty where they are not. Without a file of
        /// settings it is 127.0.0.1:9644 unless given.
        barnabas_http_listener: String = "barnabas.http.listener",
        /// Whether `barnabas.http.listener` may be an address that others reach although clients of the
        /// broker have to log in, or are authorised.
        barnabas_http_allow_remote: bool = "barnabas.http.allow.remote",
        /// How requests go wrong on purpose, as `faults` reads it.
        barnabas_faults: String = "barnabas.faults",
        /// The names of the controller's listeners.
        controller_listener_names: Vec<String> = "controller.listener.names",
        /// Where the broker listens.
        listeners: Vec<String> = "listeners",
        /// What the broker tells clients to connect to; null means `listeners`.
        advertised_listeners: Option<Vec<String>> = "advertised.listeners",
        /// The listener for other brokers; null means that of `security.inter.broker.protocol`.
        inter_broker_listener_name: Option<String> = "inter.broker.listener.name",
        /// The protocol among brokers, and the name of their listener, where that is not named.
        security_inter_broker_protocol: String = "security.inter.broker.protocol",
        /// The security protocol of each listener name.
        listener_security_protocol_map: String = "listener.security.protocol.map",
        /// The SASL mechanism by which brokers log in to each other.
        sasl_mechanism_inter_broker_protocol: String = "sasl.mechanism.inter.broker.protocol",
        /// The SASL mechanism by which nodes log in to controllers.
        sasl_mechanism_controller_protocol: String = "sasl.mechanism.controller.protocol",
        /// The largest frame before its client has authenticated by SASL, bytes.
        sasl_server_max_receive_size: i32 = "sasl.server.max.receive.size",
        /// How long a client that has failed to authenticate waits for the answer, milliseconds.
        connection_failed_authentication_delay_ms: i32 = "connection.failed.authentication.delay.ms",
        /// The file of JAAS entries that Java is told of by a system property; for listeners without a
        /// `sasl.jaas.config` of their own.
        java_security_auth_login_config: Option<String> = "java.security.auth.login.config",

        /// The data folders; null means `log.dir`.
        log_dirs: Option<Vec<String>> = "log.dirs",
        /// The data folder where `log.dirs` is null.
        log_dir: Vec<String> = "log.dir",
        /// The data folder of the metadata; null means the first.
        metadata_log_dir: Option<String> = "metadata.log.dir",
        /// Data folders that get no new partitions; `*` means all.
        cordoned_log_dirs: Option<Vec<String>> = "cordoned.log.dirs",

        /// The largest request, bytes.
        socket_request_max_bytes: i32 = "socket.request.max.bytes",
        /// Bytes that requests may take while they arrive and wait; not positive means a default of our
        /// own.
        queued_max_request_bytes: i64 = "queued.max.request.bytes",
        /// The largest push of a client's metrics, bytes (KIP-714).
        telemetry_max_bytes: i32 = "telemetry.max.bytes",
        /// Connections that may wait to be accepted.
        socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
        /// How long a connection may be idle, milliseconds.
        connections_max_idle_ms: i64 = "connections.max.idle.ms",
        /// Connections the broker accepts in all.
        max_connections: i32 = "max.connections",
        /// Connections from one address.
        max_connections_per_ip: i32 = "max.connections.per.ip",
        /// Connections from addresses of their own limits, `address:count` pairs.
        max_connections_per_ip_overrides: String = "max.connections.per.ip.overrides",
        /// Connections that are accepted per second.
        max_connection_creation_rate: i32 = "max.connection.creation.rate",
        /// Runtime threads that serve connections.
        num_network_threads: i32 = "num.network.threads",
        /// Who decides who may do what: nobody where it is empty, else
        /// `org.apache.kafka.metadata.authorizer.StandardAuthorizer`.
        authorizer_class_name: String = "authorizer.class.name",
        /// Principals that may do everything, semicolons between them.
        super_users: String = "super.users",
        /// Whether everybody may do everything to what no ACL is about.
        allow_everyone_if_no_acl_found: bool = "allow.everyone.if.no.acl.found",
        /// What delegation tokens are proven with, the same on all nodes; null for no tokens.
        delegation_token_secret_key: Option<Secret> = "delegation.token.secret.key",
        /// How long a token can be renewed, milliseconds.
        delegation_token_max_lifetime_ms: i64 = "delegation.token.max.lifetime.ms",
        /// How long a token is good for until it has to be renewed, milliseconds.
        delegation_token_expiry_time_ms: i64 = "delegation.token.expiry.time.ms",
        /// How often tokens that have expired are removed, milliseconds.
        delegation_token_expiry_check_interval_ms: i64 = "delegation.token.expiry.check.interval.ms",
        /// Windows over which the rates of client quotas are measured.
        quota_window_num: i32 = "quota.window.num",
        /// How long each of them is, seconds.
        quota_window_size_seconds: i32 = "quota.window.size.seconds",
        /// Windows whose changes of metadata may come at once.
        controller_quota_window_num: i32 = "controller.quota.window.num",
        /// How long each of them is, seconds.
        controller_quota_window_size_seconds: i32 = "controller.quota.window.size.seconds",
        /// How long other nodes are waited for, milliseconds.
        request_timeout_ms: i32 = "request.timeout.ms",

        /// The protocols that groups may speak, of those that the features allow.
        group_coordinator_rebalance_protocols: Vec<String> = "group.coordinator.rebalance.protocols",
        /// Whether Metadata requests create topics.
        auto_create_topics_enable: bool = "auto.create.topics.enable",
        /// How topics for dead letters are called in the beginning.
        errors_deadletterqueue_topic_name_prefix: String = "errors.deadletterqueue.topic.name.prefix",
        /// Whether topics for dead letters are created.
        errors_deadletterqueue_auto_create_topics_enable: bool = "errors.deadletterqueue.auto.create.topics.enable",
        /// Partitions one DescribeTopicPartitions response may hold.
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit",
        /// Whether topics may be deleted.
        delete_topic_enable: bool = "delete.topic.enable",
        /// Partitions of a topic created without a count.
        num_partitions: i32 = "num.partitions",
        /// Replicas of a topic created without a count.
        default_replication_factor: i32 = "default.replication.factor",
        /// The least in-sync replicas an acks=all produce needs.
        min_insync_replicas: i32 = "min.insync.replicas",

        /// How long after it was last heard a broker is fenced, milliseconds.
        broker_session_timeout_ms: i32 = "broker.session.timeout.ms",
        /// How often a broker tells the controllers that it lives, milliseconds.
        broker_heartbeat_interval_ms: i32 = "broker.heartbeat.interval.ms",
        /// How long a broker tries to be registered before it gives up, milliseconds.
        initial_broker_registration_timeout_ms: i32 = "initial.broker.registration.timeout.ms",
        /// Whether a broker that stops has others lead first what it leads.
        controlled_shutdown_enable: bool = "controlled.shutdown.enable",
        /// Whether partitions are given back to their preferred leaders.
        auto_leader_rebalance_enable: bool = "auto.leader.rebalance.enable",
        /// How often that is looked at, seconds.
        leader_imbalance_check_interval_seconds: i64 = "leader.imbalance.check.interval.seconds",

        /// The most bytes a fetch response holds.
        fetch_max_bytes: i32 = "fetch.max.bytes",
        /// Fetch sessions kept (KIP-227).
        max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots",
        /// How long an idle producer's state is kept, milliseconds.
        producer_id_expiration_ms: i32 = "producer.id.expiration.ms",
        /// How often idle producers are looked for, milliseconds.
        producer_id_expiration_check_interval_ms: i32 = "producer.id.expiration.check.interval.ms",
        /// Threads that recover the logs of one data folder after a crash.
        num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir",
        /// Threads that move partitions between data folders; null means one for each folder.
        num_replica_alter_log_dirs_threads: Option<i32> = "num.replica.alter.log.dirs.threads",
        /// How often logs are looked at for a due flush, milliseconds.
        log_flush_scheduler_interval_ms: i64 = "log.flush.scheduler.interval.ms",
        /// How often the recovery points are written to their checkpoint, milliseconds.
        log_flush_offset_checkpoint_interval_ms: i32 = "log.flush.offset.checkpoint.interval.ms",
        /// How often the logs' first offsets are written to their checkpoint, milliseconds.
        log_flush_start_offset_checkpoint_interval_ms: i32 = "log.flush.start.offset.checkpoint.interval.ms",
        /// How often the high watermarks are written to their checkpoint, milliseconds.
        replica_high_watermark_checkpoint_interval_ms: i64 = "replica.high.watermark.checkpoint.interval.ms",
        /// How long a follower may be behind its leader and stay in the ISR, milliseconds.
        replica_lag_time_max_ms: i64 = "replica.lag.time.max.ms",
        /// How a consumer's nearest replica is found: null, or
        /// `org.apache.kafka.common.replica.RackAwareReplicaSelector`.
        replica_selector_class: Option<String> = "replica.selector.class",
        /// Connections by which a follower fetches from each leader.
        num_replica_fetchers: i32 = "num.replica.fetchers",
        /// How long a follower's fetch waits for records, milliseconds.
        replica_fetch_wait_max_ms: i32 = "replica.fetch.wait.max.ms",
        /// Bytes for which a follower's fetch waits.
        replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes",
        /// Most bytes of a partition in a follower's fetch.
        replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes",
        /// Most bytes of a follower's fetch.
        replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes",
        /// How long a follower waits after an error of a leader, milliseconds; the first waits are shorter.
        replica_fetch_backoff_ms: i32 = "replica.fetch.backoff.ms",
        /// How long a follower waits for an answer, milliseconds.
        replica_socket_timeout_ms: i32 = "replica.socket.timeout.ms",
        /// Over how many windows the rates of replication are measured.
        replication_quota_window_num: i32 = "replication.quota.window.num",
        /// How long each of them is, seconds.
        replication_quota_window_size_seconds: i32 = "replication.quota.window.size.seconds",

        /// How often old segments are looked for, milliseconds.
        log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms",
        /// How long the folder of a deleted partition waits to be removed, milliseconds.
        log_segment_delete_delay_ms: i64 = "log.segment.delete.delay.ms",

        /// Whether compacted topics are compacted.
        log_cleaner_enable: bool = "log.cleaner.enable",
        /// Threads that compact.
        log_cleaner_threads: i32 = "log.cleaner.threads",
        /// Memory for the keys of the logs that are being compacted, bytes.
        log_cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size",
        /// How full that memory may be, 0 to 1.
        log_cleaner_io_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor",
        /// Memory for reading and writing, bytes.
        log_cleaner_io_buffer_size: i32 = "log.cleaner.io.buffer.size",
        /// Bytes that all cleaners together read and write per second.
        log_cleaner_io_max_bytes_per_second: f64 = "log.cleaner.io.max.bytes.per.second",
        /// How long a cleaner waits when there is nothing to compact, milliseconds.
        log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms",

        /// Partitions of `__consumer_offsets`.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
        /// Replicas of `__consumer_offsets`.
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
        /// Segment size of `__consumer_offsets`, bytes.
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes",
        /// Id of the codec of `__consumer_offsets`.
        offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec",
        /// How long a group's offsets are kept, minutes.
        offsets_retention_minutes: i32 = "offsets.retention.minutes",
        /// How often expired offsets are looked for, milliseconds.
        offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms",
        /// How long what a group's coordinator has appended may take to be replicated, milliseconds.
        offsets_commit_timeout_ms: i32 = "offsets.commit.timeout.ms",
        /// The most metadata bytes with a committed offset.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes",
        /// The least session timeout of a classic member, milliseconds.
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms",
        /// The greatest session timeout of a classic member, milliseconds.
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms",
        /// The most members of a classic group.
        group_max_size: i32 = "group.max.size",
        /// The session timeout of share groups, milliseconds.
        group_share_session_timeout_ms: i32 = "group.share.session.timeout.ms",
        /// The least that a share group may set.
        group_share_min_session_timeout_ms: i32 = "group.share.min.session.timeout.ms",
        /// The most that a share group may set.
        group_share_max_session_timeout_ms: i32 = "group.share.max.session.timeout.ms",
        /// The heartbeat interval of share groups, milliseconds.
        group_share_heartbeat_interval_ms: i32 = "group.share.heartbeat.interval.ms",
        /// The least that a share group may set.
        group_share_min_heartbeat_interval_ms: i32 = "group.share.min.heartbeat.interval.ms",
        /// The most that a share group may set.
        group_share_max_heartbeat_interval_ms: i32 = "group.share.max.heartbeat.interval.ms",
        /// The least time between two assignments of a share group, milliseconds.
        group_share_assignment_interval_ms: i32 = "group.share.assignment.interval.ms",
        /// The least that a share group may set.
        group_share_min_assignment_interval_ms: i32 = "group.share.min.assignment.interval.ms",
        /// The most that a share group may set.
        group_share_max_assignment_interval_ms: i32 = "group.share.max.assignment.interval.ms",
        /// The most members of a share group.
        group_share_max_size: i32 = "group.share.max.size",
        /// The most members of a consumer group.
        group_consumer_max_size: i32 = "group.consumer.max.size",
        /// The assignors of consumer groups, the default one first.
        group_consumer_assignors: Vec<String> = "group.consumer.assignors",
        /// Whether groups may go from one protocol to the other while they have members.
        group_consumer_migration_policy: String = "group.consumer.migration.policy",
        /// The session timeout of consumer groups, milliseconds.
        group_consumer_session_timeout_ms: i32 = "group.consumer.session.timeout.ms",
        /// The heartbeat interval of consumer groups, milliseconds.
        group_consumer_heartbeat_interval_ms: i32 = "group.consumer.heartbeat.interval.ms",
        /// The least time between two assignments of a consumer group, milliseconds.
        group_consumer_assignment_interval_ms: i32 = "group.consumer.assignment.interval.ms",
        /// The least session timeout of consumer groups, milliseconds.
        group_consumer_min_session_timeout_ms: i32 = "group.consumer.min.session.timeout.ms",
        /// The greatest session timeout of consumer groups, milliseconds.
        group_consumer_max_session_timeout_ms: i32 = "group.consumer.max.session.timeout.ms",
        /// The least heartbeat interval of consumer groups, milliseconds.
        group_consumer_min_heartbeat_interval_ms: i32 = "group.consumer.min.heartbeat.interval.ms",
        /// The greatest heartbeat interval of consumer groups, milliseconds.
        group_consumer_max_heartbeat_interval_ms: i32 = "group.consumer.max.heartbeat.interval.ms",
        /// The least time between two assignments that may be set, milliseconds.
        group_consumer_min_assignment_interval_ms: i32 = "group.consumer.min.assignment.interval.ms",
        /// The greatest time between two assignments that may be set, milliseconds.
        group_consumer_max_assignment_interval_ms: i32 = "group.consumer.max.assignment.interval.ms",
        /// The most members of a streams group.
        group_streams_max_size: i32 = "group.streams.max.size",
        /// The task assignors of streams groups; `sticky` is the one there is.
        group_streams_assignors: Vec<String> = "group.streams.assignors",
        /// The session timeout of streams groups, milliseconds.
        group_streams_session_timeout_ms: i32 = "group.streams.session.timeout.ms",
        /// The heartbeat interval of streams groups, milliseconds.
        group_streams_heartbeat_interval_ms: i32 = "group.streams.heartbeat.interval.ms",
        /// The least time between two assignments of a streams group, milliseconds.
        group_streams_assignment_interval_ms: i32 = "group.streams.assignment.interval.ms",
        /// How long the first assignment of a streams group waits for more members, milliseconds.
        group_streams_initial_rebalance_delay_ms: i32 = "group.streams.initial.rebalance.delay.ms",
        /// The standby tasks of each stateful task of a streams group.
        group_streams_num_standby_replicas: i32 = "group.streams.num.standby.replicas",
        /// The client tags that members of streams groups must have.
        group_streams_rack_aware_assignment_tags: Vec<String> = "group.streams.rack.aware.assignment.tags",
        /// How often members of streams groups say how far their tasks have come, milliseconds.
        group_streams_task_offset_interval_ms: i32 = "group.streams.task.offset.interval.ms",
        /// The lag up to which a task of a streams group counts as caught up, in offsets.
        group_streams_acceptable_recovery_lag: i64 = "group.streams.acceptable.recovery.lag",
        /// The least session timeout of streams groups, milliseconds.
        group_streams_min_session_timeout_ms: i32 = "group.streams.min.session.timeout.ms",
        /// The greatest session timeout of streams groups, milliseconds.
        group_streams_max_session_timeout_ms: i32 = "group.streams.max.session.timeout.ms",
        /// The least heartbeat interval of streams groups, milliseconds.
        group_streams_min_heartbeat_interval_ms: i32 = "group.streams.min.heartbeat.interval.ms",
        /// The greatest heartbeat interval of streams groups, milliseconds.
        group_streams_max_heartbeat_interval_ms: i32 = "group.streams.max.heartbeat.interval.ms",
        /// The least time between two assignments of a streams group that may be set, milliseconds.
        group_streams_min_assignment_interval_ms: i32 = "group.streams.min.assignment.interval.ms",
        /// The greatest time between two assignments of a streams group that may be set, milliseconds.
        group_streams_max_assignment_interval_ms: i32 = "group.streams.max.assignment.interval.ms",
        /// The least interval of task offsets that may be set, milliseconds.
        group_streams_min_task_offset_interval_ms: i32 = "group.streams.min.task.offset.interval.ms",
        /// The most standby tasks of a task that may be set.
        group_streams_max_standby_replicas: i32 = "group.streams.max.standby.replicas",
        /// The most share sessions of a broker.
        group_share_max_share_sessions: i32 = "group.share.max.share.sessions",
        /// How many records of a partition a share group may have in flight.
        group_share_partition_max_record_locks: i32 = "group.share.partition.max.record.locks",
        /// The least of such records that may be set.
        group_share_min_partition_max_record_locks: i32 = "group.share.min.partition.max.record.locks",
        /// The most of such records that may be set.
        group_share_max_partition_max_record_locks: i32 = "group.share.max.partition.max.record.locks",
        /// How often a record is delivered to a share group.
        group_share_delivery_count_limit: i32 = "group.share.delivery.count.limit",
        /// The least such limit that may be set.
        group_share_min_delivery_count_limit: i32 = "group.share.min.delivery.count.limit",
        /// The greatest such limit that may be set.
        group_share_max_delivery_count_limit: i32 = "group.share.max.delivery.count.limit",
        /// How long a member of a share group may work on a record, milliseconds.
        group_share_record_lock_duration_ms: i32 = "group.share.record.lock.duration.ms",
        /// The least such time that may be set, milliseconds.
        group_share_min_record_lock_duration_ms: i32 = "group.share.min.record.lock.duration.ms",
        /// The greatest such time that may be set, milliseconds.
        group_share_max_record_lock_duration_ms: i32 = "group.share.max.record.lock.duration.ms",
        /// How long the first rebalance of a group waits for more members, milliseconds.
        group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms",
        /// Partitions of `__transaction_state`.
        transaction_state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
        /// Replicas of `__transaction_state`.
        transaction_state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
        /// The least in-sync replicas of `__transaction_state`.
        transaction_state_log_min_isr: i32 = "transaction.state.log.min.isr",
        /// Segment size of `__transaction_state`, bytes.
        transaction_state_log_segment_bytes: i32 = "transaction.state.log.segment.bytes",
        /// The longest timeout that a transactional producer may ask for, milliseconds.
        transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms",
        /// How often transactions that have timed out are looked for, milliseconds.
        transaction_abort_timed_out_transaction_cleanup_interval_ms: i64 = "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        /// How long an unused transactional id is remembered, milliseconds.
        transactional_id_expiration_ms: i64 = "transactional.id.expiration.ms",
        /// How often expired transactional ids are looked for, milliseconds.
        transaction_remove_expired_transaction_cleanup_interval_ms: i64 = "transaction.remove.expired.transaction.cleanup.interval.ms",
        /// Whether transactional batches are verified with the transaction coordinator.
        transaction_partition_verification_enable: bool = "transaction.partition.verification.enable",
        /// Partitions of `__share_group_state`.
        share_coordinator_state_topic_num_partitions: i32 = "share.coordinator.state.topic.num.partitions",
        /// Replicas of `__share_group_state`.
        share_coordinator_state_topic_replication_factor: i16 = "share.coordinator.state.topic.replication.factor",
        /// The least in-sync replicas of `__share_group_state`.
        share_coordinator_state_topic_min_isr: i16 = "share.coordinator.state.topic.min.isr",
        /// Segment size of `__share_group_state`, bytes.
        share_coordinator_state_topic_segment_bytes: i32 = "share.coordinator.state.topic.segment.bytes",
        /// Updates of a share partition's state between two snapshots.
        share_coordinator_snapshot_update_records_per_snapshot: i32 = "share.coordinator.snapshot.update.records.per.snapshot",
        /// How the records of that topic are compressed.
        share_coordinator_state_topic_compression_codec: i32 = "share.coordinator.state.topic.compression.codec",
        /// How often what that topic does not need any more is deleted.
        share_coordinator_state_topic_prune_interval_ms: i32 = "share.coordinator.state.topic.prune.interval.ms",
        /// How long a share partition may rest before its state is written anew.
        share_coordinator_cold_partition_snapshot_interval_ms: i32 = "share.coordinator.cold.partition.snapshot.interval.ms",
        /// How long a write to that topic may wait for its replicas.
        share_coordinator_write_timeout_ms: i32 = "share.coordinator.write.timeout.ms",
    }
}

impl BrokerConfig {
    /// The view of `layers`.
    ///
    /// # Errors
    /// A given value is not a valid one, or a required setting is missing.
    pub fn resolve(layers: &Layers) -> Result<Self, ConfigException> {
        Self::from_values(|key| layers.effective(key))
    }
}
