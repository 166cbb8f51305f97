//! The broker's settings that the group coordinator reads.

/// Settings of a shard; the names are Kafka's, with dots as underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.max.size`: members a classic group may have.
    pub group_max_size: usize,
    /// `group.min.session.timeout.ms`
    pub group_min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`
    pub group_max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members after the first.
    pub group_initial_rebalance_delay_ms: i32,
    /// `offset.metadata.max.bytes`: UTF-16 units that a commit's metadata may have.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval_ms: i64,
}

/// How long a new member's first JoinGroup may stay parked: it has no member id to send heartbeats with, and a client that
/// gave up would otherwise stay in the group for ever (a constant in Kafka, too).
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// The least time before a join phase that nobody came to is tried again: static members stay until their sessions end, and
/// a client may claim a rebalance timeout of nothing.
pub(crate) const JOIN_RETRY_MS_MIN: i32 = 1_000;

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig {
            group_max_size: i32::MAX as usize,
            group_min_session_timeout_ms: 6_000,
            group_max_session_timeout_ms: 1_800_000,
            group_initial_rebalance_delay_ms: 3_000,
            offset_metadata_max_bytes: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1000,
            offsets_retention_check_interval_ms: 600_000,
        }
    }
}
