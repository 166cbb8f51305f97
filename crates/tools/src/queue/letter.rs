//! Dead letters, as their headers describe them (KIP-1191).

use crate::client::records::Fetched;

/// Of what record of which group a dead letter is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Letter {
    /// The record's topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The share group that has given it up.
    pub group: String,
}

impl Letter {
    /// What a record of a dead letter topic says; `None` if it is no dead letter.
    pub fn of(record: &Fetched) -> Option<Letter> {
        let text = |name: &str| {
            let header = record.headers.iter().find(|(key, _)| key == name.as_bytes());
            str::from_utf8(header?.1.as_deref()?).ok()
        };
        Some(Letter {
            topic: text("__dlq.errors.topic")?.to_owned(),
            partition: text("__dlq.errors.partition")?.parse().ok()?,
            offset: text("__dlq.errors.offset")?.parse().ok()?,
            group: text("__dlq.errors.group")?.to_owned(),
        })
    }
}
