//! The records of the topic `_schemas`, byte for byte as Confluent's registry writes their keys: the topic is
//! compacted, so that a key written another way would leave two records of one thing.

use crate::json::{Json, Object, object};

/// A record to append: key and value, `None` for a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Option<String>,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A version of a subject.
    Schema {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// What is set with `/config`: `None` for all subjects.
    Config(Option<String>),
    /// What is set with `/mode`: `None` for all subjects.
    Mode(Option<String>),
    /// The versions of a subject up to one are deleted, softly.
    DeleteSubject(String),
    /// What is deleted softly of a subject is gone.
    ClearSubject(String),
    /// Nothing.
    Noop,
}

impl Key {
    /// Reads a key; `None` for one that nobody of us has written.
    pub fn parse(bytes: &[u8]) -> Option<Key> {
        let key = Json::parse(bytes).ok()?;
        let subject = || Some(key.get("subject")?.as_str()?.to_owned());
        Some(match key.get("keytype")?.as_str()? {
            "SCHEMA" => Key::Schema {
                subject: subject()?,
                version: key.get("version")?.as_i32()?,
            },
            "CONFIG" => Key::Config(subject()),
            "MODE" => Key::Mode(subject()),
            "DELETE_SUBJECT" => Key::DeleteSubject(subject()?),
            "CLEAR_SUBJECT" => Key::ClearSubject(subject()?),
            "NOOP" => Key::Noop,
            _ => return None,
        })
    }

    fn json(&self) -> Json {
        let key = |keytype: &str, subject: Json, magic: i32| {
            object([
                ("keytype", keytype.into()),
                ("subject", subject),
                ("magic", magic.into()),
            ])
        };
        let optional = |subject: &Option<String>| subject.as_deref().map_or(Json::Null, Json::from);
        match self {
            Key::Schema { subject, version } => object([
                ("keytype", "SCHEMA".into()),
                ("subject", subject.as_str().into()),
                ("version", (*version).into()),
                ("magic", 1.into()),
            ]),
            Key::Config(subject) => key("CONFIG", optional(subject), 0),
            Key::Mode(subject) => key("MODE", optional(subject), 0),
            Key::DeleteSubject(subject) => key("DELETE_SUBJECT", subject.as_str().into(), 0),
            Key::ClearSubject(subject) => key("CLEAR_SUBJECT", subject.as_str().into(), 0),
            Key::Noop => object([("keytype", "NOOP".into()), ("magic", 0.into())]),
        }
    }

    /// A record of this key.
    pub fn record(&self, value: Option<Json>) -> TopicRecord {
        TopicRecord {
            key: self.json().to_string(),
            value: value.map(|value| value.to_string()),
        }
    }
}

/// The value of [`Key::DeleteSubject`].
pub fn delete_subject_value(subject: &str, up_to: i32) -> Json {
    object([("subject", subject.into()), ("version", up_to.into())])
}

/// The value of [`Key::Mode`].
pub fn mode_value(subject: Option<&str>, mode: &str) -> Json {
    let mut value = Object::new();
    if let Some(subject) = subject {
        value.insert("subject".to_owned(), subject.into());
    }
    value.insert("mode".to_owned(), mode.into());
    Json::Object(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for (text, key) in [
            (
                r#"{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}"#,
                Key::Schema {
                    subject: "s".to_owned(),
                    version: 2,
                },
            ),
            (
                r#"{"keytype":"CONFIG","subject":null,"magic":0}"#,
                Key::Config(None),
            ),
            (
                r#"{"keytype":"MODE","subject":"s","magic":0}"#,
                Key::Mode(Some("s".to_owned())),
            ),
            (
                r#"{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}"#,
                Key::DeleteSubject("s".to_owned()),
            ),
            (
                r#"{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}"#,
                Key::ClearSubject("s".to_owned()),
            ),
            (r#"{"keytype":"NOOP","magic":0}"#, Key::Noop),
        ] {
            assert_eq!(Key::parse(text.as_bytes()), Some(key.clone()));
            assert_eq!(key.record(None).key, text);
        }
        // Karapace has written keys in another order.
        let other = br#"{"subject":"s","version":2,"magic":1,"keytype":"SCHEMA"}"#;
        assert!(matches!(Key::parse(other), Some(Key::Schema { version: 2, .. })));
        assert_eq!(Key::parse(b"nonsense"), None);
        assert_eq!(Key::parse(br#"{"keytype":"NEW"}"#), None);
    }
}
