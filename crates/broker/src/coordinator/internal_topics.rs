//! Creates the topics that coordinators keep their state in, when someone first looks for a coordinator.

use barnabas_metadata::controller::CreateTopics;
use barnabas_metadata::internal_topics::creatable;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::CreateTopicsRequest;

use crate::broker::Broker;

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
        None => {
            tracing::info!(topic = name, "created, since it is needed");
            Ok(())
        }
        Some(reason) => {
            tracing::warn!(topic = name, reason, "the internal topic was not created");
            Err(ErrorCode::CoordinatorNotAvailable)
        }
    }
}
