//! Settings of topics that the controller goes by: the topic's own, then those of this node, of all brokers,
//! of the file, and the default.

use barnabas_config::ControllerRules;

use crate::image::MetadataImage;
use crate::records::ConfigResource;

/// `min.insync.replicas` of a topic.
pub(super) fn min_insync_replicas(
    topic: &str,
    image: &MetadataImage,
    rules: &ControllerRules,
    node_id: i32,
) -> i32 {
    let value = value(topic, "min.insync.replicas", image, rules, node_id);
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(1)
}

/// `unclean.leader.election.enable` of a topic.
pub(super) fn unclean_leader_election(
    topic: &str,
    image: &MetadataImage,
    rules: &ControllerRules,
    node_id: i32,
) -> bool {
    let value = value(topic, "unclean.leader.election.enable", image, rules, node_id);
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// The names are the same for topics and brokers.
fn value(
    topic: &str,
    name: &str,
    image: &MetadataImage,
    rules: &ControllerRules,
    node_id: i32,
) -> Option<String> {
    let resources = [
        ConfigResource::topic(topic),
        ConfigResource::broker(node_id),
        ConfigResource::default_broker(),
    ];
    let dynamic = resources
        .iter()
        .find_map(|resource| image.configs.value(resource, name));
    dynamic
        .map(str::to_owned)
        .or_else(|| rules.static_broker_value(name))
}
