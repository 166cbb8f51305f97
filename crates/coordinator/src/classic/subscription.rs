//! The topics in a consumer's subscription (Kafka's embedded consumer protocol,
//! ConsumerProtocolSubscription.json).
//!
//! Every version begins with version 0's fields, so version 0 is all that is read:
//!
//! ```text
//! version i16 | count i32 | { length i16 | topic } … | user data length i32 (-1: null) | user data
//! ```

use bytes::Buf;

/// Topics of the subscription; `None` if the bytes don't comply with the schema, for then the group's topics
/// are unknown.
pub(crate) fn topics(subscription: &[u8]) -> Option<Vec<String>> {
    topics_and_rest(subscription).map(|(topics, _)| topics)
}

/// [`topics`], and the bytes behind version 0's fields.
pub(crate) fn topics_and_rest(mut subscription: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let bytes = &mut subscription;
    if bytes.try_get_i16().ok()? < 0 {
        return None;
    }
    let count = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
    // Each topic takes two bytes at least: a lying count is refused before anything is allocated for it.
    if count > bytes.len() / 2 {
        return None;
    }
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        let (topic, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        topics.push(std::str::from_utf8(topic).ok()?.to_owned());
    }
    let user_data = bytes.try_get_i32().ok()?;
    let length = if user_data == -1 {
        0
    } else {
        usize::try_from(user_data).ok()?
    };
    let (_, rest) = bytes.split_at_checked(length)?;
    Some((topics, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_a_subscription() {
        let good = b"\x00\x01\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff\x00\x00\x00\x00";
        assert_eq!(topics(good), Some(vec!["a".to_owned(), "bc".to_owned()]));
        for length in 0..17 {
            assert_eq!(topics(&good[..length]), None, "cut at {length}");
        }
        assert_eq!(
            topics(b"\x00\x00\x7f\xff\xff\xff\x00\x01a"),
            None,
            "a lying count"
        );
        assert_eq!(
            topics(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05a"),
            None,
            "user data cut short"
        );
        assert_eq!(
            topics(b"\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff"),
            None,
            "a negative version"
        );
    }
}
