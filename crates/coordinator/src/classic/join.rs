//! JoinGroup, versions 0 to 9: who may come in, under which id, and whether that starts a rebalance.
//!
//! A member without an id gets one; from version 4 on a dynamic member must come back with it
//! (MEMBER_ID_REQUIRED, KIP-394), so that a client that never learns its id leaves no dead member behind.
//! Every answer goes out as an effect.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::join_group_response::JoinGroupResponseMember;
use barnabas_protocol::messages::{JoinGroupRequest, JoinGroupResponse, StrBytes};
use bytes::Bytes;
use uuid::Uuid;

use super::group::ClassicGroup;
use super::member::{ClassicMember, MemberProtocol};
use super::state::ClassicState;
use crate::config::{GroupConfig, NEW_MEMBER_JOIN_TIMEOUT_MS};
use crate::consumer::migrate::tombstones_of_group;
use crate::effect::{Reply, Token};
use crate::group::{Caller, GroupShard, require_group_id};
use crate::record::GroupRecord;
use crate::streams::fence::tombstones_of_streams_group;
use crate::timers::TimerKey;

/// From this version on a dynamic member must join with an id that the coordinator gave it.
pub(crate) const KNOWN_MEMBER_ID_SINCE: i16 = 4;

/// A JoinGroup request on its way through the shard.
pub(crate) struct Join<'a> {
    pub(crate) request: &'a JoinGroupRequest,
    pub(crate) caller: Caller<'a>,
    pub(crate) token: Token,
    pub(crate) now: Now,
}

impl Join<'_> {
    pub(crate) fn instance_id(&self) -> Option<&str> {
        self.request.group_instance_id.as_ref().map(|id| id.as_str())
    }

    /// Version 0 has one timeout for both.
    pub(crate) fn rebalance_timeout_ms(&self) -> i32 {
        match self.caller.api_version {
            0 => self.request.session_timeout_ms,
            _ => self.request.rebalance_timeout_ms,
        }
    }

    /// The protocols, copied: what is kept must not hold on to the request's frame.
    pub(crate) fn protocols(&self) -> Vec<MemberProtocol> {
        let copy = |metadata: &[u8]| Bytes::copy_from_slice(metadata);
        let protocols = self.request.protocols.iter();
        protocols
            .map(|p| MemberProtocol {
                name: p.name.as_str().into(),
                metadata: copy(&p.metadata),
            })
            .collect()
    }

    fn matches(&self, member: &ClassicMember) -> bool {
        let asked = self
            .request
            .protocols
            .iter()
            .map(|p| (p.name.as_str(), &p.metadata));
        asked.eq(member.protocols.iter().map(|p| (&*p.name, &p.metadata)))
    }
}

/// An answer that says nothing but an error.
pub(crate) fn join_error(member_id: &str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_member_id(StrBytes::from_string(member_id.to_owned()))
        .with_error_code(error.code())
}

/// The answer that tells a member of the group's generation; only the leader is told the members.
pub(super) fn generation_of(group: &ClassicGroup, member_id: &str, tell_members: bool) -> JoinGroupResponse {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let protocol = group.protocol_name.as_deref().unwrap_or_default();
    let describe = |member: &ClassicMember| {
        JoinGroupResponseMember::default()
            .with_member_id(text(&member.id))
            .with_group_instance_id(member.instance_id.as_deref().map(text))
            .with_metadata(member.metadata(protocol))
    };
    JoinGroupResponse::default()
        .with_members(if tell_members {
            group.members().map(describe).collect()
        } else {
            Vec::new()
        })
        .with_member_id(text(member_id))
        .with_generation_id(group.generation_id)
        .with_protocol_name(group.protocol_name.as_deref().map(text))
        .with_protocol_type(group.protocol_type.as_deref().map(text))
        .with_leader(group.leader.as_deref().map(text).unwrap_or_default())
}

impl GroupConfig {
    /// What a JoinGroup request is held to whatever the group's state, and before its coordinator is looked
    /// for.
    ///
    /// # Errors
    /// INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT.
    pub fn check_join(&self, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
        require_group_id(&request.group_id)?;
        let timeouts = self.group_min_session_timeout_ms..=self.group_max_session_timeout_ms;
        if timeouts.contains(&request.session_timeout_ms) {
            Ok(())
        } else {
            Err(ErrorCode::InvalidSessionTimeout)
        }
    }
}

