//! How Produce and Fetch name a topic: by its name up to version 12 of both, by its id from 13 on (KIP-516).

use bytes::BytesMut;
use uuid::Uuid;

use crate::wire;

/// From this version on, of Produce as of Fetch, topics are named by their ids.
pub const TOPIC_ID_SINCE: i16 = 13;

/// A topic's name or id, whichever the version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicRef<'a> {
    /// By its name, up to version 12.
    Name(&'a str),
    /// By its id, from version 13 on.
    Id(Uuid),
}

impl TopicRef<'_> {
    /// Appends the topic; fails where the version asks for the other form.
    pub(crate) fn put(
        self,
        version: i16,
        flexible: bool,
        buffer: &mut BytesMut,
    ) -> Result<(), anyhow::Error> {
        match self {
            TopicRef::Name(name) if version < TOPIC_ID_SINCE => {
                wire::put_string(buffer, flexible, Some(name))
            }
            TopicRef::Id(id) if version >= TOPIC_ID_SINCE => {
                wire::put_uuid(buffer, id);
                Ok(())
            }
            other => anyhow::bail!("version {version} can't carry {other:?}"),
        }
    }
}
