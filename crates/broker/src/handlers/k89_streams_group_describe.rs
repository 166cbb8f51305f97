//! StreamsGroupDescribe (KIP-1071): state, epochs, topology, members and tasks of streams groups.
//!
//! Versions 0–1. UNSUPPORTED_VERSION while streams.version is 0 or
//! group.coordinator.rebalance.protocols lacks the protocol. Errors of a group:
//! GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED for one with a topic that the client may not
//! describe, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, and the coordinator's own.

use barnabas_metadata::features::STREAMS_VERSION;
use barnabas_protocol::messages::streams_group_describe_response::{DescribedGroup, TopologyDescription};
use barnabas_protocol::messages::{StreamsGroupDescribeRequest, StreamsGroupDescribeResponse};
use barnabas_security::{AclOperation, Rights};

use super::described_groups::{Asked, Described, describe, described_fields};
use crate::broker::Broker;
use crate::request::RequestContext;

/// The status of a description that can't be shown.
const DESCRIPTION_ERROR: i8 = 2;

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: StreamsGroupDescribeRequest,
) -> StreamsGroupDescribeResponse {
    let asked = Asked {
        group_ids: request.group_ids,
        include_authorized_operations: request.include_authorized_operations,
        feature: STREAMS_VERSION,
    };
    let groups = describe(broker, context, asked, |core, group_id| {
        core.describe_streams(
            group_id,
            context.api_version,
            request.include_topology_description,
        )
    });
    StreamsGroupDescribeResponse::default().with_groups(groups.await)
}

impl Described for DescribedGroup {
    const FORBIDDEN_TOPICS: &str =
        "The described group uses topics that the client is not authorized to describe.";

    described_fields!();

    fn show_to(&mut self, rights: Rights<'_>) -> bool {
        let description = self.topology_description.as_ref();
        if description.is_some_and(|description| !is_visible(description, rights)) {
            // It names topics that the client may not see, sinks for example.
            self.topology_description = None;
            self.topology_description_status = DESCRIPTION_ERROR;
        }
        shows_only_visible(self, rights)
    }
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