impl GroupShard {
    /// Handles a JoinGroup request; `token` names it, and `uuid` is a random one for the id of a new member.
    pub fn join(
        &mut self,
        request: &JoinGroupRequest,
        caller: Caller<'_>,
        uuid: Uuid,
        token: Token,
        now: Now,
    ) -> Vec<GroupRecord> {
        let (group_id, member_id) = (request.group_id.as_str(), request.member_id.as_str());
        let consumer_group = self
            .consumer_groups
            .get(group_id)
            .map(|group| group.members().len());
        let joins_consumer_group = consumer_group.is_some_and(|members| members > 0);
        let streams_group = self.streams_groups.get(group_id);
        let is_streams_group = streams_group.is_some_and(|group| group.members().len() > 0);
        let is_new_group = !self.groups.contains_key(group_id) && !joins_consumer_group;
        let refused = if let Err(error) = self.config.check_join(request) {
            Some(error)
        } else if is_streams_group {
            Some(ErrorCode::GroupIdNotFound)
        } else if self.share_groups.contains_key(group_id) {
            Some(ErrorCode::InconsistentGroupProtocol)
        } else if is_new_group && !member_id.is_empty() {
            Some(ErrorCode::UnknownMemberId)
        } else {
            None
        };
        if let Some(error) = refused {
            self.respond(token, Reply::Join(join_error(member_id, error)));
            return Vec::new();
        }

        let group_id: Arc<str> = group_id.into();
        let join = Join {
            request,
            caller,
            token,
            now,
        };
        if joins_consumer_group {
            return self.join_consumer_group(&group_id, &join, uuid);
        }
        // A consumer or streams group without members makes way.
        let mut made_way = match self.consumer_groups.remove(&group_id) {
            Some(group) => {
                let tombstones = tombstones_of_group(&group, &BTreeSet::new());
                GroupRecord::of_consumer_group(&group_id, tombstones)
            }
            None => match self.streams_groups.remove(&group_id) {
                Some(group) => GroupRecord::of_streams_group(&group_id, tombstones_of_streams_group(&group)),
                None => Vec::new(),
            },
        };
        self.groups
            .entry(group_id.clone())
            .or_insert_with_key(|id| ClassicGroup::new(id.clone(), now.wall_ms));
        let records = if !self.accepts(&group_id, member_id) {
            self.drop_member(&group_id, member_id);
            self.respond(token, Reply::Join(join_error("", ErrorCode::GroupMaxSizeReached)));
            Vec::new()
        } else if member_id.is_empty() {
            self.join_new(&group_id, &join, uuid)
        } else {
            self.join_existing(&group_id, &join)
        };
        match self.groups.get(&group_id) {
            // The group has to be in the log, even if the member was refused.
            Some(group) if is_new_group && records.is_empty() => made_way.push(group.to_empty_record()),
            _ => made_way.extend(records),
        }
        made_way
    }

