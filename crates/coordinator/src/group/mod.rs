//! [`GroupShard`]: the groups and offsets of one partition of `__consumer_offsets`.
//!
//! This file is the machine's frame: state, replay, loading, timers, effects. What a request does is in
//! `impl` blocks beside it: the classic protocol in [`crate::classic`], offsets and administration in this
//! module's children.

mod commit;
mod describe;
mod expiry;
mod fetch;
mod pending;
mod remove;
pub(crate) mod txn_commit;

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;

use self::pending::PendingOffsets;
use crate::classic::group::ClassicGroup;
use crate::classic::state::ClassicState;
use crate::cluster::{ClusterView, EmptyCluster, VisibleTopics};
use crate::config::GroupConfig;
use crate::consumer::group::ConsumerGroup;
use crate::consumer::member::MemberState;
use crate::consumer::migrate::Downgrade;
use crate::effect::{Effect, Reply, Token};
use crate::offsets::Offsets;
use crate::record::GroupRecord;
use crate::share_group::ShareGroup;
use crate::streams::group::StreamsGroup;
use crate::timers::{TimerKey, Timers};

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Version of the request.
    pub api_version: i16,
    /// `client.id`; empty if the client sent none.
    pub client_id: &'a str,
    /// Address of the client as Java writes it, such as `/127.0.0.1`.
    pub client_host: &'a str,
}

/// What a request leads to: records to append in one batch, and the answer to give once they are committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<R> {
    /// To append, then to replay.
    pub records: Vec<GroupRecord>,
    /// The answer, if the append succeeds.
    pub reply: R,
}

/// The groups of one partition of `__consumer_offsets`, and the offsets they committed.
#[derive(Debug)]
pub struct GroupShard {
    pub(crate) config: GroupConfig,
    pub(crate) cluster: Arc<dyn ClusterView>,
    /// The classic groups. No group is of two kinds.
    pub(crate) groups: BTreeMap<Arc<str>, ClassicGroup>,
    pub(crate) consumer_groups: BTreeMap<Arc<str>, ConsumerGroup>,
    pub(crate) streams_groups: BTreeMap<Arc<str>, StreamsGroup>,
    pub(crate) share_groups: BTreeMap<Arc<str>, ShareGroup>,
    /// Consumer groups that become classic ones as soon as their records are applied.
    pub(crate) downgrades: BTreeMap<Arc<str>, Downgrade>,
    /// Consumer groups whose expressions are about to be resolved, each with what the member may see that
    /// asked for it.
    pub(crate) resolving: BTreeMap<Arc<str>, VisibleTopics>,
    pub(crate) offsets: Offsets,
    pub(crate) pending: PendingOffsets,
    pub(crate) timers: Timers,
    effects: Vec<Effect>,
    loading: bool,
}

impl GroupShard {
    /// A shard that knows nothing; it is loading until [`Self::finish_loading`].
    pub fn new(config: GroupConfig) -> Self {
        GroupShard {
            config,
            cluster: Arc::new(EmptyCluster),
            groups: BTreeMap::new(),
            consumer_groups: BTreeMap::new(),
            streams_groups: BTreeMap::new(),
            share_groups: BTreeMap::new(),
            downgrades: BTreeMap::new(),
            resolving: BTreeMap::new(),
            offsets: Offsets::default(),
            pending: PendingOffsets::default(),
            timers: Timers::default(),
            effects: Vec::new(),
            loading: true,
        }
    }

    /// The cluster has changed. `topics_changed` are the names of the topics that were created, grown, moved
    /// or deleted since the last view: the groups that read them are assigned anew with their next
    /// heartbeats.
    pub fn set_cluster(&mut self, cluster: Arc<dyn ClusterView>, topics_changed: &[Arc<str>]) {
        self.cluster = cluster;
        for group in self.consumer_groups.values_mut() {
            if topics_changed.iter().any(|topic| group.is_subscribed_to(topic)) {
                group.topics_seen_at = None;
            }
        }
        for group in self.streams_groups.values_mut() {
            if topics_changed.iter().any(|topic| group.needs(topic)) {
                group.soft.topics_seen_at = None;
            }
        }
        for group in self.share_groups.values_mut() {
            group.look_at(topics_changed);
        }
    }

