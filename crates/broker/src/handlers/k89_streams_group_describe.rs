//! StreamsGroupDescribe (KIP-1071): state, epochs, topology, members and tasks of streams groups.
//!
//! Versions 0–1. UNSUPPORTED_VERSION while streams.version is 0. Errors of a group:
//! GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED for one with a topic that the client may not
//! describe, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, and the coordinator's own.

use barnabas_metadata::features::STREAMS_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_describe_response::{DescribedGroup, TopologyDescription};
use barnabas_protocol::messages::{
    GroupId, StrBytes, StreamsGroupDescribeRequest, StreamsGroupDescribeResponse,
};
use barnabas_security::{AclOperation, ResourceType, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

/// The status of a description that can't be shown.
const DESCRIPTION_ERROR: i8 = 2;

const FORBIDDEN_TOPICS: &str =
    "The described group uses topics that the client is not authorized to describe.";

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: StreamsGroupDescribeRequest,
) -> StreamsGroupDescribeResponse {
    let mut groups = Vec::with_capacity(request.group_ids.len());
    if broker.image().features.level(STREAMS_VERSION) == 0 {
        for group_id in request.group_ids {
            groups.push(refused(&group_id, ErrorCode::UnsupportedVersion));
        }
        return StreamsGroupDescribeResponse::default().with_groups(groups);
    }
    let rights = broker.rights(context);
    let may_describe = |group_id: &GroupId| rights.on_group(AclOperation::Describe, group_id);
    let (named, forbidden): (Vec<_>, Vec<_>) = request.group_ids.into_iter().partition(may_describe);
    for group_id in forbidden {
        groups.push(refused(&group_id, ErrorCode::GroupAuthorizationFailed));
    }
    let (named, nameless): (Vec<_>, Vec<_>) = named.into_iter().partition(|id| !id.is_empty());
    for group_id in nameless {
        groups.push(refused(&group_id, ErrorCode::InvalidGroupId));
    }
    for group_id in broker.groups().by_shard(named).into_iter().flatten() {
        let described = broker.groups().request(&group_id, |core, _| {
            Ok((
                Vec::new(),
                core.describe_streams(
                    &group_id,
                    context.api_version,
                    request.include_topology_description,
                ),
            ))
        });
        let mut group = match described.await {
            Ok(group) => group,
            Err(error) => refused(&group_id, error),
        };
        if request.include_authorized_operations && group.error_code == 0 {
            group.authorized_operations = rights.operations(ResourceType::Group, &group_id);
        }
        if !rights.are_unlimited()
            && group
                .topology_description
                .as_ref()
                .is_some_and(|description| !is_visible(description, rights))
        {
            // It names topics that the client may not see, sinks for example.
            group.topology_description = None;
            group.topology_description_status = DESCRIPTION_ERROR;
        }
        if !rights.are_unlimited() && !shows_only_visible(&group, rights) {
            group = refused(&group_id, ErrorCode::TopicAuthorizationFailed)
                .with_error_message(Some(StrBytes::from_static_str(FORBIDDEN_TOPICS)));
        }
        groups.push(group);
    }
    StreamsGroupDescribeResponse::default().with_groups(groups)
}

/// Whether the client may describe every topic of the topology.
fn shows_only_visible(group: &DescribedGroup, rights: Rights<'_>) -> bool {
    let subtopologies = group
        .topology
        .iter()
        .flat_map(|topology| topology.subtopologies.iter().flatten());
    let mut topics = subtopologies.flat_map(|subtopology| {
        let internal = subtopology
            .repartition_source_topics
            .iter()
            .chain(&subtopology.state_changelog_topics);
        let external = subtopology
            .source_topics
            .iter()
            .chain(&subtopology.repartition_sink_topics);
        external.chain(internal.map(|topic| &topic.name))
    });
    topics.all(|topic| rights.on_topic(AclOperation::Describe, topic))
}

/// Whether the client may describe every topic that the description names.
fn is_visible(description: &TopologyDescription, rights: Rights<'_>) -> bool {
    let of_subtopologies = description
        .subtopologies
        .iter()
        .flat_map(|subtopology| &subtopology.nodes);
    let of_stores = description
        .global_stores
        .iter()
        .flat_map(|store| [&store.source, &store.processor]);
    let mut topics = of_subtopologies
        .chain(of_stores)
        .flat_map(|node| node.source_topics.iter().chain(&node.sink_topic));
    topics.all(|topic| rights.on_topic(AclOperation::Describe, topic))
}

fn refused(group_id: &GroupId, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(group_id.clone())
        .with_error_code(error.code())
}