    /// Whether the group has room. While it rebalances the places go to those who join first: the count of
    /// members may be above a limit that was lowered.
    fn accepts(&self, group_id: &str, member_id: &str) -> bool {
        let Some(group) = self.groups.get(group_id) else {
            return false;
        };
        let member = group.member(member_id);
        match group.state {
            ClassicState::Empty => true,
            ClassicState::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some())
                    || group.awaiting_joins() < self.config.group_max_size
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                member.is_some() || group.members().len() < self.config.group_max_size
            }
        }
    }

    fn supports(&self, group_id: &str, request: &JoinGroupRequest) -> bool {
        let protocols = request.protocols.iter().map(|p| p.name.as_str());
        self.groups
            .get(group_id)
            .is_some_and(|group| group.supports(&request.protocol_type, protocols))
    }

    fn join_new(&mut self, group_id: &Arc<str>, join: &Join<'_>, uuid: Uuid) -> Vec<GroupRecord> {
        if !self.supports(group_id, join.request) {
            self.respond(
                join.token,
                Reply::Join(join_error("", ErrorCode::InconsistentGroupProtocol)),
            );
            return Vec::new();
        }
        let prefix = join.instance_id().unwrap_or(join.caller.client_id);
        let new_id: Arc<str> = format!("{prefix}-{uuid}").into();
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        if let Some(instance_id) = join.instance_id() {
            return match group.static_member_id(instance_id).cloned() {
                Some(old_id) => self.join_replacing(group_id, join, instance_id, &old_id, new_id),
                None => self.add_member(group_id, join, new_id),
            };
        }
        if join.caller.api_version < KNOWN_MEMBER_ID_SINCE {
            return self.add_member(group_id, join, new_id);
        }
        group.add_pending(new_id.clone());
        self.respond(
            join.token,
            Reply::Join(join_error(&new_id, ErrorCode::MemberIdRequired)),
        );
        let session = TimerKey::Session {
            group: group_id.clone(),
            member: new_id,
        };
        self.timers.schedule(
            session,
            join.now.monotonic_ms + i64::from(join.request.session_timeout_ms),
        );
        Vec::new()
    }

    fn join_existing(&mut self, group_id: &Arc<str>, join: &Join<'_>) -> Vec<GroupRecord> {
        let member_id = join.request.member_id.as_str();
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        let refusal = if !self.supports(group_id, join.request) {
            join_error(member_id, ErrorCode::InconsistentGroupProtocol)
        } else if group.is_pending(member_id) {
            if join.instance_id().is_none() {
                return self.add_member(group_id, join, member_id.into());
            }
            // Only dynamic members are ever pending; Kafka fails on this unexpectedly, too.
            join_error("", ErrorCode::UnknownServerError)
        } else if let Err(error) = group.validate_member(member_id, join.instance_id()) {
            join_error(member_id, error).with_protocol_name(None)
        } else {
            return self.rejoin(group_id, join);
        };
        self.respond(join.token, Reply::Join(refusal));
        Vec::new()
    }

    /// A member joins again. A rebalance starts if it says something new, or if it leads and asks for one by
    /// joining.
    fn rejoin(&mut self, group_id: &Arc<str>, join: &Join<'_>) -> Vec<GroupRecord> {
        let member_id = join.request.member_id.as_str();
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        let Some(member) = group.member(member_id) else {
            return Vec::new();
        };
        let answer = match group.state {
            ClassicState::PreparingRebalance => None,
            // It may have missed the answer to its first try.
            ClassicState::CompletingRebalance if join.matches(member) => {
                Some(generation_of(group, member_id, group.is_leader(member_id)))
            }
            ClassicState::Stable if !group.is_leader(member_id) && join.matches(member) => {
                Some(generation_of(group, member_id, false))
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => None,
            ClassicState::Empty => Some(join_error(member_id, ErrorCode::UnknownMemberId)),
        };
        if let Some(answer) = answer {
            self.respond(join.token, Reply::Join(answer));
            return Vec::new();
        }
        let superseded = group.update_member(
            member_id,
            join.protocols(),
            join.rebalance_timeout_ms(),
            join.request.session_timeout_ms,
            Some(join.token),
        );
        self.answer_superseded_join(superseded, member_id);
        let records = self.maybe_prepare_rebalance_or_complete_join(group_id, join.now);
        self.refuse_without_protocol(group_id, member_id);
        records
    }

    /// Everyone has joined and yet there is no protocol, for the member names one twice: Kafka fails on this
    /// unexpectedly, too.
    fn refuse_without_protocol(&mut self, group_id: &str, member_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let is_stuck = group.state == ClassicState::PreparingRebalance
            && group.has_all_members_joined()
            && group.select_protocol().is_none();
        if is_stuck && let Some(token) = group.take_join(member_id) {
            self.respond(token, Reply::Join(join_error("", ErrorCode::UnknownServerError)));
        }
    }

    fn add_member(&mut self, group_id: &Arc<str>, join: &Join<'_>, member_id: Arc<str>) -> Vec<GroupRecord> {
        let Some(group) = self.groups.get_mut(group_id) else {
            return Vec::new();
        };
        if group.state == ClassicState::PreparingRebalance
            && group.previous_state == Some(ClassicState::Empty)
        {
            group.new_member_added = true;
        }
        let member = ClassicMember {
            id: member_id.clone(),
            instance_id: join.instance_id().map(Into::into),
            client_id: join.caller.client_id.into(),
            client_host: join.caller.client_host.into(),
            rebalance_timeout_ms: join.rebalance_timeout_ms(),
            session_timeout_ms: join.request.session_timeout_ms,
            protocols: join.protocols(),
            assignment: Bytes::new(),
            awaiting_join: Some(join.token),
            awaiting_sync: None,
            is_new: true,
        };
        group.add(member, &join.request.protocol_type);
        let session = TimerKey::Session {
            group: group_id.clone(),
            member: member_id,
        };
        self.timers.schedule(
            session,
            join.now.monotonic_ms + i64::from(NEW_MEMBER_JOIN_TIMEOUT_MS),
        );
        self.maybe_prepare_rebalance_or_complete_join(group_id, join.now)
    }

    /// The client has sent the same JoinGroup again and will read only that answer; Kafka never answers the
    /// earlier one.
    pub(super) fn answer_superseded_join(&mut self, superseded: Option<Token>, member_id: &str) {
        if let Some(token) = superseded {
            self.respond(
                token,
                Reply::Join(join_error(member_id, ErrorCode::RebalanceInProgress)),
            );
        }
    }
}
