//! DeleteGroups: groups without members go, with their offsets.
//!
//! Versions 0–3. Errors of a group: GROUP_AUTHORIZATION_FAILED, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, and the
//! coordinator's own; version 3's message is null for all of them, as in Apache Kafka.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_set_order, java_hash};
use barnabas_protocol::messages::delete_groups_response::DeletableGroupResult;
use barnabas_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::share::group_states;

/// Answers for every group once, however often it is named.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut named = BTreeSet::new();
    let mut groups = request.groups_names;
    groups.retain(|group_id| named.insert(group_id.to_string()));
    let mut results = Vec::with_capacity(groups.len());
    let rights = broker.rights(context);
    let may_delete = |group_id: &GroupId| rights.on_group(AclOperation::Delete, group_id);
    let (groups, forbidden): (Vec<_>, Vec<_>) = groups.into_iter().partition(may_delete);
    let shards = broker.groups().by_shard(groups).into_iter();
    for group_id in shards.flat_map(|mut groups| {
        hash_set_order(&mut groups, |group_id| java_hash(group_id));
        groups
    }) {
        // What the share coordinator keeps of a share group goes first.
        if let Err(error) = forget_states(broker, &group_id).await {
            results.push(result(group_id, error));
            continue;
        }
        let deleted = broker.groups().request(&group_id, |core, _| {
            core.delete_group(&group_id).map(|records| (records, ()))
        });
        let error = deleted.await.err().unwrap_or(ErrorCode::None);
        results.push(result(group_id, error));
    }
    let refused = |group_id| result(group_id, ErrorCode::GroupAuthorizationFailed);
    results.extend(forbidden.into_iter().map(refused));
    DeleteGroupsResponse::default().with_results(results)
}

/// Forgets the states of a share group; there is nothing to forget of other groups.
async fn forget_states(broker: &Arc<Broker>, group_id: &str) -> Result<(), ErrorCode> {
    let is_share = broker.groups().request(group_id, |core, _| {
        Ok((Vec::new(), core.is_share_group(group_id)))
    });
    if !is_share.await? {
        return Ok(());
    }
    let forgotten = group_states::forget(broker, group_id, None).await;
    let (_, failed) = forgotten.map_err(|refusal| refusal.code)?;
    failed.into_values().next().map_or(Ok(()), Err)
}

fn result(group_id: GroupId, error: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult::default()
        .with_group_id(group_id)
        .with_error_code(error.code())
}
