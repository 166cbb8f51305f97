//! Every metric there is. docs/METRICS.md is this table.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Quantiles, with `_sum` and `_count`.
    Summary,
}

impl Kind {
    /// As the formats name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($name:ident = $text:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $name: Metric = Metric {
                name: $text,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// All of them, in the order in which they are shown.
        pub static METRICS: &[&Metric] = &[$(&$name),*];
    };
}

#[rustfmt::skip]
metrics! {
    TOPIC_MESSAGES_IN = "kafka_server_brokertopicmetrics_messagesin_total", Counter, ["topic"], "Records that producers sent, in all and by topic.";
    TOPIC_BYTES_IN = "kafka_server_brokertopicmetrics_bytesin_total", Counter, ["topic"], "Bytes of records that producers sent, in all and by topic.";
    TOPIC_BYTES_OUT = "kafka_server_brokertopicmetrics_bytesout_total", Counter, ["topic"], "Bytes of records that consumers got, in all and by topic.";
    TOPIC_REPLICATION_BYTES_OUT = "kafka_server_brokertopicmetrics_replicationbytesout_total", Counter, [], "Bytes of records that followers got.";
    TOPIC_FAILED_PRODUCES = "kafka_server_brokertopicmetrics_failedproducerequests_total", Counter, ["topic"], "Partitions of Produce requests that were refused, in all and by topic.";
    TOPIC_FAILED_FETCHES = "kafka_server_brokertopicmetrics_failedfetchrequests_total", Counter, ["topic"], "Partitions of Fetch requests that were refused, in all and by topic.";
    TOPIC_PRODUCES = "kafka_server_brokertopicmetrics_totalproducerequests_total", Counter, [], "Produce requests.";
    TOPIC_FETCHES = "kafka_server_brokertopicmetrics_totalfetchrequests_total", Counter, [], "Fetch requests.";
    REQUESTS = "kafka_network_requestmetrics_requests_total", Counter, ["request", "version"], "Requests by API and version.";
    REQUEST_TOTAL = "kafka_network_requestmetrics_totaltimems", Summary, ["request", "quantile"], "From a request's arrival to its answer, milliseconds; quantiles of the last five minutes.";
    REQUEST_LOCAL = "kafka_network_requestmetrics_localtimems", Summary, ["request", "quantile"], "What of it the broker worked before it waited for anything, milliseconds.";
    REQUEST_BYTES = "barnabas_network_request_bytes_total", Counter, ["request"], "Bytes of requests by API.";
    RESPONSE_BYTES = "barnabas_network_response_bytes_total", Counter, ["request"], "Bytes of answers by API.";
    CONNECTIONS = "kafka_server_socketservermetrics_connection_count", Gauge, ["listener", "networkprocessor"], "Connections that are open, by listener and thread.";
    CONNECTIONS_OPENED = "kafka_server_socketservermetrics_connection_creation_total", Counter, ["listener", "networkprocessor"], "Connections that were accepted.";
    CONNECTIONS_CLOSED = "kafka_server_socketservermetrics_connection_close_total", Counter, ["listener", "networkprocessor"], "Connections that have ended.";
    REQUEST_MEMORY = "barnabas_network_request_memory_bytes", Gauge, [], "Memory of requests that arrive or wait (queued.max.request.bytes).";
    PARTITION_COUNT = "kafka_server_replicamanager_partitioncount", Gauge, [], "Partitions of which this broker has a replica.";
    LEADER_COUNT = "kafka_server_replicamanager_leadercount", Gauge, [], "Partitions that this broker leads.";
    UNDER_REPLICATED = "kafka_server_replicamanager_underreplicatedpartitions", Gauge, [], "Partitions led here whose in-sync replicas are not all that are assigned.";
    UNDER_MIN_ISR = "kafka_server_replicamanager_underminisrpartitioncount", Gauge, [], "Partitions led here with fewer replicas in sync than min.insync.replicas.";
    AT_MIN_ISR = "kafka_server_replicamanager_atminisrpartitioncount", Gauge, [], "Partitions led here with just as many.";
    OFFLINE_REPLICAS = "kafka_server_replicamanager_offlinereplicacount", Gauge, [], "Replicas of this broker in log directories that have failed.";
    REASSIGNING = "kafka_server_replicamanager_reassigningpartitions", Gauge, [], "Partitions led here that are on their way to other brokers.";
    ISR_SHRINKS = "kafka_server_replicamanager_isrshrinks_total", Counter, [], "In-sync replica sets of partitions led here that have become smaller.";
    ISR_EXPANDS = "kafka_server_replicamanager_isrexpands_total", Counter, [], "In-sync replica sets of partitions led here that have become larger.";
    UNCLEANABLE = "kafka_log_logcleanermanager_uncleanable_partitions_count", Gauge, ["logdirectory"], "Partitions that the log cleaner has given up, because cleaning them has failed.";
    UNCLEANABLE_BYTES = "kafka_log_logcleanermanager_uncleanable_bytes", Gauge, ["logdirectory"], "Bytes of these partitions' logs.";
    CLEANER_DIRTIEST = "kafka_log_logcleanermanager_max_dirty_percent", Gauge, [], "How much of the dirtiest compacted log is dirty, percent.";
    CLEANER_SINCE_LOOK = "kafka_log_logcleanermanager_time_since_last_run_ms", Gauge, [], "How long ago the log cleaner looked for logs to clean, milliseconds.";
    CLEANER_MAP = "kafka_log_logcleaner_max_buffer_utilization_percent", Gauge, [], "How full the fullest map of keys was at the threads' last cleanings, percent.";
    CLEANER_RECOPIED = "kafka_log_logcleaner_cleaner_recopy_percent", Gauge, [], "What of the bytes that the threads' last cleanings read stayed, percent.";
    CLEANER_LONGEST = "kafka_log_logcleaner_max_clean_time_secs", Gauge, [], "How long the longest of the threads' last cleanings took, seconds.";
    PARTITION_UNDER_REPLICATED = "kafka_cluster_partition_underreplicated", Gauge, ["topic", "partition"], "1 where a partition led here lacks replicas in sync; those that lack none are left out.";
    LOG_SIZE = "kafka_log_log_size", Gauge, ["topic", "partition"], "Bytes of a partition's log on this broker.";
    LOG_START = "kafka_log_log_logstartoffset", Gauge, ["topic", "partition"], "Its first offset.";
    LOG_END = "kafka_log_log_logendoffset", Gauge, ["topic", "partition"], "The offset after its last.";
    DIRECTORY_OFFLINE = "kafka_log_logmanager_logdirectoryoffline", Gauge, ["logdirectory"], "1 where a log directory has failed.";
    DIRECTORIES_OFFLINE = "kafka_log_logmanager_offlinelogdirectorycount", Gauge, [], "Log directories that have failed.";
    DIRECTORY_BYTES = "barnabas_log_directory_bytes", Gauge, ["logdirectory"], "Bytes of all logs in a log directory.";
    BROKER_STATE = "kafka_server_kafkaserver_brokerstate", Gauge, [], "Kafka's number of the broker's state: 1 starting, 3 running, 6 stopping.";
    ACTIVE_CONTROLLER = "kafka_controller_kafkacontroller_activecontrollercount", Gauge, [], "1 at the active controller, 0 at every other.";
    ACTIVE_BROKERS = "kafka_controller_kafkacontroller_activebrokercount", Gauge, [], "Brokers that are alive.";
    FENCED_BROKERS = "kafka_controller_kafkacontroller_fencedbrokercount", Gauge, [], "Brokers that are registered and not alive.";
    TOPIC_COUNT = "kafka_controller_kafkacontroller_globaltopiccount", Gauge, [], "Topics of the cluster.";
    GLOBAL_PARTITION_COUNT = "kafka_controller_kafkacontroller_globalpartitioncount", Gauge, [], "Partitions of the cluster.";
    OFFLINE_PARTITIONS = "kafka_controller_kafkacontroller_offlinepartitionscount", Gauge, [], "Partitions of the cluster without a leader.";
    PREFERRED_IMBALANCE = "kafka_controller_kafkacontroller_preferredreplicaimbalancecount", Gauge, [], "Partitions whose leader is not their first replica.";
    RAFT_LEADER = "kafka_server_raftmetrics_current_leader", Gauge, [], "The active controller's id, -1 where there is none.";
    RAFT_EPOCH = "kafka_server_raftmetrics_current_epoch", Gauge, [], "The epoch of the quorum.";
    RAFT_HIGH_WATERMARK = "kafka_server_raftmetrics_high_watermark", Gauge, [], "The offset after the last metadata record that is committed.";
    RAFT_LOG_END = "kafka_server_raftmetrics_log_end_offset", Gauge, [], "The offset after this voter's last metadata record.";
    RAFT_VOTERS = "kafka_server_raftmetrics_number_of_voters", Gauge, [], "Voters of the quorum.";
    METADATA_OFFSET = "kafka_server_brokermetadatametrics_last_applied_record_offset", Gauge, [], "The offset of the metadata that has taken effect on this node.";
    GROUPS = "kafka_coordinator_group_groupmetadatamanager_numgroups", Gauge, [], "Groups that this broker coordinates.";
    GROUPS_BY_STATE = "kafka_server_group_coordinator_metrics_group_count", Gauge, ["protocol", "state"], "The same, by type and state.";
    GROUP_LAG = "barnabas_group_lag", Gauge, ["group", "topic", "partition"], "Records behind a group's committed offset, of groups coordinated here and partitions led here.";
    SHARE_BACKLOG = "barnabas_share_backlog", Gauge, ["group", "topic", "partition"], "Records from a share group's start offset on, of groups coordinated here and partitions led here.";
    SHARE_RECORDS = "barnabas_share_records", Gauge, ["group", "topic", "partition", "state"], "Records in a share group's window by state; archiving are those whose dead letters are not written yet.";
    TRANSACTIONS = "barnabas_transaction_count", Gauge, ["state"], "Transactional ids that this broker coordinates, by state.";
    FETCH_SESSIONS = "kafka_server_fetchsessioncache_numincrementalfetchsessions", Gauge, [], "Fetch sessions that are kept.";
    TELEMETRY_INSTANCES = "kafka_server_clientmetrics_clientmetricsinstancecount", Gauge, [], "Clients that have asked which metrics to push (KIP-714).";
    TELEMETRY_PUSHES = "barnabas_client_metrics_pushes_total", Counter, [], "Pushes of clients' metrics that were taken.";
    TELEMETRY_ERRORS = "barnabas_client_metrics_errors_total", Counter, [], "Pushes of clients' metrics that could not be read.";
    CPU_SECONDS = "process_cpu_seconds_total", Counter, [], "Processor time of the process, seconds.";
    RESIDENT_BYTES = "process_resident_memory_bytes", Gauge, [], "Memory of the process, bytes.";
    OPEN_FDS = "process_open_fds", Gauge, [], "Descriptors that are open.";
    MAX_FDS = "process_max_fds", Gauge, [], "Descriptors that may be.";
    START_TIME = "process_start_time_seconds", Gauge, [], "When the process began, seconds since the epoch.";
    BUILD = "barnabas_build_info", Gauge, ["version"], "1, with the version of the broker.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_say_what_they_are() {
        let mut names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert_eq!(
                metric.kind == Kind::Counter,
                metric.name.ends_with("_total"),
                "{metric:?}"
            );
            assert!(
                metric.help.ends_with('.') && !metric.help.contains(['\n', '|']),
                "{metric:?}"
            );
        }
    }
}
