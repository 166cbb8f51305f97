//! Topics as Produce requests name them, beyond the request's buffer.

use barnabas_protocol::produce::TopicRef;
use uuid::Uuid;

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
