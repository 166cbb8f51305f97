//! Which partition of `__consumer_offsets` coordinates a group.

/// Java's `String.hashCode`: over UTF-16 units, modulo 2^32.
pub(crate) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

/// The partition, out of `num_partitions` (`offsets.topic.num.partitions` when the topic was created), whose leader
/// coordinates the group. Kafka's absolute value of the least int is 0.
pub fn partition_for(group_id: &str, num_partitions: i32) -> i32 {
    java_hash(group_id).checked_abs().unwrap_or(0) % num_partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_as_kafka_places_them() {
        // Values of Java's String.hashCode.
        for (text, hash) in [
            ("", 0),
            ("a", 97),
            ("console-consumer-12345", 158_455_506),
            ("polygenelubricants", i32::MIN),
            ("gruppe-ä", 673_522_898),
            ("\u{1f600}", 1_772_899),
        ] {
            assert_eq!(java_hash(text), hash, "{text:?}");
        }
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        assert_eq!(partition_for("a", 50), 47);
    }
}