    /// The consumer group with this id.
    pub fn consumer_group(&self, group_id: &str) -> Option<&ConsumerGroup> {
        self.consumer_groups.get(group_id)
    }

    /// The streams group with this id.
    pub fn streams_group(&self, group_id: &str) -> Option<&StreamsGroup> {
        self.streams_groups.get(group_id)
    }

    /// Whether there is a group with this id that the coordinator assigns, other than a streams group.
    pub(crate) fn holds_other_than_classic(&self, group_id: &str) -> bool {
        self.consumer_groups.contains_key(group_id) || self.share_groups.contains_key(group_id)
    }

    /// The classic group with this id.
    pub fn group(&self, group_id: &str) -> Option<&ClassicGroup> {
        self.groups.get(group_id)
    }

    /// Applies a record of the log: what loading does with all of them is what the live path does with its
    /// own.
    pub fn replay(&mut self, record: GroupRecord, now: Now) {
        match record {
            GroupRecord::OffsetCommit {
                group,
                topic,
                partition,
                value: Some(value),
            } => {
                self.create_for_offset(&group, now);
                self.offsets.put(&group, &topic, partition, value);
                self.pending.committed(&group, &topic, partition);
            }
            GroupRecord::OffsetCommit {
                group,
                topic,
                partition,
                value: None,
            } => {
                self.offsets.remove(&group, &topic, partition);
                self.pending.remove(&group, &topic, partition);
            }
            GroupRecord::GroupMetadata {
                group,
                value: Some(value),
            } => {
                self.consumer_groups.remove(&group);
                self.streams_groups.remove(&group);
                if self.complete_downgrade(&group, &value, now) {
                    // The group is there with all that its record has no room for.
                } else if !self.loading && self.groups.contains_key(&group) {
                    self.replay_live(&group, value, now);
                } else {
                    let loaded = ClassicGroup::from_metadata(group.clone(), value);
                    self.groups.insert(group, loaded);
                }
            }
            GroupRecord::GroupMetadata { group, value: None } => {
                self.groups.remove(&group);
            }
            GroupRecord::Consumer { group, record } => self.replay_consumer(group, record),
            GroupRecord::Streams { group, record } => self.replay_streams(group, record),
            GroupRecord::Share { group, record } => self.replay_share(group, record),
        }
    }

    /// A group that commits without having members is created by its first offset.
    pub(crate) fn create_for_offset(&mut self, group_id: &Arc<str>, now: Now) {
        let is_known = self.holds_other_than_classic(group_id)
            || self.streams_groups.contains_key(group_id)
            || self.groups.contains_key(group_id);
        if !is_known {
            let group = ClassicGroup::new(group_id.clone(), now.wall_ms);
            self.groups.insert(group_id.clone(), group);
        }
    }

    /// The whole log has been replayed: sessions begin. A group that is larger than `group.max.size` allows
    /// rebalances.
    pub fn finish_loading(&mut self, now: Now) -> Vec<GroupRecord> {
        self.loading = false;
        self.schedule_expiry(now);
        let group_ids: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        let mut records = Vec::new();
        for group_id in group_ids {
            let Some(group) = self.groups.get(&group_id) else {
                continue;
            };
            let oversized = group.members().len() > self.config.group_max_size;
            for member_id in group.member_ids() {
                self.reschedule_session(&group_id, &member_id, now);
            }
            if oversized {
                records.extend(self.prepare_rebalance(&group_id, now));
            }
        }
        let members: Vec<_> = self
            .consumer_groups
            .values()
            .flat_map(|group| group.members().map(|member| (group.id.clone(), member.clone())))
            .collect();
        for (group_id, member) in members {
            let classic = member.details.classic.as_ref();
            let session_ms = classic.map_or_else(
                || self.cluster.consumer_settings(&group_id).session_timeout_ms,
                |classic| classic.session_timeout_ms,
            );
            self.reschedule_session_in(&group_id, &member.id, session_ms, now);
            if member.current.state == MemberState::UnrevokedPartitions && classic.is_none() {
                self.schedule_revocation(&group_id, &member.id, member.details.rebalance_timeout_ms, now);
            }
        }
        self.begin_streams_sessions(now);
        let members: Vec<_> = self
            .share_groups
            .iter()
            .flat_map(|(group_id, group)| group.member_ids().map(|id| (group_id.clone(), id.clone())))
            .collect();
        for (group_id, member_id) in members {
            self.reschedule_share_session(&group_id, &member_id, now);
        }
        records
    }

