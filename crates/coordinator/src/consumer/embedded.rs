//! What classic consumers say and get inside JoinGroup and SyncGroup (ConsumerProtocolSubscription and
//! ConsumerProtocolAssignment).
//!
//! ```text
//! subscription: version i16 │ [topic] │ user data │ 1+: [topic, [partition i32]] │ 2+: generation i32 │ 3+: rack
//! assignment:   version i16 │ [topic, [partition i32]] │ user data
//! ```
//!
//! The bytes are a client's: every length is proven before it is believed.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes};

use crate::classic::subscription;

/// The newest version of both.
const VERSION_MAX: i16 = 3;

/// A consumer's subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topics: Vec<String>,
    /// What the consumer has, by topic.
    pub(crate) owned: BTreeMap<String, Vec<i32>>,
    pub(crate) rack_id: Option<String>,
}

/// A consumer's assignment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EmbeddedAssignment {
    pub(crate) partitions: BTreeMap<String, Vec<i32>>,
    pub(crate) has_user_data: bool,
}

/// The version that the bytes begin with, no newer than is known; `None` if there is none.
pub(crate) fn version(mut bytes: &[u8]) -> Option<i16> {
    let version = bytes.try_get_i16().ok()?;
    (version >= 0).then_some(version.min(VERSION_MAX))
}

/// Reads a subscription; `None` if the bytes don't comply with the schema.
pub(crate) fn read_subscription(bytes: &[u8]) -> Option<Subscription> {
    let version = version(bytes)?;
    let (topics, mut rest) = subscription::topics_and_rest(bytes)?;
    let rest = &mut rest;
    let owned = if version >= 1 {
        read_partitions(rest)?
    } else {
        BTreeMap::new()
    };
    if version >= 2 {
        rest.try_get_i32().ok()?;
    }
    let rack_id = if version >= 3 { read_text(rest)? } else { None };
    Some(Subscription {
        topics,
        owned,
        rack_id,
    })
}

/// Reads an assignment; no bytes at all are an empty one. `None` if the bytes don't comply with the schema.
pub(crate) fn read_assignment(mut bytes: &[u8]) -> Option<EmbeddedAssignment> {
    if bytes.is_empty() {
        return Some(EmbeddedAssignment::default());
    }
    version(bytes)?;
    let rest = &mut bytes;
    rest.advance(2);
    let partitions = read_partitions(rest)?;
    let user_data = rest.try_get_i32().ok()?;
    let fits = user_data == -1 || usize::try_from(user_data).is_ok_and(|length| length <= rest.len());
    fits.then_some(EmbeddedAssignment {
        partitions,
        has_user_data: user_data > 0,
    })
}

/// Writes an assignment in a version that [`version`] returned.
pub(crate) fn write_assignment(version: i16, partitions: &BTreeMap<String, Vec<i32>>) -> Bytes {
    let length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let mut bytes = Vec::new();
    bytes.put_i16(version);
    bytes.put_i32(length(partitions.len()));
    for (topic, partitions) in partitions {
        // The name of a topic has 249 bytes at most.
        bytes.put_i16(i16::try_from(topic.len()).unwrap_or(i16::MAX));
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(length(partitions.len()));
        partitions.iter().for_each(|partition| bytes.put_i32(*partition));
    }
    // No user data.
    bytes.put_i32(-1);
    bytes.into()
}

fn read_text(rest: &mut &[u8]) -> Option<Option<String>> {
    let length = rest.try_get_i16().ok()?;
    if length < 0 {
        return Some(None);
    }
    let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(std::str::from_utf8(text).ok()?.to_owned()))
}

fn read_partitions(rest: &mut &[u8]) -> Option<BTreeMap<String, Vec<i32>>> {
    let count = usize::try_from(rest.try_get_i32().ok()?).ok()?;
    // Each topic takes six bytes at least.
    if count > rest.len() / 6 {
        return None;
    }
    let mut topics = BTreeMap::new();
    for _ in 0..count {
        let topic = read_text(rest)??;
        let partitions = usize::try_from(rest.try_get_i32().ok()?).ok()?;
        if partitions > rest.len() / 4 {
            return None;
        }
        let partitions = (0..partitions).map(|_| rest.get_i32()).collect();
        topics.insert(topic, partitions);
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_come_back_and_no_cut_is_taken_for_one() {
        let partitions = BTreeMap::from([("a".to_owned(), vec![0, 2]), ("b".to_owned(), vec![1])]);
        let bytes = write_assignment(1, &partitions);
        let read = read_assignment(&bytes).unwrap();
        assert_eq!(read.partitions, partitions);
        assert!(!read.has_user_data);
        for length in 1..bytes.len() {
            assert_eq!(read_assignment(&bytes[..length]), None, "cut at {length}");
        }
        assert_eq!(read_assignment(b""), Some(EmbeddedAssignment::default()));
    }

    #[test]
    fn a_subscription_of_version_3() {
        let bytes = b"\x00\x03\x00\x00\x00\x01\x00\x01t\xff\xff\xff\xff\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x07\x00\x01r";
        let read = read_subscription(bytes).unwrap();
        assert_eq!(read.topics, ["t"]);
        assert_eq!(read.owned, BTreeMap::from([("t".to_owned(), vec![5])]));
        assert_eq!(read.rack_id.as_deref(), Some("r"));
        for length in 0..bytes.len() {
            assert_eq!(read_subscription(&bytes[..length]), None, "cut at {length}");
        }
        let lying = b"\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff\x7f\xff\xff\xff\x00\x01t\x00\x00\x00\x00";
        assert_eq!(read_subscription(lying), None, "a lying count");
    }
}
