//! DeleteGroups: groups without members go, with their offsets.
//!
//! Versions 0–3. Errors of a group: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, and the coordinator's own; version 3's message is null for all
//! of them, as in Apache Kafka.

use std::collections::BTreeSet;

use barnabas_coordinator::{hash_set_order, java_hash};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_groups_response::DeletableGroupResult;
use barnabas_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers for every group once, however often it is named.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut named = BTreeSet::new();
    let mut groups = request.groups_names;
    groups.retain(|group_id| named.insert(group_id.to_string()));
    let mut results = Vec::with_capacity(groups.len());
    let shards = broker.groups().by_shard(groups).into_iter();
    for group_id in shards.flat_map(|mut groups| {
        hash_set_order(&mut groups, |group_id| java_hash(group_id));
        groups
    }) {
        let deleted = broker.groups().request(&group_id, |core, _| {
            core.delete_group(&group_id).map(|records| (records, ()))
        });
        let error = deleted.await.err().unwrap_or(ErrorCode::None);
        results.push(
            DeletableGroupResult::default()
                .with_group_id(group_id.clone())
                .with_error_code(error.code()),
        );
    }
    DeleteGroupsResponse::default().with_results(results)
}
