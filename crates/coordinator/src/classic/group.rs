//! A classic group: its members, who leads them, what they all support, and which of their requests are
//! parked.
//!
//! Invariants: `leader` is a member or none; `static_members` maps to members; `awaiting_joins` counts the
//! members with a parked JoinGroup; `supported` counts, for each protocol, the members that support it; a
//! member is never pending. The shard's join, sync, membership and rebalance modules call this; nothing here
//! knows of time limits or records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::member::{ClassicMember, MemberProtocol};
use super::state::ClassicState;
use super::subscription;
use crate::effect::Token;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

/// The protocol type of consumers, whose subscriptions the coordinator can read.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// How much longer the first rebalance of an empty group may wait for members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitialRebalance {
    pub(crate) delay_ms: i32,
    pub(crate) remaining_ms: i32,
}

/// A group of the classic protocol.
#[derive(Clone, Debug)]
pub struct ClassicGroup {
    /// The group's id (`group.id`).
    pub id: Arc<str>,
    pub(crate) state: ClassicState,
    pub(crate) previous_state: Option<ClassicState>,
    /// When the group entered its state; old records don't say.
    pub(crate) state_timestamp_ms: Option<i64>,
    pub(crate) generation_id: i32,
    pub(crate) protocol_type: Option<Box<str>>,
    pub(crate) protocol_name: Option<Box<str>>,
    pub(crate) leader: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, ClassicMember>,
    static_members: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were given out with MEMBER_ID_REQUIRED and have not come back.
    pending_joins: BTreeSet<Arc<str>>,
    /// Members that have their generation but have not sent SyncGroup.
    pub(crate) pending_syncs: BTreeSet<Arc<str>>,
    awaiting_joins: usize,
    supported: BTreeMap<Box<str>, usize>,
    /// Topics that the members read; `None` if the group is not of consumers or a subscription can't be read.
    pub(crate) subscribed_topics: Option<BTreeSet<String>>,
    pub(crate) new_member_added: bool,
    pub(crate) initial_rebalance: Option<InitialRebalance>,
    /// A static member that joined a stable group under a new id, until that is in the log.
    pub(crate) replacement: Option<Box<super::static_member::Replacement>>,
}

impl ClassicGroup {
    /// An empty group without a generation.
    pub(crate) fn new(id: Arc<str>, wall_ms: i64) -> Self {
        ClassicGroup {
            id,
            state: ClassicState::Empty,
            previous_state: None,
            state_timestamp_ms: Some(wall_ms),
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_joins: BTreeSet::new(),
            pending_syncs: BTreeSet::new(),
            awaiting_joins: 0,
            supported: BTreeMap::new(),
            subscribed_topics: None,
            new_member_added: false,
            initial_rebalance: None,
            replacement: None,
        }
    }

    /// The group's state.
    pub fn state(&self) -> ClassicState {
        self.state
    }

    /// The generation that its members are in.
    pub fn generation_id(&self) -> i32 {
        self.generation_id
    }

