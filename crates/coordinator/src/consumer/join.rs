//! JoinGroup of a classic client to a consumer group: it becomes a member whose generation is its epoch, and
//! is assigned by the coordinator like everybody; what it gets it learns from SyncGroup.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use barnabas_protocol::messages::{JoinGroupResponse, StrBytes};
use uuid::Uuid;

use super::embedded::{Subscription, read_subscription};
use super::heartbeat::check_holder;
use super::member::{ClassicDetails, MemberDetails};
use super::refusal::Refusal;
use super::update::Update;
use crate::classic::group::CONSUMER_PROTOCOL_TYPE;
use crate::classic::join::{Join, KNOWN_MEMBER_ID_SINCE, join_error};
use crate::cluster::ClusterView;
use crate::config::MigrationPolicy;
use crate::effect::Reply;
use crate::group::GroupShard;
use crate::record::GroupRecord;
use crate::timers::TimerKey;

impl GroupShard {
    /// A classic client joins a consumer group that has members.
    pub(crate) fn join_consumer_group(
        &mut self,
        group_id: &Arc<str>,
        join: &Join<'_>,
        uuid: Uuid,
    ) -> Vec<GroupRecord> {
        let is_new = join.request.member_id.is_empty();
        let member_id: Arc<str> = if is_new {
            kafka_uuid::encode(uuid).into()
        } else {
            join.request.member_id.as_str().into()
        };
        let needs_id =
            is_new && join.instance_id().is_none() && join.caller.api_version >= KNOWN_MEMBER_ID_SINCE;
        // Apache Kafka refuses without the member's id.
        let nobody = || Arc::from("");
        let decided = match self.check_classic_join(group_id, join, &member_id) {
            Ok(()) if needs_id => Err((member_id.clone(), ErrorCode::MemberIdRequired)),
            Ok(()) => self
                .decide_classic_join(group_id, join, member_id.clone(), is_new)
                .map_err(|refusal| (nobody(), refusal.code)),
            Err(refusal) => Err((nobody(), refusal.code)),
        };
        match decided {
            Err((member_id, error)) => {
                let response = join_error(&member_id, error).with_protocol_name(None);
                self.respond(join.token, Reply::Join(response));
                Vec::new()
            }
            Ok((records, response, stays)) => {
                if stays {
                    self.timers_of_joined(group_id, &member_id, join);
                }
                self.respond(join.token, Reply::Join(response));
                records
            }
        }
    }

    fn check_classic_join(
        &self,
        group_id: &Arc<str>,
        join: &Join<'_>,
        member_id: &str,
    ) -> Result<(), Refusal> {
        let group = self.known_consumer_group(group_id)?;
        if self.config.consumer_migration_policy == MigrationPolicy::Disabled {
            return Err(ErrorCode::InconsistentGroupProtocol.into());
        }
        self.check_room(group, member_id, join.instance_id())?;
        let request = join.request;
        let protocols = request.protocols.iter().map(|protocol| protocol.name.as_str());
        if !group.supports_classic(&request.protocol_type, protocols) {
            return Err(ErrorCode::InconsistentGroupProtocol.into());
        }
        Ok(())
    }

