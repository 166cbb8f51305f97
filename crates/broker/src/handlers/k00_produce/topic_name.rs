//! Topics as Produce requests name them, beyond the request's buffer.

use barnabas_metadata::controller::topic_name::is_internal;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::produce::TopicRef;
use uuid::Uuid;

use crate::request::RequestContext;

/// What admin clients call themselves: they may write where coordinators keep their state.
const ADMIN_CLIENT_ID: &str = "__admin_client";

/// Whether the client may write to the topic at all.
///
/// # Errors
/// INVALID_TOPIC_EXCEPTION for a coordinator's topic, which clients don't write to.
pub fn check_open(topic: &str, context: &RequestContext) -> Result<(), ErrorCode> {
    if is_internal(topic) && &*context.client_id != ADMIN_CLIENT_ID {
        return Err(ErrorCode::InvalidTopicException);
    }
    Ok(())
}

/// A topic as the request named it, kept for an answer that has to wait.
pub enum TopicName {
    /// By its name.
    Name(String),
    /// By its id.
    Id(Uuid),
}

impl TopicName {
    /// A copy of it.
    pub fn of(topic: TopicRef<'_>) -> Self {
        match topic {
            TopicRef::Name(name) => TopicName::Name(name.to_owned()),
            TopicRef::Id(id) => TopicName::Id(id),
        }
    }

    /// As the answer names it.
    pub fn as_ref(&self) -> TopicRef<'_> {
        match self {
            TopicName::Name(name) => TopicRef::Name(name),
            TopicName::Id(id) => TopicRef::Id(*id),
        }
    }
}