    /// The partition has another leader: every parked request is answered with NOT_COORDINATOR. The shard is
    /// then dropped.
    pub fn unload(&mut self) {
        let group_ids: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        for group_id in group_ids {
            self.answer_all_parked(&group_id, ErrorCode::NotCoordinator);
        }
    }

    /// Call [`Self::on_timer`] at this time; `None` if there is nothing to wait for. May be early.
    pub fn next_deadline(&self) -> Option<i64> {
        self.timers.next_deadline()
    }

    /// Does one thing that is due at `now`, if any is. Call it until the next deadline lies ahead: one
    /// timer's records are replayed before the next timer is looked at.
    pub fn on_timer(&mut self, now: Now) -> Vec<GroupRecord> {
        match self.timers.pop_expired(now.monotonic_ms) {
            Some(TimerKey::Session { group, member }) if self.consumer_groups.contains_key(&group) => {
                self.expire_consumer_session(&group, &member, now)
            }
            Some(TimerKey::Session { group, member }) if self.streams_groups.contains_key(&group) => {
                self.expire_streams_session(&group, &member)
            }
            Some(TimerKey::Session { group, member }) if self.share_groups.contains_key(&group) => {
                self.expire_share_session(&group, &member)
            }
            Some(TimerKey::Session { group, member }) => self.expire_session(&group, &member, now),
            Some(TimerKey::Revocation { group, member }) if self.streams_groups.contains_key(&group) => {
                self.expire_streams_revocation(&group, &member)
            }
            Some(TimerKey::InitialRebalance { group }) => self.expire_initial_rebalance(&group, now),
            Some(TimerKey::Revocation { group, member }) => self.expire_revocation(&group, &member, now),
            Some(TimerKey::MemberJoin { group, member } | TimerKey::MemberSync { group, member }) => {
                self.expire_consumer_session(&group, &member, now)
            }
            Some(TimerKey::Regexes { group }) => self.resolve_regexes(&group, now),
            Some(TimerKey::Join { group }) => self.expire_join(&group, now),
            Some(TimerKey::Sync { group }) => self.expire_pending_sync(&group, now),
            Some(TimerKey::Expiry) => self.expire_offsets(now),
            None => Vec::new(),
        }
    }

    /// The append of `records` failed: what waits for them is answered with `error`. A group that falls empty
    /// by it is known to be so without a record, as in Apache Kafka: the log that refused these is not asked
    /// again.
    pub fn append_failed(&mut self, records: &[GroupRecord], error: ErrorCode, now: Now) {
        self.downgrades.clear();
        for record in records {
            let GroupRecord::GroupMetadata {
                group: group_id,
                value: Some(_),
            } = record
            else {
                continue;
            };
            match self.groups.get(group_id).map(ClassicGroup::state) {
                Some(ClassicState::CompletingRebalance) => {
                    self.reset_assignment(group_id, error, now);
                    self.maybe_prepare_rebalance_or_complete_join(group_id, now);
                }
                Some(ClassicState::Stable) => self.revert_replacement(group_id, error, now),
                _ => {}
            }
        }
    }

    /// What to perform, in order, once the records returned so far are committed.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn respond(&mut self, token: Token, reply: Reply) {
        self.effects.push(Effect::Respond { token, reply });
    }
}

/// A group must have a name, except where Kafka lets old clients do without one (offsets).
pub(crate) fn require_group_id(group_id: &str) -> Result<(), ErrorCode> {
    if group_id.is_empty() {
        Err(ErrorCode::InvalidGroupId)
    } else {
        Ok(())
    }
}