    /// The records, the answer, and whether the group stays a consumer group.
    #[allow(clippy::type_complexity)]
    fn decide_classic_join(
        &mut self,
        group_id: &Arc<str>,
        join: &Join<'_>,
        member_id: Arc<str>,
        is_new: bool,
    ) -> Result<(Vec<GroupRecord>, JoinGroupResponse, bool), Refusal> {
        let group = self.known_consumer_group(group_id)?;
        let mut update = self.update_of(group, group_id, member_id, join.now.wall_ms);
        let holder = join
            .instance_id()
            .and_then(|instance_id| group.static_member(instance_id));
        if let Some(instance_id) = join.instance_id() {
            if !is_new {
                check_holder(holder, &update.member.id, instance_id)?;
            } else if let Some(holder) = holder {
                update.replace_static(holder);
            }
        }
        // Read when the member is known, as in Apache Kafka.
        let first = join.request.protocols.first();
        let subscription = first
            .and_then(|protocol| read_subscription(&protocol.metadata))
            .ok_or(ErrorCode::InconsistentGroupProtocol)?;
        let owned = owned_partitions(&subscription, &*self.cluster);
        // The last member of the consumer protocol comes back as a classic one.
        let downgrades = holder.is_some_and(|holder| self.may_downgrade_replacing(group, holder));
        let change = update.set_details(classic_details(&update, join, &subscription))?;
        let bumps = change.bumps || change.changed;
        let (group_epoch, alike) = update.set_epoch(bumps);
        let response = |update: &Update<'_>| {
            JoinGroupResponse::default()
                .with_member_id(StrBytes::from_string(update.member.id.to_string()))
                .with_generation_id(update.member.epoch())
                .with_protocol_type(Some(StrBytes::from_static_str(CONSUMER_PROTOCOL_TYPE)))
                .with_protocol_name(
                    update
                        .member
                        .classic_protocol()
                        .map(|protocol| StrBytes::from_string(protocol.name.to_string())),
                )
        };
        if downgrades {
            if !bumps {
                let target = group.target(&update.member);
                update.reconcile(group.target_epoch.epoch, &target, false, Some(&owned))?;
            }
            let answer = response(&update);
            let (member, replaced) = (update.member.clone(), update.replaced.clone());
            let mut records = GroupRecord::of_consumer_group(group_id, std::mem::take(&mut update.records));
            let former = replaced.unwrap_or_else(|| member.id.clone());
            let downgrade = self.downgrade(
                group_id,
                &[former.clone(), member.id.clone()].into(),
                Some((&member, &former, bumps)),
                join.now,
            );
            records.extend(downgrade.unwrap_or_default());
            return Ok((records, answer, false));
        }
        let (target_epoch, target) = update.set_target(group_epoch, alike);
        update.reconcile(target_epoch, &target, bumps, Some(&owned))?;
        let answer = response(&update);
        let (records, after) = (std::mem::take(&mut update.records), update.after);
        self.settle_after(group_id, after);
        Ok((GroupRecord::of_consumer_group(group_id, records), answer, true))
    }

    /// A member that has joined must fetch its assignment in time.
    fn timers_of_joined(&mut self, group_id: &Arc<str>, member_id: &Arc<str>, join: &Join<'_>) {
        let key = |make: fn(Arc<str>, Arc<str>) -> TimerKey| make(group_id.clone(), member_id.clone());
        self.timers
            .cancel(&key(|group, member| TimerKey::MemberJoin { group, member }));
        self.timers.schedule(
            key(|group, member| TimerKey::Session { group, member }),
            join.now
                .monotonic_ms
                .saturating_add(i64::from(join.request.session_timeout_ms)),
        );
        self.timers.schedule(
            key(|group, member| TimerKey::MemberSync { group, member }),
            join.now
                .monotonic_ms
                .saturating_add(i64::from(join.rebalance_timeout_ms())),
        );
    }
}

fn classic_details(update: &Update<'_>, join: &Join<'_>, subscription: &Subscription) -> MemberDetails {
    let old = &*update.old.details;
    MemberDetails {
        instance_id: join
            .instance_id()
            .map(Into::into)
            .or_else(|| old.instance_id.clone()),
        rack_id: subscription
            .rack_id
            .as_deref()
            .filter(|rack| !rack.is_empty())
            .map(Into::into)
            .or_else(|| old.rack_id.clone()),
        client_id: join.caller.client_id.into(),
        client_host: join.caller.client_host.into(),
        topics: subscription
            .topics
            .iter()
            .map(|topic| topic.as_str().into())
            .collect(),
        regex: "".into(),
        rebalance_timeout_ms: Some(join.rebalance_timeout_ms())
            .filter(|timeout_ms| *timeout_ms != -1)
            .unwrap_or(old.rebalance_timeout_ms),
        assignor: old.assignor.clone(),
        classic: Some(ClassicDetails {
            session_timeout_ms: join.request.session_timeout_ms,
            protocols: join.protocols(),
        }),
    }
}

/// What the member says it has, by topic id; topics that are gone are left out.
fn owned_partitions(subscription: &Subscription, cluster: &dyn ClusterView) -> Vec<TopicPartitions> {
    let by_id = |(name, partitions): (&String, &Vec<i32>)| {
        let topic = cluster.topic(name)?;
        Some(
            TopicPartitions::default()
                .with_topic_id(topic.id)
                .with_partitions(partitions.clone()),
        )
    };
    let owned: &BTreeMap<String, Vec<i32>> = &subscription.owned;
    owned.iter().filter_map(by_id).collect()
}
