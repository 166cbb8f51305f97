//! Records as Apache Kafka 4.4 has written them, where they are not what our own codecs write.

use barnabas_protocol::described::{Family, Node, by_key};
use barnabas_protocol::internal_records::{ConsumerGroupMemberMetadataValue, decode_value};

/// A member by the new protocol: what it is not is written as null in a tagged field, which is a 0 there.
const MEMBER: &[u8] =
    b"\0\0\0\0\x08rdkafka\x0b/127.0.0.1\x02\x07orders\x01\x00\x04\x93\xe0\x00\x01\x00\x01\x00";

#[test]
fn a_struct_in_a_tagged_field_may_be_null() {
    let member: ConsumerGroupMemberMetadataValue = decode_value(MEMBER).unwrap();
    assert_eq!(
        (member.rebalance_timeout_ms, member.classic_member_metadata),
        (300_000, None)
    );
    let described = by_key(Family::GroupValue, 5).unwrap();
    let (mut node, left) = described.decode(0, &MEMBER[2..]).unwrap();
    assert_eq!(
        (node.field_mut("classicMemberMetadata"), left),
        (Some(&mut Node::Null), 0)
    );
}
