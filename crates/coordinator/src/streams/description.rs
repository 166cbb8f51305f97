//! Topology descriptions (KIP-1331): what a topology looks like inside, for people. A member is asked for it,
//! and the coordinator keeps it in memory; a new leader asks again.

use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::StreamsGroupTopologyDescriptionUpdateRequest;
use barnabas_protocol::messages::streams_group_describe_response as described;
use barnabas_protocol::messages::streams_group_topology_description_update_request as sent;

use super::group::StreamsGroup;
use super::member::StreamsMember;
use super::record::{StreamsEpoch, StreamsRecord};
use crate::consumer::refusal::Refusal;
use crate::group::{GroupShard, Outcome};
use crate::record::GroupRecord;

/// The most bytes of names that are kept of a description.
const BYTES_MAX: usize = 1 << 20;
/// A member that was asked for a description has this long to send it before another is asked.
const ASKED_AGAIN_MS: i64 = 30_000;
/// The types of nodes: source, processor and sink.
const NODE_TYPES: std::ops::RangeInclusive<i8> = 1..=3;

/// Whether a description was asked for, and is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    NotRequested = 0,
    NotStored = 1,
    Available = 3,
}

impl GroupShard {
    /// Handles a StreamsGroupTopologyDescriptionUpdate request. A description that is too large is refused
    /// for good.
    ///
    /// # Errors
    /// INVALID_REQUEST, UNKNOWN_MEMBER_ID, also where there is no such group.
    pub fn update_streams_description(
        &mut self,
        request: &StreamsGroupTopologyDescriptionUpdateRequest,
    ) -> Result<Outcome<Result<(), Refusal>>, Refusal> {
        let invalid = |message: String| Refusal::new(ErrorCode::InvalidRequest, message);
        if request.member_id.trim().is_empty() {
            return Err(invalid("MemberId can't be empty.".to_owned()));
        }
        if request.group_id.trim().is_empty() {
            return Err(invalid("GroupId can't be empty.".to_owned()));
        }
        let Some(group) = self.streams_groups.get_mut(request.group_id.as_str()) else {
            let message = format!("Group {} not found.", request.group_id.as_str());
            return Err(Refusal::new(ErrorCode::UnknownMemberId, message));
        };
        group.known_member(&request.member_id)?;
        let known = group.topology.as_ref().map(|topology| topology.epoch);
        if known != Some(request.topology_epoch) {
            return Err(invalid(format!(
                "Topology epoch {} is not that of the group.",
                request.topology_epoch
            )));
        }
        let description = &request.topology_description;
        if nodes(description).any(|node| !NODE_TYPES.contains(&node.node_type)) {
            return Err(invalid("A node has a type that is not known.".to_owned()));
        }
        let ids = description
            .subtopologies
            .iter()
            .map(|one| size_of_val(one) + one.subtopology_id.len());
        let fits = nodes(description).map(size).chain(ids).sum::<usize>() <= BYTES_MAX;
        let mut epoch: StreamsEpoch = (*group.epoch).clone();
        let reply = if fits {
            group.soft.description = Some(Arc::new(convert(description)));
            epoch.stored_description_epoch = request.topology_epoch;
            Ok(())
        } else {
            epoch.failed_description_epoch = request.topology_epoch;
            let message = format!("A topology description may have {BYTES_MAX} bytes.");
            Err(Refusal::new(
                ErrorCode::StreamsTopologyDescriptionUpdateFailed,
                message,
            ))
        };
        let group_id = group.id.clone();
        let records = if epoch == *group.epoch {
            Vec::new()
        } else {
            GroupRecord::of_streams_group(&group_id, vec![StreamsRecord::Epoch(Some(Arc::new(epoch)))])
        };
        Ok(Outcome { records, reply })
    }
}

impl StreamsGroup {
    /// Whether this member is to be asked for the description of its topology.
    pub(super) fn asks_for_description(&self, member: &StreamsMember, now: Now) -> bool {
        let Some(topology) = &self.topology else {
            return false;
        };
        let asked_lately = |at_ms: i64| now.monotonic_ms < at_ms.saturating_add(ASKED_AGAIN_MS);
        self.soft.description.is_none()
            && self.epoch.failed_description_epoch != topology.epoch
            && member.details.topology_epoch == topology.epoch
            && !self.soft.description_asked_at_ms.is_some_and(asked_lately)
    }

    /// Adds the description to what is told of the group.
    pub(super) fn describe_topology(
        &self,
        group: described::DescribedGroup,
        is_requested: bool,
    ) -> described::DescribedGroup {
        let (status, description) = match &self.soft.description {
            _ if !is_requested => (Status::NotRequested, None),
            Some(description) => (Status::Available, Some((**description).clone())),
            None => (Status::NotStored, None),
        };
        group
            .with_topology_description(description)
            .with_topology_description_status(status as i8)
    }
}

fn nodes(description: &sent::TopologyDescription) -> impl Iterator<Item = &sent::TopologyDescriptionNode> {
    let of_stores = description.global_stores.iter();
    let of_subtopologies = description.subtopologies.iter();
    of_subtopologies
        .flat_map(|subtopology| &subtopology.nodes)
        .chain(of_stores.flat_map(|store| [&store.source, &store.processor]))
}

fn size(node: &sent::TopologyDescriptionNode) -> usize {
    let topics = node
        .source_topics
        .iter()
        .chain(&node.sink_topic)
        .map(|topic| topic.len());
    let names = node.stores.iter().chain(&node.successors).map(|name| name.len());
    size_of::<sent::TopologyDescriptionNode>() + node.name.len() + topics.chain(names).sum::<usize>()
}

fn convert(description: &sent::TopologyDescription) -> described::TopologyDescription {
    let subtopology = |subtopology: &sent::TopologyDescriptionSubtopology| {
        described::TopologyDescriptionSubtopology::default()
            .with_subtopology_id(own(&subtopology.subtopology_id))
            .with_nodes(subtopology.nodes.iter().map(node).collect())
    };
    let store = |store: &sent::TopologyDescriptionGlobalStore| {
        described::TopologyDescriptionGlobalStore::default()
            .with_source(node(&store.source))
            .with_processor(node(&store.processor))
    };
    described::TopologyDescription::default()
        .with_subtopologies(description.subtopologies.iter().map(subtopology).collect())
        .with_global_stores(description.global_stores.iter().map(store).collect())
}

fn node(node: &sent::TopologyDescriptionNode) -> described::TopologyDescriptionNode {
    let topic =
        |topic: &barnabas_protocol::messages::TopicName| barnabas_protocol::messages::TopicName(own(topic));
    described::TopologyDescriptionNode::default()
        .with_name(own(&node.name))
        .with_node_type(node.node_type)
        .with_source_topics(node.source_topics.iter().map(topic).collect())
        .with_sink_topic(node.sink_topic.as_ref().map(topic))
        .with_stores(node.stores.iter().map(|name| own(name)).collect())
        .with_successors(node.successors.iter().map(|name| own(name)).collect())
}

/// A copy: what is kept must not hold on to the request's frame.
fn own(name: &str) -> barnabas_protocol::messages::StrBytes {
    crate::codec::text(name)
}
