//! Who sends a heartbeat to a streams group: whether it may be that, and what it says of itself.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::StreamsGroupHeartbeatRequest;
use barnabas_protocol::messages::streams_group_heartbeat_request::KeyValue;

use super::group::StreamsGroup;
use super::member::{StreamsDetails, StreamsMember, UserEndpoint};
use super::tasks::{HeldTasks, Tasks, each, has, has_active};
use super::update::Update;
use crate::consumer::heartbeat::{said, same_or_new};
use crate::consumer::member::{JOINS, LEFT_FOR_A_WHILE};
use crate::consumer::refusal::Refusal;
use crate::group::Caller;

/// Who the member is, and whether it may be that.
pub(super) fn identify(
    group: &StreamsGroup,
    update: &mut Update<'_>,
    request: &StreamsGroupHeartbeatRequest,
    owned: Option<&Tasks>,
) -> Result<(), Refusal> {
    let joins = request.member_epoch == JOINS;
    let Some(instance_id) = request.instance_id.as_ref().map(|id| id.as_str()) else {
        if !joins {
            group.known_member(&update.member.id)?;
        }
        return check_epoch(&update.old, request.member_epoch, owned);
    };
    let holder = group.static_member(instance_id);
    if !joins {
        let holder = check_holder(holder, &update.member.id, instance_id)?;
        return check_epoch(holder, request.member_epoch, owned);
    }
    if let Some(holder) = holder {
        if holder.epoch() != LEFT_FOR_A_WHILE {
            let message = format!(
                "Static member {} with instance id {instance_id} cannot join the group because the instance id is owned \
                 by {} member.",
                update.member.id, holder.id
            );
            return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message));
        }
        update.replace_static(holder);
    }
    Ok(())
}

/// The static member must be the one that holds its instance id.
pub(super) fn check_holder<'a>(
    holder: Option<&'a StreamsMember>,
    member_id: &str,
    instance_id: &str,
) -> Result<&'a StreamsMember, Refusal> {
    let Some(holder) = holder else {
        let message = format!("Instance id {instance_id} is unknown.");
        return Err(Refusal::new(ErrorCode::UnknownMemberId, message));
    };
    if *holder.id == *member_id {
        return Ok(holder);
    }
    let message = format!(
        "Static member {member_id} with instance id {instance_id} was fenced by member {}.",
        holder.id
    );
    Err(Refusal::new(ErrorCode::FencedInstanceId, message))
}

/// A member's epoch must be the one it was told, or the one before, if it has nothing that it should not
/// have.
fn check_epoch(member: &StreamsMember, epoch: i32, owned: Option<&Tasks>) -> Result<(), Refusal> {
    let known = member.epoch();
    if epoch == JOINS || epoch == known {
        return Ok(());
    }
    if epoch < known
        && epoch == member.current.previous_epoch
        && owns_no_more(&member.current.assigned, owned)
    {
        return Ok(());
    }
    let relation = if epoch > known { "greater" } else { "smaller" };
    Err(Refusal::new(
        ErrorCode::FencedMemberEpoch,
        format!(
            "The streams group member has a {relation} member epoch ({epoch}) than the one known by the group coordinator \
             ({known}). The member must abandon all its partitions and rejoin."
        ),
    ))
}

fn owns_no_more(assigned: &HeldTasks, owned: Option<&Tasks>) -> bool {
    owned.is_some_and(|owned| {
        each(&owned.active).all(|(id, partition)| has_active(&assigned.active, id, partition))
            && each(&owned.standby).all(|(id, partition)| has(&assigned.standby, id, partition))
            && each(&owned.warmup).all(|(id, partition)| has(&assigned.warmup, id, partition))
    })
}

/// What the member says of itself; what it does not say stays. With its first heartbeat it says all.
pub(super) fn details(
    old: &StreamsDetails,
    request: &StreamsGroupHeartbeatRequest,
    caller: Caller<'_>,
    joins: bool,
) -> StreamsDetails {
    let endpoint = request.user_endpoint.as_ref().map(|endpoint| UserEndpoint {
        host: endpoint.host.as_str().into(),
        port: endpoint.port,
    });
    let tags = request.client_tags.as_ref().map(|tags| {
        let tag = |tag: &KeyValue| (tag.key.as_str().into(), tag.value.as_str().into());
        tags.iter().map(tag).collect()
    });
    StreamsDetails {
        instance_id: request
            .instance_id
            .as_ref()
            .map(|id| id.as_str().into())
            .or_else(|| old.instance_id.clone()),
        rack_id: request
            .rack_id
            .as_ref()
            .map(|rack| rack.as_str().into())
            .or_else(|| old.rack_id.clone()),
        client_id: same_or_new(&old.client_id, caller.client_id),
        client_host: same_or_new(&old.client_host, caller.client_host),
        rebalance_timeout_ms: said(request.rebalance_timeout_ms).unwrap_or(old.rebalance_timeout_ms),
        topology_epoch: request
            .topology
            .as_ref()
            .map_or(old.topology_epoch, |topology| topology.epoch),
        process_id: request
            .process_id
            .as_ref()
            .map_or_else(|| old.process_id.clone(), |id| same_or_new(&old.process_id, id)),
        user_endpoint: if joins {
            endpoint
        } else {
            endpoint.or_else(|| old.user_endpoint.clone())
        },
        client_tags: tags.unwrap_or_else(|| old.client_tags.clone()),
    }
}
