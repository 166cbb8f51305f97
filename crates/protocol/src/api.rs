//! The APIs of Apache Kafka 4.4.0: key, name, stable versions, first flexible version and listeners.
//!
//! This says what the protocol knows, not what the broker serves: that is the broker's dispatch table, which
//! holds itself to these ranges. Keys 4 to 7 (LeaderAndIsr, StopReplica, UpdateMetadata, ControlledShutdown)
//! went with ZooKeeper and are unknown here.

use std::fmt;

/// Which of a process's listeners an API belongs to (`listeners` in the message definitions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// Answered on the broker's listeners.
    pub broker: bool,
    /// Answered on the controller's listener.
    pub controller: bool,
}

const BROKER: Listeners = Listeners {
    broker: true,
    controller: false,
};
const CONTROLLER: Listeners = Listeners {
    broker: false,
    controller: true,
};
const BOTH: Listeners = Listeners {
    broker: true,
    controller: true,
};

macro_rules! api_keys {
    ($($variant:ident = $key:literal, $min:literal, $max:literal, $flexible:expr, $listeners:ident;)*) => {
        /// An API of the Kafka protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("Versions ", $min, " to ", $max, ".")]
                $variant = $key,
            )*
        }

        impl ApiKey {
            /// Every API, by ascending key.
            pub const ALL: &[ApiKey] = &[$(ApiKey::$variant,)*];

            /// The API with this key; `None` where Apache Kafka closes the connection.
            pub const fn from_key(key: i16) -> Option<ApiKey> {
                match key {
                    $($key => Some(ApiKey::$variant),)*
                    _ => None,
                }
            }

            /// Kafka's name for the API, such as `OffsetForLeaderEpoch`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ApiKey::$variant => stringify!($variant),)*
                }
            }

            /// The least version that Apache Kafka serves. (ApiVersions advertises Produce from 0; it is
            /// served from 3.)
            pub const fn min_version(self) -> i16 {
                match self {
                    $(ApiKey::$variant => $min,)*
                }
            }

            /// The newest stable version.
            pub const fn max_version(self) -> i16 {
                match self {
                    $(ApiKey::$variant => $max,)*
                }
            }

            /// The first version with compact lengths and tagged fields (KIP-482); `None` if there is none.
            pub const fn flexible_from(self) -> Option<i16> {
                match self {
                    $(ApiKey::$variant => $flexible,)*
                }
            }

            /// The listeners on which the API is answered.
            pub const fn listeners(self) -> Listeners {
                match self {
                    $(ApiKey::$variant => $listeners,)*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0, 3, 13, Some(9), BROKER;
    Fetch = 1, 4, 18, Some(12), BOTH;
    ListOffsets = 2, 1, 11, Some(6), BROKER;
    Metadata = 3, 0, 13, Some(9), BROKER;
    OffsetCommit = 8, 2, 10, Some(8), BROKER;
    OffsetFetch = 9, 1, 10, Some(6), BROKER;
    FindCoordinator = 10, 0, 6, Some(3), BROKER;
    JoinGroup = 11, 0, 9, Some(6), BROKER;
    Heartbeat = 12, 0, 4, Some(4), BROKER;
    LeaveGroup = 13, 0, 5, Some(4), BROKER;
    SyncGroup = 14, 0, 5, Some(4), BROKER;
    DescribeGroups = 15, 0, 6, Some(5), BROKER;
    ListGroups = 16, 0, 5, Some(3), BROKER;
    SaslHandshake = 17, 0, 1, None, BOTH;
    ApiVersions = 18, 0, 5, Some(3), BOTH;
    CreateTopics = 19, 2, 7, Some(5), BOTH;
    DeleteTopics = 20, 1, 6, Some(4), BOTH;
    DeleteRecords = 21, 0, 2, Some(2), BROKER;
    InitProducerId = 22, 0, 5, Some(2), BROKER;
    OffsetForLeaderEpoch = 23, 2, 4, Some(4), BROKER;
    AddPartitionsToTxn = 24, 0, 5, Some(3), BROKER;
    AddOffsetsToTxn = 25, 0, 4, Some(3), BROKER;
    EndTxn = 26, 0, 5, Some(3), BROKER;
    WriteTxnMarkers = 27, 1, 2, Some(1), BROKER;
    TxnOffsetCommit = 28, 0, 6, Some(3), BROKER;
    DescribeAcls = 29, 1, 3, Some(2), BOTH;
    CreateAcls = 30, 1, 3, Some(2), BOTH;
    DeleteAcls = 31, 1, 3, Some(2), BOTH;
    DescribeConfigs = 32, 1, 4, Some(4), BOTH;
    AlterConfigs = 33, 0, 2, Some(2), BOTH;
    AlterReplicaLogDirs = 34, 1, 2, Some(2), BROKER;
    DescribeLogDirs = 35, 1, 5, Some(2), BROKER;
    SaslAuthenticate = 36, 0, 2, Some(2), BOTH;
    CreatePartitions = 37, 0, 3, Some(2), BOTH;
    CreateDelegationToken = 38, 1, 3, Some(2), BOTH;
    RenewDelegationToken = 39, 1, 2, Some(2), BOTH;
    ExpireDelegationToken = 40, 1, 2, Some(2), BOTH;
    DescribeDelegationToken = 41, 1, 3, Some(2), BOTH;
    DeleteGroups = 42, 0, 3, Some(2), BROKER;
    ElectLeaders = 43, 0, 2, Some(2), BOTH;
    IncrementalAlterConfigs = 44, 0, 1, Some(1), BOTH;
    AlterPartitionReassignments = 45, 0, 1, Some(0), BOTH;
    ListPartitionReassignments = 46, 0, 0, Some(0), BOTH;
    OffsetDelete = 47, 0, 0, None, BROKER;
    DescribeClientQuotas = 48, 0, 1, Some(1), BROKER;
    AlterClientQuotas = 49, 0, 1, Some(1), BOTH;
    DescribeUserScramCredentials = 50, 0, 0, Some(0), BOTH;
    AlterUserScramCredentials = 51, 0, 0, Some(0), BOTH;
    Vote = 52, 0, 2, Some(0), CONTROLLER;
    BeginQuorumEpoch = 53, 0, 1, Some(1), CONTROLLER;
    EndQuorumEpoch = 54, 0, 1, Some(1), CONTROLLER;
    DescribeQuorum = 55, 0, 2, Some(0), BOTH;
    AlterPartition = 56, 2, 3, Some(0), CONTROLLER;
    UpdateFeatures = 57, 0, 2, Some(0), BOTH;
    Envelope = 58, 0, 0, Some(0), CONTROLLER;
    FetchSnapshot = 59, 0, 1, Some(0), CONTROLLER;
    DescribeCluster = 60, 0, 2, Some(0), BOTH;
    DescribeProducers = 61, 0, 0, Some(0), BROKER;
    BrokerRegistration = 62, 0, 4, Some(0), CONTROLLER;
    BrokerHeartbeat = 63, 0, 2, Some(0), CONTROLLER;
    UnregisterBroker = 64, 0, 0, Some(0), BOTH;
    DescribeTransactions = 65, 0, 0, Some(0), BROKER;
    ListTransactions = 66, 0, 2, Some(0), BROKER;
    AllocateProducerIds = 67, 0, 0, Some(0), CONTROLLER;
    ConsumerGroupHeartbeat = 68, 0, 1, Some(0), BROKER;
    ConsumerGroupDescribe = 69, 0, 1, Some(0), BROKER;
    ControllerRegistration = 70, 0, 0, Some(0), CONTROLLER;
    GetTelemetrySubscriptions = 71, 0, 0, Some(0), BROKER;
    PushTelemetry = 72, 0, 0, Some(0), BROKER;
    AssignReplicasToDirs = 73, 0, 0, Some(0), CONTROLLER;
    ListConfigResources = 74, 0, 1, Some(0), BROKER;
    DescribeTopicPartitions = 75, 0, 0, Some(0), BROKER;
    ShareGroupHeartbeat = 76, 1, 1, Some(0), BROKER;
    ShareGroupDescribe = 77, 1, 1, Some(0), BROKER;
    ShareFetch = 78, 1, 2, Some(0), BROKER;
    ShareAcknowledge = 79, 1, 2, Some(0), BROKER;
    AddRaftVoter = 80, 0, 1, Some(0), BOTH;
    RemoveRaftVoter = 81, 0, 0, Some(0), BOTH;
    UpdateRaftVoter = 82, 0, 0, Some(0), CONTROLLER;
    InitializeShareGroupState = 83, 0, 0, Some(0), BROKER;
    ReadShareGroupState = 84, 0, 0, Some(0), BROKER;
    WriteShareGroupState = 85, 0, 1, Some(0), BROKER;
    DeleteShareGroupState = 86, 0, 0, Some(0), BROKER;
    ReadShareGroupStateSummary = 87, 0, 1, Some(0), BROKER;
    StreamsGroupHeartbeat = 88, 0, 1, Some(0), BROKER;
    StreamsGroupDescribe = 89, 0, 1, Some(0), BROKER;
    DescribeShareGroupOffsets = 90, 0, 1, Some(0), BROKER;
    AlterShareGroupOffsets = 91, 0, 0, Some(0), BROKER;
    DeleteShareGroupOffsets = 92, 0, 0, Some(0), BROKER;
    StreamsGroupTopologyDescriptionUpdate = 93, 0, 0, Some(0), BROKER;
    UnregisterController = 94, 0, 0, Some(0), BOTH;
}

impl ApiKey {
    /// The number that travels on the wire.
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// Whether a broker passes a client's request on to the active controller, in an Envelope.
    pub const fn is_forwardable(self) -> bool {
        use ApiKey::*;
        matches!(
            self,
            CreateTopics
                | DeleteTopics
                | CreateAcls
                | DeleteAcls
                | AlterConfigs
                | CreatePartitions
                | CreateDelegationToken
                | RenewDelegationToken
                | ExpireDelegationToken
                | ElectLeaders
                | IncrementalAlterConfigs
                | AlterPartitionReassignments
                | ListPartitionReassignments
                | AlterClientQuotas
                | AlterUserScramCredentials
                | DescribeQuorum
                | UpdateFeatures
                | UnregisterBroker
                | AllocateProducerIds
                | AddRaftVoter
                | RemoveRaftVoter
                | UnregisterController
        )
    }

    /// Whether `version` lies in the range that Apache Kafka serves.
    pub const fn supports(self, version: i16) -> bool {
        self.min_version() <= version && version <= self.max_version()
    }

    /// Whether bodies of this version have compact lengths and tagged fields (KIP-482).
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.flexible_from() {
            Some(first) => version >= first,
            None => false,
        }
    }

    /// The version of the header in front of a request: 2 (with tagged fields) if the body is
    /// flexible, else 1.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header in front of a response: 1 (with tagged fields) if the body is
    /// flexible, else 0.
    ///
    /// ApiVersions always answers with header 0, so that a client can read the answer before it knows what
    /// the broker speaks (KIP-511).
    pub const fn response_header_version(self, version: i16) -> i16 {
        if matches!(self, ApiKey::ApiVersions) || !self.is_flexible(version) {
            0
        } else {
            1
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_the_removed_ones_are_unknown() {
        for api in ApiKey::ALL {
            assert_eq!(ApiKey::from_key(api.key()), Some(*api));
            assert!(api.min_version() <= api.max_version(), "{api}");
        }
        assert_eq!(ApiKey::ALL.len(), 91);
        for key in [-1, 4, 5, 6, 7, 95] {
            assert_eq!(ApiKey::from_key(key), None, "{key}");
        }
    }

    #[test]
    fn header_versions_follow_flexible_versions() {
        // (api, version, request header, response header)
        let cases = [
            (ApiKey::Produce, 8, 1, 0),
            (ApiKey::Produce, 9, 2, 1),
            (ApiKey::ApiVersions, 2, 1, 0),
            (ApiKey::ApiVersions, 3, 2, 0),
            (ApiKey::SaslHandshake, 1, 1, 0),
            (ApiKey::ListPartitionReassignments, 0, 2, 1),
        ];
        for (api, version, request, response) in cases {
            assert_eq!(api.request_header_version(version), request, "{api} v{version}");
            assert_eq!(api.response_header_version(version), response, "{api} v{version}");
        }
    }
}
