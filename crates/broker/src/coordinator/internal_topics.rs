//! The topics that coordinators keep their state in: created when someone first looks for a coordinator.

use barnabas_metadata::controller::CreateTopics;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::{CreateTopicsRequest, StrBytes, TopicName};

use crate::broker::Broker;
use barnabas_config::BrokerConfig;

/// Groups and their offsets.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// Transactions.
pub const TRANSACTION_STATE: &str = "__transaction_state";
/// Share groups' delivery state.
pub const SHARE_GROUP_STATE: &str = "__share_group_state";

/// What the controller is asked for to create an internal topic, with the settings that Kafka gives it; `None` for the
/// name of any other topic.
pub fn creatable(name: &str, config: &BrokerConfig) -> Option<CreatableTopic> {
    let (num_partitions, replication_factor, configs) = match name {
        CONSUMER_OFFSETS => (
            config.offsets_topic_num_partitions,
            config.offsets_topic_replication_factor,
            vec![
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "producer".to_owned()),
                ("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
            ],
        ),
        TRANSACTION_STATE => (
            config.transaction_state_log_num_partitions,
            config.transaction_state_log_replication_factor,
            vec![
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "uncompressed".to_owned()),
                (
                    "min.insync.replicas",
                    config.transaction_state_log_min_isr.to_string(),
                ),
                (
                    "segment.bytes",
                    config.transaction_state_log_segment_bytes.to_string(),
                ),
                ("unclean.leader.election.enable", "false".to_owned()),
            ],
        ),
        SHARE_GROUP_STATE => (
            config.share_coordinator_state_topic_num_partitions,
            config.share_coordinator_state_topic_replication_factor,
            vec![
                ("cleanup.policy", "delete".to_owned()),
                ("compression.type", "producer".to_owned()),
                (
                    "min.insync.replicas",
                    config.share_coordinator_state_topic_min_isr.to_string(),
                ),
                ("retention.ms", "-1".to_owned()),
                (
                    "segment.bytes",
                    config.share_coordinator_state_topic_segment_bytes.to_string(),
                ),
            ],
        ),
        _ => return None,
    };
    let configs = configs.into_iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(name.to_owned())))
        .with_num_partitions(num_partitions)
        .with_replication_factor(replication_factor)
        .with_configs(configs.collect());
    Some(topic)
}

/// Creates an internal topic if it isn't there. When this returns without an error the image has it.
///
/// # Errors
/// COORDINATOR_NOT_AVAILABLE: the controller can't be asked, or refuses.
pub async fn ensure(broker: &Broker, name: &str) -> Result<(), ErrorCode> {
    if broker.image().topics.by_name(name).is_some() {
        return Ok(());
    }
    let topic = creatable(name, &broker.config()).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    let refused = match broker.controller.submit(CreateTopics(request)).await {
        Ok(Ok(response)) => {
            response
                .topics
                .iter()
                .find_map(|topic| match ErrorCode::from_code(topic.error_code) {
                    Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) => None,
                    _ => Some(format!("{:?}", topic.error_message)),
                })
        }
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    match refused {
        None => Ok(()),
        Some(reason) => {
            tracing::warn!(topic = name, reason, "the internal topic was not created");
            Err(ErrorCode::CoordinatorNotAvailable)
        }
    }
}
