//! Which names a topic may have (Kafka's `Topic`).

const NAME_LENGTH_MAX: usize = 249;

/// Kafka's own topics, which clients don't create by naming them.
pub const GROUP_METADATA_TOPIC_NAME: &str = "__consumer_offsets";
/// The transaction coordinator's log.
pub const TRANSACTION_STATE_TOPIC_NAME: &str = "__transaction_state";
/// The share coordinator's log.
pub const SHARE_GROUP_STATE_TOPIC_NAME: &str = "__share_group_state";
/// The metadata log, which looks like a topic to Kafka's tools but never is one.
pub const CLUSTER_METADATA_TOPIC_NAME: &str = "__cluster_metadata";

/// Whether a topic of this name belongs to a coordinator.
pub fn is_internal(name: &str) -> bool {
    [
        GROUP_METADATA_TOPIC_NAME,
        TRANSACTION_STATE_TOPIC_NAME,
        SHARE_GROUP_STATE_TOPIC_NAME,
    ]
    .contains(&name)
}

/// Whether a topic may be called so; the error is the message that clients see.
pub fn validate(name: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.encode_utf16().count() > NAME_LENGTH_MAX {
        format!("the length of '{name}' is longer than the max allowed length {NAME_LENGTH_MAX}")
    } else if !name.bytes().all(legal) {
        format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
    } else {
        return Ok(());
    };
    Err(format!("Topic name is invalid: {reason}"))
}

/// Whether two different names would give the same metric name, in which '.' and '_' are the same.
pub fn collide(a: &str, b: &str) -> bool {
    let unified = |byte: u8| if byte == b'.' { b'_' } else { byte };
    a.len() == b.len() && a.bytes().map(unified).eq(b.bytes().map(unified))
}

/// Whether a name has characters that can make it collide with another.
pub fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kafka_judges_them() {
        for good in ["a", "a.b", "A_b-9", "...", &"x".repeat(249)] {
            assert_eq!(validate(good), Ok(()), "{good}");
        }
        for (bad, reason) in [
            ("", "the empty string is not allowed".to_owned()),
            (".", "'.' is not allowed".to_owned()),
            ("..", "'..' is not allowed".to_owned()),
            (
                "a b",
                "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
                    .to_owned(),
            ),
            (
                &"x".repeat(250),
                format!(
                    "the length of '{}' is longer than the max allowed length 249",
                    "x".repeat(250)
                ),
            ),
        ] {
            assert_eq!(validate(bad), Err(format!("Topic name is invalid: {reason}")));
        }
        assert!(collide("a.b", "a_b") && !collide("a.b", "a-b") && !collide("a", "ab"));
    }
}
