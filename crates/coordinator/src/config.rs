//! The broker's settings that the group coordinator reads.

use crate::assignor::Assignor;
use barnabas_protocol::java_order::{hash_set_order, java_hash};

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
    /// `group.consumer.max.size`: members a consumer group may have.
    pub consumer_group_max_size: usize,
    /// `group.streams.max.size`: members a streams group may have.
    pub streams_group_max_size: usize,
    /// `group.share.max.size`: members a share group may have.
    pub share_group_max_size: usize,
    /// `group.consumer.migration.policy`
    pub consumer_migration_policy: MigrationPolicy,
    /// `group.consumer.assignors`
    pub consumer_assignors: Assignors,
    /// `offset.metadata.max.bytes`: UTF-16 units that a commit's metadata may have.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval_ms: i64,
    /// `offsets.commit.timeout.ms`: how long an answer waits for what it rests on to be replicated.
    pub offsets_commit_timeout_ms: i32,
}

/// Whether a group may go from one protocol to the other while it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    Bidirectional,
    /// From the classic to the consumer protocol.
    Upgrade,
    /// From the consumer to the classic protocol.
    Downgrade,
    /// Not at all.
    Disabled,
}

impl MigrationPolicy {
    /// The policy of this name, in any case.
    pub fn from_name(name: &str) -> Option<MigrationPolicy> {
        let policies = [
            ("bidirectional", MigrationPolicy::Bidirectional),
            ("upgrade", MigrationPolicy::Upgrade),
            ("downgrade", MigrationPolicy::Downgrade),
            ("disabled", MigrationPolicy::Disabled),
        ];
        let is_meant = |(known, _): &(&str, MigrationPolicy)| name.eq_ignore_ascii_case(known);
        policies.into_iter().find(is_meant).map(|(_, policy)| policy)
    }

    pub(crate) fn allows_upgrade(self) -> bool {
        matches!(self, MigrationPolicy::Bidirectional | MigrationPolicy::Upgrade)
    }

    pub(crate) fn allows_downgrade(self) -> bool {
        matches!(self, MigrationPolicy::Bidirectional | MigrationPolicy::Downgrade)
    }
}

/// The assignors that members may ask for; the first one is for those that ask for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignors {
    first: Assignor,
    second: Option<Assignor>,
}

impl Default for Assignors {
    fn default() -> Self {
        Assignors {
            first: Assignor::Uniform,
            second: Some(Assignor::Range),
        }
    }
}

impl Assignors {
    /// The assignors with these names; `None` if there is none, or a name that is not known.
    pub fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Option<Assignors> {
        let assignors: Vec<Assignor> = names.map(Assignor::from_name).collect::<Option<_>>()?;
        let first = *assignors.first()?;
        let second = assignors.into_iter().find(|assignor| *assignor != first);
        Some(Assignors { first, second })
    }

    pub(crate) fn first(self) -> Assignor {
        self.first
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.each().any(|assignor| assignor.name() == name)
    }

    fn each(self) -> impl Iterator<Item = Assignor> {
        [self.first].into_iter().chain(self.second)
    }

    /// The names, as a message lists them.
    pub(crate) fn names(self) -> String {
        let mut names: Vec<&str> = self.each().map(Assignor::name).collect();
        hash_set_order(&mut names, |name| java_hash(name));
        names.join(", ")
    }
}

/// How long a new member's first JoinGroup may stay parked: it has no member id to send heartbeats with, and
/// a client that gave up would otherwise stay in the group for ever (a constant in Kafka, too).
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// The least time before a join phase that nobody came to is tried again: static members stay until their
/// sessions end, and a client may claim a rebalance timeout of nothing.
pub(crate) const JOIN_RETRY_MS_MIN: i32 = 1_000;

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig {
            group_max_size: i32::MAX as usize,
            group_min_session_timeout_ms: 6_000,
            group_max_session_timeout_ms: 1_800_000,
            group_initial_rebalance_delay_ms: 3_000,
            consumer_group_max_size: i32::MAX as usize,
            streams_group_max_size: i32::MAX as usize,
            share_group_max_size: 200,
            consumer_migration_policy: MigrationPolicy::Bidirectional,
            consumer_assignors: Assignors::default(),
            offset_metadata_max_bytes: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1000,
            offsets_retention_check_interval_ms: 600_000,
            offsets_commit_timeout_ms: 5_000,
        }
    }
}