    /// The members, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &ClassicMember> {
        self.members.values()
    }

    /// The member with this id.
    pub fn member(&self, id: &str) -> Option<&ClassicMember> {
        self.members.get(id)
    }

    pub(crate) fn member_mut(&mut self, id: &str) -> Option<&mut ClassicMember> {
        self.members.get_mut(id)
    }

    pub(crate) fn member_ids(&self) -> Vec<Arc<str>> {
        self.members.keys().cloned().collect()
    }

    pub(crate) fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    pub(crate) fn static_member_id(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    pub(crate) fn is_pending(&self, id: &str) -> bool {
        self.pending_joins.contains(id)
    }

    pub(crate) fn add_pending(&mut self, id: Arc<str>) {
        self.pending_joins.insert(id);
    }

    pub(crate) fn awaiting_joins(&self) -> usize {
        self.awaiting_joins
    }

    pub(crate) fn has_all_members_joined(&self) -> bool {
        self.members.len() == self.awaiting_joins && self.pending_joins.is_empty()
    }

    /// The longest rebalance timeout of its members.
    pub(crate) fn rebalance_timeout_ms(&self) -> i32 {
        self.members
            .values()
            .map(|member| member.rebalance_timeout_ms)
            .max()
            .unwrap_or(0)
            .max(0)
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Moves to `next`, which must be a state that may follow.
    pub(crate) fn transition_to(&mut self, next: ClassicState, wall_ms: i64) {
        debug_assert!(self.state.may_become(next), "{:?} to {next:?}", self.state);
        self.previous_state = Some(self.state);
        self.state = next;
        self.state_timestamp_ms = Some(wall_ms);
    }

    /// Adds a member; the first one brings the group's protocol type and leads it.
    pub(crate) fn add(&mut self, member: ClassicMember, protocol_type: &str) {
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.into());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        self.count_protocols(&member.protocols);
        self.awaiting_joins += usize::from(member.awaiting_join.is_some());
        self.pending_joins.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member or a pending member; a leader's place goes to another member. The caller answers its
    /// parked requests.
    pub(crate) fn remove(&mut self, id: &str) -> Option<ClassicMember> {
        let removed = self.members.remove(id);
        if let Some(member) = &removed {
            self.uncount_protocols(&member.protocols);
            self.awaiting_joins -= usize::from(member.awaiting_join.is_some());
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(id);
        self.pending_syncs.remove(id);
        removed
    }

    /// Gives the static member `old_id` the id `new_id` and keeps everything else; its parked requests stay
    /// with the member that is returned for the caller to answer.
    pub(crate) fn replace_static(
        &mut self,
        instance_id: &str,
        old_id: &str,
        new_id: Arc<str>,
    ) -> Option<ClassicMember> {
        let old = self.members.remove(old_id)?;
        self.awaiting_joins -= usize::from(old.awaiting_join.is_some());
        let member = ClassicMember {
            id: new_id.clone(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
            ..old.clone()
        };
        self.members.insert(new_id.clone(), member);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        self.static_members.insert(instance_id.into(), new_id);
        Some(old)
    }

    /// Takes over what a member's new JoinGroup says and parks it. Returns the request that was parked
    /// before, if any.
    pub(crate) fn update_member(
        &mut self,
        id: &str,
        protocols: Vec<MemberProtocol>,
        rebalance_timeout_ms: i32,
        session_timeout_ms: i32,
        token: Option<Token>,
    ) -> Option<Token> {
        let member = self.members.get_mut(id)?;
        let old = std::mem::replace(&mut member.protocols, protocols.clone());
        member.rebalance_timeout_ms = rebalance_timeout_ms;
        member.session_timeout_ms = session_timeout_ms;
        let superseded = std::mem::replace(&mut member.awaiting_join, token);
        self.awaiting_joins += usize::from(token.is_some());
        self.awaiting_joins -= usize::from(superseded.is_some());
        self.uncount_protocols(&old);
        self.count_protocols(&protocols);
        superseded
    }

    /// The member's parked JoinGroup, which the caller now answers.
    pub(crate) fn take_join(&mut self, id: &str) -> Option<Token> {
        let token = self.members.get_mut(id)?.awaiting_join.take()?;
        self.awaiting_joins -= 1;
        Some(token)
    }

    fn count_protocols(&mut self, protocols: &[MemberProtocol]) {
        for protocol in protocols {
            *self.supported.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    fn uncount_protocols(&mut self, protocols: &[MemberProtocol]) {
        for protocol in protocols {
            if let Some(count) = self.supported.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.supported.remove(&protocol.name);
                }
            }
        }
    }

    /// Whether every member supports `protocol`.
    fn is_candidate(&self, protocol: &str) -> bool {
        self.supported.get(protocol).copied().unwrap_or(0) == self.members.len()
    }

    /// Whether a member of this type that supports these protocols can be in the group.
    pub(crate) fn supports<'a>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'a str>,
    ) -> bool {
        if self.state == ClassicState::Empty {
            !protocol_type.is_empty() && protocols.next().is_some()
        } else {
            self.protocol_type.as_deref() == Some(protocol_type)
                && protocols.any(|name| self.is_candidate(name))
        }
    }

    /// The protocol with the most votes among those that every member supports. Where votes are even, the one
    /// that Kafka's hash table lists first wins.
    pub(crate) fn select_protocol(&self) -> Option<Box<str>> {
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in self.members.values() {
            let name = member.vote(|name| self.is_candidate(name))?;
            match votes.iter_mut().find(|(voted, _)| *voted == name) {
                Some((_, count)) => *count += 1,
                None => votes.push((name, 1)),
            }
        }
        hash_map_order(&mut votes, |(name, _)| java_hash(name));
        // max_by_key takes the last of equals.
        votes
            .iter()
            .rev()
            .max_by_key(|(_, count)| *count)
            .map(|(name, _)| (*name).into())
    }

    /// Starts the next generation with the members that are there: CompletingRebalance, or Empty if there are
    /// none.
    pub(crate) fn init_next_generation(&mut self, wall_ms: i64) {
        self.generation_id = self.generation_id.wrapping_add(1);
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        let next = if self.members.is_empty() {
            ClassicState::Empty
        } else {
            ClassicState::CompletingRebalance
        };
        self.transition_to(next, wall_ms);
        self.pending_syncs.clear();
    }

    /// The union of the members' subscriptions, if the group is of consumers and all can be read.
    pub(crate) fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        let mut subscribed = BTreeSet::new();
        for member in self.members.values() {
            subscribed.extend(subscription::topics(
                &member.metadata(self.protocol_name.as_deref()?),
            )?);
        }
        Some(subscribed)
    }

    /// Whether the group reads the topic; a group of consumers whose subscriptions can't be read may read
    /// any.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// The member must exist and, with an instance id, be the one that holds it.
    pub(crate) fn validate_member(&self, id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_member_id(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(holder) if **holder != *id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) {
            Ok(())
        } else {
            Err(ErrorCode::UnknownMemberId)
        }
    }

    /// [`Self::validate_member`], and it must be in the group's generation.
    pub(crate) fn validate_generation(
        &self,
        id: &str,
        instance_id: Option<&str>,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        self.validate_member(id, instance_id)?;
        if generation_id == self.generation_id {
            Ok(())
        } else {
            Err(ErrorCode::IllegalGeneration)
        }
    }

    /// Whether a commit in a transaction is taken: old producers don't say for whom they commit.
    pub(crate) fn validate_transactional_commit(
        &self,
        id: &str,
        instance_id: Option<&str>,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        let is_anonymous = generation_id < 0 && id.is_empty() && instance_id.is_none();
        if is_anonymous || (generation_id < 0 && self.state == ClassicState::Empty) {
            return Ok(());
        }
        self.validate_generation(id, instance_id, generation_id)
    }

    /// Whether a commit from this member of this generation is taken (`ClassicGroup.validateOffsetCommit`).
    pub(crate) fn validate_offset_commit(
        &self,
        id: &str,
        instance_id: Option<&str>,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        let empty = self.state == ClassicState::Empty;
        if generation_id < 0 && empty {
            // From an admin client or a consumer that assigns its partitions itself.
            return Ok(());
        }
        if generation_id >= 0 || !id.is_empty() || instance_id.is_some() {
            self.validate_generation(id, instance_id, generation_id)?;
        } else if !empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        match self.state {
            ClassicState::CompletingRebalance => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
