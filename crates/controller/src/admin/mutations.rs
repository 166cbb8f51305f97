//! The quota of changes to metadata (KIP-599): partitions that are created and deleted, one by one topic.

use barnabas_metadata::MetadataImage;
use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;

use super::AdminNode;

/// What a request takes of its client's quota.
pub struct Mutations<'a, N> {
    node: &'a N,
    context: &'a RequestContext,
    /// Whether the client knows of THROTTLING_QUOTA_EXCEEDED; one that doesn't is slowed down afterwards.
    is_strict: bool,
    throttle_time_ms: i32,
}

impl<'a, N: AdminNode> Mutations<'a, N> {
    /// Nothing yet. From version `strict_since` on changes are refused once the quota is used up.
    pub fn new(node: &'a N, context: &'a RequestContext, strict_since: i16) -> Self {
        Mutations {
            node,
            context,
            is_strict: context.api_version >= strict_since,
            throttle_time_ms: 0,
        }
    }

    /// Takes so many changes.
    ///
    /// # Errors
    /// THROTTLING_QUOTA_EXCEEDED: the quota is used up.
    pub fn take(&mut self, partitions: usize) -> Result<(), ApiError> {
        let taken = self.node.mutate(self.context, partitions, self.is_strict);
        let throttle_time_ms = taken.unwrap_or_else(|throttle_time_ms| throttle_time_ms);
        self.throttle_time_ms = self.throttle_time_ms.max(throttle_time_ms);
        taken.map(drop).map_err(|_| {
            ApiError::new(
                ErrorCode::ThrottlingQuotaExceeded,
                "The throttling quota has been exceeded.",
            )
        })
    }

    /// For how many milliseconds the client pauses.
    pub fn throttle_time_ms(&self) -> i32 {
        self.throttle_time_ms
    }
}

/// The partitions of a topic that is to be created; none where there can't be any, which the controller says.
pub fn created(topic: &CreatableTopic, node: &impl AdminNode) -> usize {
    if node.image().topics.by_name(&topic.name.0).is_some() {
        return 0;
    }
    match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => default_partitions(node),
        (0, count) => usize::try_from(count).unwrap_or(0),
        (assigned, _) => assigned,
    }
}

fn default_partitions(node: &impl AdminNode) -> usize {
    let layers = node.layers();
    let given = layers.given("num.partitions");
    given.and_then(|count| count.trim().parse().ok()).unwrap_or(1)
}

/// The partitions that a topic is to get.
pub fn added(topic: &CreatePartitionsTopic, image: &MetadataImage) -> usize {
    let existing = image.topics.by_name(&topic.name.0);
    existing.map_or(0, |existing| {
        usize::try_from(topic.count)
            .unwrap_or(0)
            .saturating_sub(existing.partitions.len())
    })
}
