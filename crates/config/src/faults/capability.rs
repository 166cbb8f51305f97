//! What can be asked of an API: which names its requests carry, and whether its answer has a place for an
//! error.

use barnabas_protocol::api::ApiKey;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capability {
    /// Its requests name topics and partitions.
    pub topics: bool,
    /// Its requests name one group.
    pub group: bool,
    /// Its requests name one transactional id, or may.
    pub transactional_id: bool,
    /// Its answer has places for any error.
    pub error: bool,
    /// Its requests come from a member of a group.
    pub member: bool,
    /// Its answer has a place for a pause.
    pub throttle: bool,
}

/// What can be asked of an API.
pub fn capability(api: ApiKey) -> Capability {
    let (topics, group, transactional_id, error, member) = match api {
        ApiKey::Produce => (true, false, true, true, false),
        ApiKey::Fetch | ApiKey::ListOffsets => (true, false, false, true, false),
        ApiKey::Metadata => (true, false, false, false, false),
        ApiKey::OffsetCommit => (true, true, false, true, true),
        ApiKey::TxnOffsetCommit => (true, true, true, true, false),
        ApiKey::Heartbeat | ApiKey::ConsumerGroupHeartbeat => (false, true, false, true, true),
        ApiKey::JoinGroup | ApiKey::SyncGroup | ApiKey::LeaveGroup => (false, true, false, true, false),
        ApiKey::FindCoordinator => (false, false, false, true, false),
        ApiKey::InitProducerId | ApiKey::EndTxn => (false, false, true, true, false),
        ApiKey::AddPartitionsToTxn => (true, false, true, true, false),
        ApiKey::AddOffsetsToTxn => (false, true, true, true, false),
        _ => (false, false, false, false, false),
    };
    let throttle = !matches!(
        api,
        ApiKey::ApiVersions | ApiKey::SaslHandshake | ApiKey::SaslAuthenticate | ApiKey::WriteTxnMarkers
    );
    Capability {
        topics,
        group,
        transactional_id,
        error,
        member,
        throttle,
    }
}

/// What `*` leaves out: clients could not even log in, rules not be changed, and brokers not agree.
pub fn is_spared(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::ApiVersions
            | ApiKey::SaslHandshake
            | ApiKey::SaslAuthenticate
            | ApiKey::WriteTxnMarkers
            | ApiKey::DescribeConfigs
            | ApiKey::AlterConfigs
            | ApiKey::IncrementalAlterConfigs
    )
}
